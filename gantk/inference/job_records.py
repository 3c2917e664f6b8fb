"""What a batch job has done, on disk: so that it can be killed at any moment and continued.

`manifest.jsonl` holds one line for each finished output, `failures.jsonl` one for each input that has none. While a job
runs, a line `"status": "started"` goes before every new output, so that an output which a killed job left without its
line is known to be the job's own.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from gantk.atomic_files import write_bytes
from gantk.errors import RunFailed

MANIFEST = "manifest.jsonl"
FAILURES = "failures.jsonl"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class JobRecords:
    """The records of one output folder.

    Attributes:
        done: The line of each finished output, by its path in the folder.
        started: Outputs that a job began and has no line for.
        failed: The line of each input that failed and has not succeeded since, by its label.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: dict[str, dict[str, Any]] = {}
        self.started: set[str] = set()
        self.failed: dict[str, dict[str, Any]] = {}
        self._lock: int | None = None
        self._manifest: IO[bytes] | None = None
        self._failures: IO[bytes] | None = None
        self._seen = self._signature()
        for line in _lines(folder / MANIFEST):
            self._take(line)
        for line in _lines(folder / FAILURES):
            if isinstance(line.get("input"), str):
                self.failed[line["input"]] = line

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
            self._write_manifest(with_started=True)
            self._write_failures()
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
        for name in (MANIFEST, FAILURES):
            try:
                status = (self.folder / name).stat()
                found.append((status.st_ino, status.st_size, status.st_mtime_ns))
            except OSError:
                found.append(None)
        return found

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
        _write(self.folder / MANIFEST, lines)

    def _write_failures(self) -> None:
        _write(self.folder / FAILURES, [self.failed[label] for label in sorted(self.failed)])

    def _append(self, stream: IO[bytes] | None, line: Mapping[str, Any]) -> None:
        assert stream is not None, "JobRecords.open comes first"
        try:
            stream.write(_encoded(line))
            stream.flush()
        except OSError as error:
            if error.errno in _FULL:
                raise RunFailed(
                    f"No space is left to write {self.folder}.",
                    hint="Free some space, then run the same command again: it continues.",
                ) from error
            raise


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for text in content.splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            # The last line of a killed job; what it told is found out anew.
            continue
        if isinstance(line, dict):
            yield line


def _write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    write_bytes(path, b"".join(_encoded(line) for line in lines))


def _encoded(line: Mapping[str, Any]) -> bytes:
    try:
        return (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        # A file name that is no UTF-8: JSON's escapes hold it, and Python reads them back as the same name.
        return (json.dumps(line) + "\n").encode("ascii")


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
    return descriptor
