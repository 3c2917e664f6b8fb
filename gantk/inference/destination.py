"""Where results go: a folder, or an archive that is packed from one when the job has ended."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from gantk.atomic_files import atomic_file
from gantk.errors import UsageError
from gantk.inference.archive_output import ArchiveOutput
from gantk.inference.archive_packing import archive_kind

_NOT_WRITTEN = re.compile(r"\.(tbz2?|txz|tar\.(bz2|xz|zst)|rar|7z)\Z", re.IGNORECASE)


class Destination(Protocol):
    """Takes the files of results."""

    def file(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open a result for writing; several threads may have one open each.

        Args:
            name: A POSIX path.

        Returns:
            A stream that can be sought in. The result is there, whole, when the block ends well, and not at all
            when it ends with an error.
        """
        ...


class FolderDestination:
    """Files of a folder, each written under another name beside its place and then renamed.

    Args:
        folder: The folder; it and those in it are made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """Open a result for writing. See `Destination`."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as stream:
            yield stream


class JobOutput(Protocol):
    """What a job writes to, from before its first result until after its last."""

    @property
    def path(self) -> Path:
        """What the user named: a folder, or an archive."""
        ...

    @property
    def folder(self) -> Path:
        """Where results and records lie while the job runs."""
        ...

    @property
    def is_archive(self) -> bool:
        """Whether the results end in an archive."""
        ...

    @property
    def own(self) -> Sequence[Path]:
        """What the job writes, and so must not read: files and folders, there or not."""
        ...

    @property
    def reserved(self) -> frozenset[str]:
        """Names in the folder that no result may have."""
        ...

    def size(self, name: str) -> int | None:
        """Return the bytes of a result that is there; None where it is not.

        Args:
            name: A POSIX path.
        """
        ...

    def packed(self, name: str) -> int | None:
        """Return the bytes of a result that an earlier job has put into the archive; None where there is none."""
        ...

    def problem(self, name: str) -> str:
        """Return why there cannot be a result of this name; empty where there can."""
        ...

    def records(self, name: str) -> Path:
        """Return the file where an earlier job, ended or not, has left its records of this name."""
        ...

    def companion(self, name: str) -> Path:
        """Return where a file about the job lies when it has ended: in the folder, or beside the archive."""
        ...

    def finish(self, order: Sequence[str], done: Mapping[str, Mapping[str, Any]], failed: Collection[str] = ()) -> None:
        """Put the results where they belong, when the records in the folder are complete and still locked.

        Args:
            order: Names of results in the order of the inputs, with those that have failed.
            done: What is recorded of each result, by its name.
            failed: Names of results that need not be there.

        Raises:
            RunFailed: The disk is full or cannot be written. Nothing is lost; the same job finishes it.
        """
        ...


class FolderOutput:
    """A folder that results stay in.

    Args:
        path: The folder, there or not.
    """

    is_archive = False
    reserved: frozenset[str] = frozenset()

    def __init__(self, path: Path) -> None:
        self.path = self.folder = path
        self.own: Sequence[Path] = (path,)

    def size(self, name: str) -> int | None:
        """Return the bytes of a result that is there. See `JobOutput`."""
        try:
            return (self.folder / name).lstat().st_size
        except OSError:
            return None

    def packed(self, name: str) -> int | None:
        """Return None: there is no archive. See `JobOutput`."""
        return None

    def problem(self, name: str) -> str:
        """Return why there cannot be a result of this name. See `JobOutput`."""
        return ""

    def records(self, name: str) -> Path:
        """Return the records of an earlier job. See `JobOutput`."""
        return self.folder / name

    def companion(self, name: str) -> Path:
        """Return where a file about the job lies. See `JobOutput`."""
        return self.folder / name

    def finish(self, order: Sequence[str], done: Mapping[str, Mapping[str, Any]], failed: Collection[str] = ()) -> None:
        """Results are where they belong. See `JobOutput`."""


def destination_for(output: str | Path, *, overwrite: bool = False) -> JobOutput:
    """Return what results go to by its name: an archive for `.zip`, `.tar`, `.tar.gz` and `.tgz`, else a folder.

    Args:
        output: A folder, there or not, whatever its name; or an archive, there or not.
        overwrite: Replace an archive that no such job has written.

    Raises:
        UsageError: There is another file of that name, an archive that no such job has written, or it would be an
            archive of a kind that is not written.
    """
    path = Path(output)
    if path.is_dir():
        return FolderOutput(path)
    kind = archive_kind(path.name)
    if kind is not None:
        return ArchiveOutput(path, kind, overwrite=overwrite)
    if os.path.lexists(path):
        raise UsageError(
            f"The output must be a folder, or an archive named .zip, .tar, .tar.gz or .tgz. Received: {path}, a file"
        )
    if _NOT_WRITTEN.search(path.name):
        raise UsageError(
            f"An archive as output must be named .zip, .tar, .tar.gz or .tgz. Received: {path}",
            hint="Pictures are compressed already: .tar or .zip is as small.",
        )
    return FolderOutput(path)


def companion(output: str | Path, name: str) -> Path:
    """Return where a file about a job lies when it has ended: `OUT/name`, or `OUT.zip.name` beside an archive."""
    path = Path(output)
    if path.is_dir() or archive_kind(path.name) is None:
        return path / name
    return path.with_name(f"{path.name}.{name}")
