"""Taking members out of an archive that a job has written, to be packed again."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from gantk.atomic_files import atomic_file
from gantk.errors import RunFailed
from gantk.inference.archive_packing import ArchiveKind
from gantk.inference.archives import DAMAGED


class PackedMembers(Protocol):
    """Members of an archive."""

    def open(self, name: str) -> IO[bytes]:
        """Return the content of a member, to be read before the next is opened.

        Raises:
            KeyError: It is not there.
        """
        ...


@contextmanager
def packed_members(path: Path, kind: ArchiveKind, wanted: Collection[str], folder: Path) -> Iterator[PackedMembers]:
    """Open an archive whose members are wanted, in any order.

    Args:
        path: The archive; need not be there where nothing is wanted.
        kind: Its kind.
        wanted: Names of members, all of which lie below a folder (`gantk.inference.record_files.is_inside`).
        folder: Takes members of a tar file that are wanted later than they come; a tar file is read once, from the
            front. Each appears under its name.

    Raises:
        RunFailed: The archive is damaged.
    """
    try:
        if not wanted:
            yield _NoMembers()
        elif kind == "zip":
            with zipfile.ZipFile(path) as archive:
                yield _ZipMembers(archive)
        else:
            with tarfile.open(path, "r|*") as stream:
                yield _TarMembers(stream, frozenset(wanted), folder)
    except (*DAMAGED, KeyError) as error:
        raise RunFailed(
            f"Members of {path} cannot be taken from it. Received: {error}",
            hint="--overwrite makes all of them anew.",
        ) from error


class _NoMembers:
    def open(self, name: str) -> IO[bytes]:
        raise KeyError(name)


class _ZipMembers:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


class _TarMembers:
    def __init__(self, archive: tarfile.TarFile, wanted: frozenset[str], folder: Path) -> None:
        self._archive = archive
        self._wanted = wanted
        self._folder = folder

    def open(self, name: str) -> IO[bytes]:
        for entry in self._archive:
            self._archive.members = []  # type: ignore[attr-defined]
            content = self._archive.extractfile(entry)
            if content is None or entry.name not in self._wanted:
                continue
            if entry.name == name:
                return content
            path = self._folder / entry.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(path) as stream:
                shutil.copyfileobj(content, stream)
        raise KeyError(name)
