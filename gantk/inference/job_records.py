"""What a batch job has done, on disk: so that it can be killed at any moment and continued.

`manifest.jsonl` holds one line for each finished output, `failures.jsonl` one for each input that has none. While a job
runs, a line `"status": "started"` goes before every new output, so that an output which a killed job left without its
line is known to be the job's own.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from gantk.errors import RunFailed
from gantk.inference.destination import FolderOutput, JobOutput
from gantk.inference.record_files import FAILURES, MANIFEST, encoded, read_lines, write_lines

WORKERS = ".gantk-workers"
"""Folder inside a job's folder, where worker processes note what they have done (`gantk.inference.distributed`)."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Records(Protocol):
    """What a job needs of its records. See `JobRecords`."""

    output: JobOutput
    folder: Path
    done: dict[str, dict[str, Any]]
    started: set[str]
    failed: dict[str, dict[str, Any]]

    def open(self) -> None:
        """Begin to write."""
        ...

    def start(self, output: str) -> None:
        """Note that an output is about to be written."""
        ...

    def finish(self, record: Mapping[str, Any]) -> None:
        """Note that an output is there."""
        ...

    def fail(self, record: Mapping[str, Any]) -> None:
        """Note that an input has no output."""
        ...

    def complete(self) -> None:
        """Note that the job has ended."""
        ...

    def close(self) -> None:
        """Write no more."""
        ...


class JobRecords:
    """The records of one output.

    Args:
        output: What the job writes to; a path is that of a folder.

    Attributes:
        output: What the job writes to.
        folder: Where results and records lie while it runs.
        done: The line of each finished output, by its path in the folder.
        started: Outputs that a job began and has no line for.
        failed: The line of each input that failed and has not succeeded since, by its label.
    """

    def __init__(self, output: Path | JobOutput) -> None:
        self.output: JobOutput = FolderOutput(output) if isinstance(output, Path) else output
        self.folder = self.output.folder
        self.done: dict[str, dict[str, Any]] = {}
        self.started: set[str] = set()
        self.failed: dict[str, dict[str, Any]] = {}
        self._lock: int | None = None
        self._manifest: IO[bytes] | None = None
        self._failures: IO[bytes] | None = None
        self._seen = self._signature()
        for line in read_lines(self.output.records(MANIFEST)):
            self._take(line)
        for line in read_lines(self.output.records(FAILURES)):
            if isinstance(line.get("input"), str):
                self.failed[line["input"]] = line
        for path in self._left_by_workers():
            for line in read_lines(path):
                self._take_from_worker(line)

    def open(self) -> None:
        """Make the folder and begin to write.

        Raises:
            RunFailed: Another job is writing to the folder, or the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.folder)
            if self._signature() != self._seen:
                raise RunFailed(
                    f"Another job has just written to {self.folder}.",
                    hint="Run the same command again: it continues from there.",
                )
            # Beginning afresh also drops half a line that a killed job may have left.
            # The manifest comes last: where it is, the folder's records are whole.
            self._write_failures()
            self._write_manifest(with_started=True)
            shutil.rmtree(self.folder / WORKERS, ignore_errors=True)
            self._manifest = (self.folder / MANIFEST).open("ab")
            self._failures = (self.folder / FAILURES).open("ab")
        except OSError as error:
            self.close()
            raise RunFailed(f"{self.folder} cannot be written. Received: {error.strerror or error}") from error
        except BaseException:
            self.close()
            raise

    def start(self, output: str) -> None:
        """Note that an output is about to be written."""
        if output not in self.done and output not in self.started:
            self.started.add(output)
            self._append(self._manifest, {"output": output, "status": "started"})

    def finish(self, record: Mapping[str, Any]) -> None:
        """Note that an output is there. `record` holds `output` and `input`."""
        line = {**record, "status": "done"}
        self._take(line)
        self.failed.pop(record["input"], None)
        self._append(self._manifest, line)

    def fail(self, record: Mapping[str, Any]) -> None:
        """Note that an input has no output. `record` holds `input` and `reason`."""
        self.failed[record["input"]] = dict(record)
        self._append(self._failures, record)

    def forget(self, output: str) -> None:
        """Drop what is known of an output that is not there any more."""
        self.done.pop(output, None)

    def complete(self) -> None:
        """Leave one line for each output and for each failed input, in order; no failures, no `failures.jsonl`."""
        self._write_manifest(with_started=False)
        self._write_failures()
        if not self.failed:
            (self.folder / FAILURES).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files and let other jobs write."""
        for stream in (self._manifest, self._failures):
            if stream is not None:
                stream.close()
        self._manifest = self._failures = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _signature(self) -> list[tuple[int, int, int] | None]:
        found: list[tuple[int, int, int] | None] = []
        names = (MANIFEST, FAILURES)
        records = [*(self.folder / name for name in names), *(self.output.companion(name) for name in names)]
        for path in (*records, *self._left_by_workers()):
            try:
                status = path.stat()
                found.append((status.st_ino, status.st_size, status.st_mtime_ns))
            except OSError:
                found.append(None)
        return found

    def _left_by_workers(self) -> list[Path]:
        """Return what the workers of a job wrote that was killed before it had gathered it."""
        return sorted((self.folder / WORKERS).glob("*/lines/*.jsonl"))

    def _take_from_worker(self, line: dict[str, Any]) -> None:
        if "status" in line:
            self._take(line)
        label = line.get("input")
        if isinstance(label, str):
            if line.get("status") == "done":
                self.failed.pop(label, None)
            elif "reason" in line:
                self.failed[label] = line

    def _take(self, line: dict[str, Any]) -> None:
        output = line.get("output")
        if not isinstance(output, str):
            return
        if line.get("status") == "done":
            self.done[output] = line
            self.started.discard(output)
        elif output not in self.done:
            self.started.add(output)

    def _write_manifest(self, *, with_started: bool) -> None:
        lines: list[Mapping[str, Any]] = [self.done[output] for output in sorted(self.done)]
        if with_started:
            lines += [{"output": output, "status": "started"} for output in sorted(self.started)]
        write_lines(self.folder / MANIFEST, lines)

    def _write_failures(self) -> None:
        write_lines(self.folder / FAILURES, [self.failed[label] for label in sorted(self.failed)])

    def _append(self, stream: IO[bytes] | None, line: Mapping[str, Any]) -> None:
        assert stream is not None, "JobRecords.open comes first"
        try:
            stream.write(encoded(line))
            stream.flush()
        except OSError as error:
            if error.errno in _FULL:
                raise RunFailed(
                    f"No space is left to write {self.folder}.",
                    hint="Free some space, then run the same command again: it continues.",
                ) from error
            raise


def _locked(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RunFailed(
            f"Another job is writing to {folder}.", hint="Wait until it has ended, or choose another folder with -o."
        ) from None
    except OSError:
        # A file system without locks (some network ones): two jobs at once are then the user's affair.
        pass
    if not os.path.lexists(folder) or not os.path.samestat(os.fstat(descriptor), os.stat(folder)):
        # The folder of a job into an archive, which has ended meanwhile.
        os.close(descriptor)
        raise RunFailed(
            f"Another job has just written to {folder}.", hint="Run the same command again: it continues from there."
        )
    return descriptor
