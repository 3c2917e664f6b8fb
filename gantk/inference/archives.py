"""Pictures inside zip and tar archives, read member by member; nothing is unpacked to the disk."""

from __future__ import annotations

import lzma
import os
import re
import sys
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from gantk.inference.picture import BadPicture
from gantk.inference.picture_reading import MAGIC_BYTES
from gantk.inference.spooling import FILE_LIMIT, TooLarge, spooled, too_large
from gantk.inference.strict_tar import StrictTarInfo

ARCHIVE_MAGIC_BYTES = 512
"""How many of its first bytes tell that a file is an archive."""

_ENDINGS = re.compile(r"\.(zip|cbz|tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz))\Z", re.IGNORECASE)
_ZIP_ENCRYPTED, _ZIP_UTF8 = 0x1, 0x800
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)
"""What the libraries raise at a damaged archive, beside `OSError`."""
_REPLACED = "The archive was changed meanwhile: it is not in its place any more."
_BROKEN = (*DAMAGED, OSError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    Args:
        name: As the archive has it.
        number: Its position among all entries of the archive.
        size: Bytes, unpacked.
        stamp: Changes whenever the content does.
        beginning: The first bytes, where the name alone was not enough.
        problem: Why it cannot be read; empty where it can.
        offset: Where it begins, its header included, in a tar file that is not compressed.
    """

    name: str
    number: int
    size: int
    stamp: str
    beginning: bytes = b""
    problem: str = ""
    offset: int | None = None


@dataclass(frozen=True)
class ArchiveSource:
    """Where the bytes of an archive come from.

    Args:
        name: Of the file, without those of folders.
        label: What the user knows it by.
        open: Returns a new stream.
        stamp: Changes whenever the content does; empty where that is not known.
    """

    name: str
    label: str
    open: Callable[[], IO[bytes]]
    stamp: str = ""


class Archive(Protocol):
    """An archive of files."""

    source: ArchiveSource

    def members(self, sniff: SniffRule) -> Iterator[Member]:
        """Yield its files in order.

        Args:
            sniff: Says by a member's name whether its first bytes are wanted.

        Raises:
            BadPicture: The archive is damaged, after the members that could be found.
        """
        ...

    def expect(self, numbers: Iterable[int], folder: Path | None = None) -> None:
        """Announce every member that will be read.

        Args:
            numbers: Of those members.
            folder: Takes large ones that must wait for their turn.
        """
        ...

    def read(self, member: Member) -> bytes:
        """Return the content of a member; for use by several threads, in about the order of the archive.

        Raises:
            BadPicture: It is damaged, encrypted or too large.
        """
        ...

    def spool(self, member: Member, folder: Path | None) -> bytes | IO[bytes]:
        """As `read`, but a large content comes as a file without a name in the folder."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class SniffRule(Protocol):
    """Says by a name whether the first bytes of a file are wanted."""

    def __call__(self, name: str) -> bool: ...


def open_archive(path: Path) -> Archive | None:
    """Return the archive at a path, or None where the file is none."""
    with path.open("rb") as stream:
        beginning = stream.read(ARCHIVE_MAGIC_BYTES)
        status = os.fstat(stream.fileno())
    stamp = f"{status.st_size}-{status.st_mtime_ns}"
    return archive_from(ArchiveSource(path.name, str(path), lambda: path.open("rb"), stamp), beginning)


def archive_from(source: ArchiveSource, beginning: bytes) -> Archive | None:
    """Return an archive by its first 512 bytes, or None where they are those of none."""
    if beginning.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ZipArchive(source)
    if beginning[257:262] == b"ustar":
        return TarArchive(source, compressed=False)
    if beginning.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")):
        return TarArchive(source)
    return None


def archive_stem(name: str) -> str:
    """Return a file's name without what says that it is an archive: `photos.tar.gz` → `photos`."""
    return _ENDINGS.sub("", name) or name


class ZipArchive:
    """A zip file; members are read in any order."""

    def __init__(self, source: ArchiveSource) -> None:
        self.source = source
        self._zip: zipfile.ZipFile | None = None
        self._stream: IO[bytes] | None = None
        self._lock = threading.Lock()

    def members(self, sniff: SniffRule) -> Iterator[Member]:
        """Yield its files in order. See `Archive`."""
        archive = self._opened()
        for number, entry in enumerate(archive.infolist()):
            if entry.is_dir():
                continue
            name, problem, beginning = _zip_name(entry), "", b""
            if entry.flag_bits & _ZIP_ENCRYPTED:
                problem = "It is encrypted."
            elif sniff(name):
                try:
                    with archive.open(entry) as stream:
                        beginning = stream.read(MAGIC_BYTES)
                except _BROKEN:
                    # Not known to be a picture, and not readable: as little an input as a text file.
                    continue
            yield Member(name, number, entry.file_size, _zip_stamp(entry), beginning, problem)

    def expect(self, numbers: Iterable[int], folder: Path | None = None) -> None:
        """Announce what will be read. See `Archive`."""

    def read(self, member: Member) -> bytes:
        """Return the content of a member. See `Archive`."""
        return _bytes(self.spool(member, None))

    def spool(self, member: Member, folder: Path | None) -> bytes | IO[bytes]:
        """Return the content of a member. See `Archive`."""
        _check_size(member)
        archive = self._opened()
        try:
            with archive.open(_zip_entry(archive, member)) as stream:
                return spooled(stream, folder)
        except TooLarge:
            raise BadPicture(too_large(member.size)) from None
        except _BROKEN as error:
            raise BadPicture(f"It cannot be read from the archive: {error}.") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            for opened in (self._zip, self._stream):
                if opened is not None:
                    opened.close()
            self._zip = self._stream = None

    def _opened(self) -> zipfile.ZipFile:
        with self._lock:
            if self._zip is None:
                try:
                    stream = self.source.open()
                    try:
                        self._zip = zipfile.ZipFile(stream)
                    except BaseException:
                        stream.close()
                        raise
                    self._stream = stream
                except _BROKEN as error:
                    raise BadPicture(f"The zip file is damaged or cut short: {error}.") from error
            return self._zip


class TarArchive:
    """A tar file, plain or compressed; read from the front as a stream."""

    def __init__(self, source: ArchiveSource, *, compressed: bool = True) -> None:
        self.source = source
        self._compressed = compressed
        self._lock = threading.Lock()
        self._wanted: set[int] = set()
        self._folder: Path | None = None
        self._held: dict[int, tuple[tarfile.TarInfo, bytes | IO[bytes] | BadPicture]] = {}
        self._stream: Iterator[tuple[int, tarfile.TarInfo, tarfile.TarFile]] | None = None
        self._position = 0
        self._ended = ""

    def members(self, sniff: SniffRule) -> Iterator[Member]:
        """Yield its files in order. See `Archive`."""
        for number, entry, archive in self._entries():
            if entry.isdir():
                continue
            beginning = b""
            problem = "" if entry.isreg() else "It is a link or a device inside the archive, not a file."
            if not problem and sniff(entry.name):
                try:
                    beginning = _extract(archive, entry, MAGIC_BYTES)
                except _BROKEN as error:
                    raise BadPicture(_damaged(error)) from error
            whole = self.source.stamp
            stamp = f"{entry.size}-{int(entry.mtime)}-{whole}" if whole else ""
            offset = None if self._compressed else entry.offset
            yield Member(entry.name, number, entry.size, stamp, beginning, problem, offset)

    def expect(self, numbers: Iterable[int], folder: Path | None = None) -> None:
        """Announce what will be read. See `Archive`."""
        with self._lock:
            self._wanted = set(numbers)
            self._folder = folder
            self._held = {}
            if self._position > min(self._wanted, default=0):
                # Otherwise what is wanted lies ahead, and reading goes on from here.
                self._stream = None

    def read(self, member: Member) -> bytes:
        """Return the content of a member. See `Archive`."""
        return _bytes(self.spool(member, self._folder))

    def spool(self, member: Member, folder: Path | None) -> bytes | IO[bytes]:
        """Return the content of a member. See `Archive`.

        What other threads are about to ask for is held on the way; `expect` says what that can be.
        """
        _check_size(member)
        with self._lock:
            if self._stream is None:
                self._stream, self._position = self._entries(), 0
                self._ended = "It is not in the archive any more."
            while member.number not in self._held:
                position, self._position = self._position, sys.maxsize
                try:
                    number, entry, archive = next(self._stream)
                except StopIteration:
                    raise BadPicture(self._ended) from None
                except BadPicture as error:
                    # Those that wait for what lies behind the damage are told the same.
                    self._ended = error.message
                    raise
                self._position = position + 1
                if number in self._wanted:
                    self._held[number] = entry, tar_content(archive, entry, folder)
            entry, content = self._held.pop(member.number)
            self._wanted.discard(member.number)
        check_tar_entry(entry, member)
        if isinstance(content, BadPicture):
            raise content
        return content

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._stream = None
            self._held = {}

    def _entries(self) -> Iterator[tuple[int, tarfile.TarInfo, tarfile.TarFile]]:
        try:
            with (
                self.source.open() as stream,
                tarfile.open(fileobj=stream, mode="r|*", tarinfo=StrictTarInfo) as archive,
            ):
                for number, entry in enumerate(archive):
                    yield number, entry, archive
                    # The list of all members seen so far would grow without end, and is of no use in a stream.
                    archive.members = []  # type: ignore[attr-defined]
        except _BROKEN as error:
            raise BadPicture(_damaged(error)) from error


def tar_content(
    archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path | None
) -> bytes | IO[bytes] | BadPicture:
    """Return the content of a tar file's entry, or why it cannot be read. See `Archive.spool`."""
    if entry.size > FILE_LIMIT:
        return BadPicture(too_large(entry.size))
    try:
        stream = archive.extractfile(entry)
        if stream is None:
            return BadPicture("It is no file.")
        content = spooled(stream, folder)
    except _BROKEN as error:
        return BadPicture(f"It cannot be read from the archive: {error}.")
    size = len(content) if isinstance(content, bytes) else os.fstat(content.fileno()).st_size
    if size != entry.size:
        return BadPicture(f"The archive is cut short: {size} of its {entry.size} bytes are there.")
    return content


def check_tar_entry(entry: tarfile.TarInfo, member: Member) -> None:
    """Make sure that what lies in a member's place is the member. Raises `BadPicture`."""
    if (entry.name, entry.size) != (member.name, member.size):
        raise BadPicture(_REPLACED)


def _zip_entry(archive: zipfile.ZipFile, member: Member) -> zipfile.ZipInfo:
    entries = archive.infolist()
    entry = entries[member.number] if member.number < len(entries) else None
    if entry is None or (_zip_name(entry), _zip_stamp(entry)) != (member.name, member.stamp):
        raise BadPicture(_REPLACED)
    return entry


def _zip_stamp(entry: zipfile.ZipInfo) -> str:
    return f"{entry.CRC:08x}-{entry.file_size}"


def _damaged(error: BaseException) -> str:
    return f"The tar file is damaged, cut short or no tar file: {error}."


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, size: int) -> bytes:
    stream = archive.extractfile(entry)
    return stream.read(size) if stream is not None else b""


def _check_size(member: Member) -> None:
    if member.size > FILE_LIMIT:
        raise BadPicture(too_large(member.size))


def _bytes(content: bytes | IO[bytes]) -> bytes:
    if isinstance(content, bytes):
        return content
    with content:
        content.seek(0)
        return content.read()


def _zip_name(entry: zipfile.ZipInfo) -> str:
    if entry.flag_bits & _ZIP_UTF8:
        return entry.filename
    try:
        # Many programs write UTF-8 and do not say so; in code page 437, the format's default, it is gibberish.
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


def safe_name(name: str) -> str:
    """Return a member's name as a path below a folder.

    Raises:
        BadPicture: It is absolute or leads out of the folder.
    """
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain) or ".." in parts or "\0" in plain or not parts:
        raise BadPicture(f"Its name in the archive leads out of the output folder: {name!r}.")
    return "/".join(parts)


def fitting_name(name: str, limit: int = 255) -> str:
    """Shorten each part of a path to what file systems take, told apart by a hash of the whole part.

    Args:
        name: A POSIX path.
        limit: Most bytes of one part.
    """
    return "/".join(_fitting_part(part, limit) for part in name.split("/"))


def _fitting_part(part: str, limit: int) -> str:
    if len(os.fsencode(part)) <= limit:
        return part
    import hashlib

    mark = "~" + hashlib.blake2b(os.fsencode(part), digest_size=4).hexdigest()
    stem, dot, suffix = part.rpartition(".")
    ending = mark + (f".{suffix}" if dot and len(suffix) <= 8 else "")
    kept = os.fsencode(stem if dot else part)[: limit - len(os.fsencode(ending))]
    return kept.decode("utf-8", errors="ignore") + ending
