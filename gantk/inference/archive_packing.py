"""Writing zip and tar archives member by member, always the same bytes for the same members."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Literal, Protocol, cast

ArchiveKind = Literal["zip", "tar", "tar.gz"]

_KINDS: dict[str, ArchiveKind] = {".zip": "zip", ".tar": "tar", ".tar.gz": "tar.gz", ".tgz": "tar.gz"}
_BLOCK = 1 << 20
# 1980-01-01, the first day that a zip file can name; some programs warn of members from 1970.
_DATE = (1980, 1, 1, 0, 0, 0)
_SECONDS = 315532800


def archive_kind(name: str) -> ArchiveKind | None:
    """Return the kind of archive that a file's name stands for, among those that are written."""
    lower = name.lower()
    return next((kind for ending, kind in _KINDS.items() if lower.endswith(ending) and lower != ending), None)


class WrongSize(Exception):
    """A member has another number of bytes than it was said to have."""


class ArchiveWriter(Protocol):
    """Takes the members of an archive, one after another."""

    def add(self, name: str, size: int, content: IO[bytes]) -> None:
        """Write a member.

        Args:
            name: A POSIX path.
            size: How many bytes it has.
            content: Read to its end.

        Raises:
            WrongSize: It has another number of bytes.
            OSError: It cannot be read or written.
        """
        ...


@contextmanager
def archive_writer(stream: IO[bytes], kind: ArchiveKind) -> Iterator[ArchiveWriter]:
    """Begin with an archive, whose end is written when the block ends well.

    Times, owners and rights of members are the same for all, so that the same members give the same bytes. Zip members
    are stored, since pictures are compressed already, and gzip compresses little and fast.

    Args:
        stream: Takes the archive; can be sought in.
        kind: Its kind.
    """
    if kind == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            yield _ZipWriter(archive)
    elif kind == "tar":
        yield from _tar(stream)
    else:
        with gzip.GzipFile("", "wb", compresslevel=1, fileobj=stream, mtime=0) as compressed:
            yield from _tar(cast(IO[bytes], compressed))


def _tar(stream: IO[bytes]) -> Iterator[ArchiveWriter]:
    archive = tarfile.TarFile(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8")
    yield _TarWriter(archive)
    archive.close()


class _ZipWriter:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, size: int, content: IO[bytes]) -> None:
        entry = zipfile.ZipInfo(name, _DATE)
        entry.create_system = 3
        entry.external_attr = 0o100644 << 16
        # Decides, before its first byte is written, whether the member needs sizes of 64 bits.
        entry.file_size = size
        with self._archive.open(entry, "w") as member:
            copied = 0
            while block := content.read(_BLOCK):
                member.write(block)
                copied += len(block)
        _check(name, size, copied)


class _TarWriter:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def add(self, name: str, size: int, content: IO[bytes]) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = size, _SECONDS, 0o644
        counted = _Counted(content)
        try:
            self._archive.addfile(entry, counted)
        except OSError as error:
            if error.errno is None:
                # How tarfile tells that there was less than it was promised.
                _check(name, size, counted.count)
            raise
        _check(name, size, counted.count + len(content.read(1)))
        # The list of all members so far would grow without end, and is of no use here.
        self._archive.members = []  # type: ignore[attr-defined]


class _Counted:
    """A stream that knows how much was read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.count += len(block)
        return block


def _check(name: str, expected: int, received: int) -> None:
    if received != expected:
        raise WrongSize(f"{name} must have {expected} bytes. Received: {received}")
