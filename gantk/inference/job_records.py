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
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from gantk.errors import RunFailed
from gantk.inference.destination import FolderOutput, JobOutput
from gantk.inference.record_files import FAILURES, MANIFEST, encoded, is_inside, read_lines, write_lines

WORKERS = ".gantk-workers"
"""Folder inside a job's folder, where worker processes note what they have done (`gantk.inference.distributed`)."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Records(Protocol):
    """What a job needs of its records. See `JobRecords`."""

    output: JobOutput
    folder: Path
    done: dict[str, dict[str, Any]]
    started: set[str]

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

    def settle(self, label: str, output: str) -> None:
        """Drop what earlier jobs noted of a failure, where the output is there."""
        ...

    def failed_outputs(self) -> Collection[str]:
        """Return what inputs that failed would have given."""
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
        failed: The line of each input that failed and has not succeeded since, by its label and output: one input may
            be meant to give two outputs.
    """

    def __init__(self, output: Path | JobOutput) -> None:
        self.output: JobOutput = FolderOutput(output) if isinstance(output, Path) else output
        self.folder = self.output.folder
        self.done: dict[str, dict[str, Any]] = {}
        self.started: set[str] = set()
        self.failed: dict[tuple[str, str], dict[str, Any]] = {}
        # Of earlier jobs, by label and by output: dropped as soon as this job knows better.
        self._failed_earlier: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self._orphans: set[str] = set()
        self._lock: int | None = None
        self._manifest: IO[bytes] | None = None
        self._failures: IO[bytes] | None = None
        self._seen = self._signature()
        for line in read_lines(self.output.records(MANIFEST)):
            self._take(line)
        for line in read_lines(self.output.records(FAILURES)):
            self._take_failure(line)
        self._take_from_workers([line for path in self._left_by_workers() for line in read_lines(path)])
        for key in self.failed:
            for place in _places(*key):
                self._failed_earlier.setdefault(place, []).append(key)
        for begun in self.started & self.done.keys():
            # A killed job was about to replace it. What lies in the folder may be the old result or the new one.
            if self.output.packed(begun) == self.done[begun].get("bytes", -1):
                self._orphans.add(begun)
                self.started.discard(begun)
            else:
                self.forget(begun)

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
            for orphan in self._orphans:
                if (self.folder / orphan).is_file():
                    (self.folder / orphan).unlink()
            self._orphans.clear()
            # Beginning afresh also drops half a line that a killed job may have left.
            # The manifest comes last: where it is, the folder's records are whole.
            self._write_failures()
            self._write_manifest()
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
        if output not in self.started:
            self.started.add(output)
            self._append(self._manifest, {"output": output, "status": "started"})

    def finish(self, record: Mapping[str, Any]) -> None:
        """Note that an output is there. `record` holds `output` and `input`."""
        line = {**record, "status": "done"}
        self._take(line)
        self.settle(record["input"], record["output"])
        self._append(self._manifest, line)

    def fail(self, record: Mapping[str, Any]) -> None:
        """Note that an input has no output. `record` holds `input`, `output` and `reason`."""
        self.settle(record["input"], record["output"])
        self._take_failure(dict(record))
        self._append(self._failures, record)

    def settle(self, label: str, output: str) -> None:
        """Drop what earlier jobs noted of a failure, where the output is there or has just failed for another reason.

        A failure that this job has noted stays, whatever becomes of others of its label or output: two inputs may be
        meant for one output, and one input for two.

        Args:
            label: Of the input.
            output: What it is to give.
        """
        for place in _places(label, output):
            for key in self._failed_earlier.pop(place, ()):
                self.failed.pop(key, None)

    def failed_outputs(self) -> Collection[str]:
        """Return what inputs that failed would have given."""
        return {output for _, output in self.failed}

    def failure(self, label: str, output: str) -> Mapping[str, Any] | None:
        """Return what is noted of an input that an earlier job has tried in vain."""
        return self.failed.get((label, output))

    def size(self, output: str) -> int | None:
        """Return the bytes of a result that is there; None where it is not.

        Where an archive holds the result that is recorded, and the folder another that a killed job has left without
        its line, that of the archive counts.
        """
        size = None if output in self._orphans else self.output.size(output)
        recorded = self.done.get(output, {}).get("bytes")
        if size != recorded and recorded is not None and self.output.packed(output) == recorded:
            if size is not None:
                self._orphans.add(output)
            return int(recorded)
        return size

    def forget(self, output: str) -> None:
        """Drop what is known of an output that is not there any more."""
        self.done.pop(output, None)

    def complete(self) -> None:
        """Leave one line for each output and for each failed input, in order; no failures, no `failures.jsonl`."""
        # What a killed job has left, and this one could not replace, is still a job's own.
        self.started = {output for output in self.started - self.done.keys() if self.output.size(output) is not None}
        self._write_manifest()
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

    def _take_from_workers(self, lines: Sequence[dict[str, Any]]) -> None:
        done: set[str] = set()
        for line in lines:
            if line.get("status") == "done" and self._take(line):
                done.add(line["output"])
            elif "reason" in line:
                self._take_failure(line)
        self.failed = {key: line for key, line in self.failed.items() if key[1] not in done}
        # One worker may have begun what another has finished; their lines are in no order.
        for line in lines:
            if line.get("status") == "started" and line.get("output") not in done:
                self._take(line)

    def _take_failure(self, line: dict[str, Any]) -> None:
        label, output = line.get("input"), line.get("output", "")
        if isinstance(label, str) and isinstance(output, str):
            self.failed[label, output] = line

    def _take(self, line: dict[str, Any]) -> bool:
        """Take a line of the manifest; return whether it is one that a job may have written."""
        output = line.get("output")
        if not isinstance(output, str) or not is_inside(output):
            return False
        if line.get("status") == "done":
            self.done[output] = line
            self.started.discard(output)
        else:
            self.started.add(output)
        return True

    def _write_manifest(self) -> None:
        lines: list[Mapping[str, Any]] = [self.done[output] for output in sorted(self.done)]
        lines += [{"output": output, "status": "started"} for output in sorted(self.started)]
        write_lines(self.folder / MANIFEST, lines)

    def _write_failures(self) -> None:
        write_lines(self.folder / FAILURES, [self.failed[key] for key in sorted(self.failed)])

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


def _places(label: str, output: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("input", label), ("output", output)


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
