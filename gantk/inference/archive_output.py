"""An archive as output of a job: results lie beside it in a folder until all are there, and are then packed.

`out.zip.parts/` holds what `out/` would: results, `manifest.jsonl`, `failures.jsonl`. So a killed job continues there. At
the end the archive is written under another name, renamed, and `out.zip.manifest.jsonl` and `out.zip.failures.jsonl` take
the place of the folder. The manifest's first line tells how large the archive is that it belongs to, of what time, and its
checksum, which is compared where the time is another, as that of a copy.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import Any

from gantk.atomic_files import atomic_file, remove_leftovers, write_bytes
from gantk.errors import RunFailed, UsageError
from gantk.inference.archive_packing import ArchiveKind, WrongSize, archive_writer
from gantk.inference.archives import safe_name
from gantk.inference.packed_members import packed_members
from gantk.inference.picture import BadPicture
from gantk.inference.record_files import FAILURES, MANIFEST, is_inside, joined, read_lines
from gantk.wording import counted

logger = logging.getLogger("gantk.inference")

_PACKED = "packed.jsonl"
"""In the folder: the manifest of the archive that is being put in its place."""


class ArchiveOutput:
    """An archive that results are packed into. See `gantk.inference.destination.JobOutput`.

    Args:
        path: The archive, there or not.
        kind: Of what kind it is.
        overwrite: Replace one that no such job has written.

    Raises:
        UsageError: There is one that no such job has written, or a folder in the way.
    """

    is_archive = True
    reserved = frozenset((_PACKED,))

    def __init__(self, path: Path, kind: ArchiveKind, *, overwrite: bool = False) -> None:
        self.path = path
        self.folder = path.with_name(f"{path.name}.parts")
        self.own: Sequence[Path] = (path, self.folder, self.companion(MANIFEST), self.companion(FAILURES))
        self._kind = kind
        # A link stays one.
        self._file = Path(os.path.realpath(path))
        self._members: dict[str, int] = {}
        self._sha256 = ""
        self._check_folder()
        if self._file.exists():
            self._know_members(overwrite)

    def _check_folder(self) -> None:
        if not os.path.lexists(self.folder):
            return
        names = [name for name in os.listdir(self.folder) if not name.startswith(".")] if self.folder.is_dir() else [""]
        # Failures come before the manifest, so a killed job may have left them alone.
        if names not in ([], [FAILURES]) and not (self.folder / MANIFEST).is_file():
            raise UsageError(
                f"While the job runs its results are put in {self.folder}. Received: one with other things in it",
                hint="Move it away, or choose another name with -o.",
            )

    def _know_members(self, overwrite: bool) -> None:
        status = self._file.stat()
        size = status.st_size if S_ISREG(status.st_mode) else -1
        # The second is there where a job was killed between renaming the archive and its manifest.
        for manifest in (self.companion(MANIFEST), self.folder / _PACKED):
            lines = read_lines(manifest)
            first = next(lines, {})
            if first.get("bytes") == size and (
                first.get("mtime_ns") == status.st_mtime_ns or first.get("sha256") == _checksum(self._file)
            ):
                self._sha256 = first.get("sha256", "")
                self._members = dict(_members(lines))
                return
        if overwrite and size >= 0:
            return
        known = self.companion(MANIFEST).exists()
        raise UsageError(
            f"{self.path} is there already, and {'has been changed since' if known else 'no such job has written it'}.\n"
            f"Received: {'no file' if size < 0 else 'a file of ' + counted(size, 'byte')}",
            hint="--overwrite replaces it, with all that is in it; or choose another name with -o.",
        )

    def size(self, name: str) -> int | None:
        """Return the bytes of a result that is there, in the folder or in the archive of an earlier job."""
        there = self._size_in_folder(name)
        return there if there is not None else self._members.get(name)

    def packed(self, name: str) -> int | None:
        """Return the bytes of a result in the archive of an earlier job; None where there is none."""
        return self._members.get(name)

    def _size_in_folder(self, name: str) -> int | None:
        try:
            status = (self.folder / name).lstat()
        except OSError:
            return None
        return status.st_size if S_ISREG(status.st_mode) else None

    def problem(self, name: str) -> str:
        """Return why there cannot be a member of this name, in words; empty where there can."""
        try:
            safe_name(name)
        except BadPicture as error:
            return error.message
        if self._kind == "zip":
            try:
                name.encode("utf-8")
            except UnicodeEncodeError:
                return "Its name is no UTF-8, which a zip file cannot hold; a tar file or a folder can."
        return ""

    def records(self, name: str) -> Path:
        """Return the records of an earlier job: those of the folder where it was killed, or those beside the archive."""
        return self.folder / name if (self.folder / MANIFEST).exists() else self.companion(name)

    def companion(self, name: str) -> Path:
        """Return where a file about the job lies when it has ended: beside the archive, behind its name."""
        return self.path.with_name(f"{self.path.name}.{name}")

    def finish(self, order: Sequence[str], done: Mapping[str, Mapping[str, Any]], failed: Collection[str] = ()) -> None:
        """Pack what has changed, leave the records beside the archive and remove the folder. See `JobOutput`.

        Members come in the order of the inputs; behind them, what earlier jobs have put into the archive.
        """
        try:
            names = self._names(order, done, failed)
            fresh = [name for name in names if self._size_in_folder(name) is not None]
            if fresh or set(names) != set(self._members):
                logger.info("packing %s into %s", counted(len(names), "picture"), self.path)
                self._pack(names, done)
            self._leave_records(names, done)
            self._remove_folder()
        except OSError as error:
            raise RunFailed(
                f"{self.path} cannot be packed. Received: {error.strerror or error}",
                hint=f"What is done lies in {self.folder}. Mend that, then run the same command again: it only packs.",
            ) from error

    def _names(self, order: Sequence[str], done: Mapping[str, Mapping[str, Any]], failed: Collection[str]) -> list[str]:
        names, needed = [], set(order).difference(failed)
        for name in dict.fromkeys([*order, *sorted(self._members), *sorted(done)]):
            if name not in done:
                continue
            if self._size_in_folder(name) == done[name]["bytes"]:
                names.append(name)
            elif self._members.get(name) == done[name]["bytes"]:
                # What lies in the folder, if anything, is of a job that was killed before its line.
                if self._size_in_folder(name) is not None:
                    (self.folder / name).unlink()
                names.append(name)
            elif name in needed:
                raise RunFailed(
                    f"{self.folder / name} must have {counted(done[name]['bytes'], 'byte')}. Received: {self.size(name)}",
                    hint="Run the same command again: what is missing is made anew.",
                )
        return names

    def _pack(self, names: Sequence[str], done: Mapping[str, Mapping[str, Any]]) -> None:
        if not names:
            return
        remove_leftovers(self._file)
        kept = [name for name in names if self._size_in_folder(name) is None]
        try:
            with (
                packed_members(self._file, self._kind, kept, self.folder) as members,
                atomic_file(self._file) as stream,
            ):
                with archive_writer(stream, self._kind) as archive:
                    for name in names:
                        # The members of a tar file that come too early for their turn have gone to the folder.
                        with (
                            (self.folder / name).open("rb")
                            if self._size_in_folder(name) is not None
                            else members.open(name)
                        ) as content:
                            archive.add(name, done[name]["bytes"], content)
                # Nothing is written after this, so the time stays.
                stream.flush()
                self._sha256 = _checksum(Path(stream.name))
                self._members = {name: done[name]["bytes"] for name in names}
                lines = self._lines(names, done, os.fstat(stream.fileno()))
                write_bytes(self.folder / _PACKED, joined(lines))
        except WrongSize as error:
            raise RunFailed(
                f"{self.path} cannot be packed. Received: {error}",
                hint="Run the same command again: what has changed is made anew. If it is a member of the archive that "
                "is damaged, --overwrite makes all of them anew.",
            ) from error

    def _lines(
        self, names: Sequence[str], done: Mapping[str, Mapping[str, Any]], status: os.stat_result | None
    ) -> Iterator[Mapping[str, Any]]:
        head: dict[str, Any] = {"archive": self.path.name, "bytes": -1}
        if status is not None:
            head.update(bytes=status.st_size, mtime_ns=status.st_mtime_ns, sha256=self._sha256)
        yield head
        for name in sorted(names):
            yield done[name]

    def _leave_records(self, names: Sequence[str], done: Mapping[str, Mapping[str, Any]]) -> None:
        manifest, failures = self.companion(MANIFEST), self.companion(FAILURES)
        content = joined(self._lines(names, done, self._file.stat() if names else None))
        remove_leftovers(manifest)
        remove_leftovers(failures)
        if not manifest.is_file() or manifest.read_bytes() != content:
            write_bytes(manifest, content)
        try:
            write_bytes(failures, (self.folder / FAILURES).read_bytes())
        except FileNotFoundError:
            failures.unlink(missing_ok=True)

    def _remove_folder(self) -> None:
        """Remove the folder, its manifest last: as long as that is there, the folder is known to be a job's."""
        for entry in os.scandir(self.folder):
            if entry.name == MANIFEST:
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
        (self.folder / MANIFEST).unlink(missing_ok=True)
        self.folder.rmdir()


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _members(lines: Iterator[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    """Yield names and sizes of members, but for names that lead out of a folder: no job has written those."""
    for line in lines:
        name, size = line.get("output"), line.get("bytes")
        if isinstance(name, str) and isinstance(size, int) and is_inside(name):
            yield name, size
