"""A batch job over pictures in which nothing is lost: every input ends as an output or as a line in `failures.jsonl`.

Decoding, the network and encoding overlap: threads decode ahead and encode behind, both within bounds, while the calling
thread runs the network and keeps the records. What a picture goes through is a `PictureProcess`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from gantk.atomic_files import write_bytes
from gantk.errors import RunFailed
from gantk.inference.destination import companion
from gantk.inference.inputs import PictureInput
from gantk.inference.job_plan import JobPlan, Task
from gantk.inference.job_progress import JobProgress
from gantk.inference.job_records import Records
from gantk.inference.picture import BadPicture
from gantk.inference.record_files import FAILURES
from gantk.inference.recorded_job import JobSummary, RecordedJob, run_recorded

if TYPE_CHECKING:
    from gantk.inference.tiled_job import TiledProcess

logger = logging.getLogger("gantk.inference")

Read = TypeVar("Read")
Made = TypeVar("Made")

_HELD_PIXELS = 16 << 20
"""Pixels of decoded pictures that wait for others of their shape, at most, before a smaller batch is run."""
# Not the fault of one picture: every other one would fail as well.
_STOPPING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class PictureProcess(Protocol, Generic[Read, Made]):
    """What a job does with every picture."""

    def read(self, content: bytes) -> Read:
        """Decode a file. Called in several threads. Raises `BadPicture`."""
        ...

    def pixels(self, picture: Read) -> int:
        """Return height × width."""
        ...

    def group(self, picture: Read) -> Hashable:
        """Return what pictures must have in common to be in one batch."""
        ...

    def batch_size(self, picture: Read) -> int:
        """Return how many pictures like this one make a full batch."""
        ...

    def run(self, pictures: Sequence[Read]) -> Sequence[Made | BadPicture]:
        """Do the work on a batch. Called in one thread. Raises only what ends the job."""
        ...

    def write(self, result: Made) -> tuple[bytes, Mapping[str, Any]]:
        """Encode a result and say what is to be recorded of it. Called in several threads. Raises `BadPicture`."""
        ...


def run_job(
    plan: JobPlan,
    records: Records,
    process: PictureProcess[Any, Any] | TiledProcess,
    *,
    settings: Mapping[str, Any],
    progress: bool = False,
    threads: int | None = None,
    max_pixels: int = 1 << 62,
    job: type[PictureJob] | None = None,
) -> JobSummary:
    """Run a job to its end, however many of its inputs fail.

    Args:
        plan: What is to be done.
        records: The records of the output folder, not open yet.
        process: What is done with every picture.
        settings: What, beside an input, decides its result; recorded with every output.
        progress: Show a bar on a terminal, log lines elsewhere.
        threads: Threads that decode and encode; by default one for each core, four at most.
        max_pixels: Pictures of more will fail: no work for the progress to count.
        job: How pictures are brought to the process; by default in batches of whole pictures.

    Raises:
        RunFailed: The disk is full or cannot be written, another job writes to the folder, or the network cannot
            work at all. What is done stays done, and the same job continues there.
        KeyboardInterrupt: Ctrl-C; the same holds.
    """
    kind = job or PictureJob
    workers = threads or min(4, os.cpu_count() or 1)

    def begun(display: JobProgress) -> PictureJob:
        return kind(plan, records, process, settings, display, workers)

    return run_recorded(plan, records, begun, progress=progress, max_pixels=max_pixels)


@dataclass
class Unchanged:
    """The input's checksum is that of the output already there."""

    sha256: str


@dataclass
class Decoded:
    """A picture that has been read."""

    picture: Any
    sha256: str


class PictureJob(RecordedJob):
    """A job under way, which gathers decoded pictures of one kind into batches. See `run_job` for the arguments."""

    def __init__(
        self,
        plan: JobPlan,
        records: Records,
        process: Any,
        settings: Mapping[str, Any],
        display: JobProgress,
        threads: int,
    ) -> None:
        super().__init__(plan, records, settings, display)
        self.process: Any = process
        self.threads = threads
        self.waiting: dict[Hashable, list[tuple[Task, Decoded]]] = {}
        self.waiting_pixels = 0
        self.ahead: deque[tuple[Task, Future[Decoded | Unchanged]]] = deque()
        self.encoding: dict[Future[dict[str, Any]], tuple[Task, int]] = {}

    def run(self) -> JobSummary:
        """Run the job. See `run_job`."""
        self._begin()
        announce_archives((task.picture for task in self.plan.tasks), self.records.folder)
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="gantk-pictures")
        try:
            for task, decoded in self._decoded_ahead(pool):
                self._take(task, decoded, pool)
            self._finish_waiting(pool)
            self._settle(0)
        except BaseException:
            self._abandon()
            # What the network has done is still written; it is little, and was dear.
            for _, decoding in self.ahead:
                decoding.cancel()
            pool.shutdown(wait=True)
            self._settle_what_is_done()
            raise
        pool.shutdown(wait=True)
        return self.summary

    def _decoded_ahead(self, pool: ThreadPoolExecutor) -> Iterator[tuple[Task, Decoded | Unchanged | BaseException]]:
        """Decode in threads, a few pictures ahead, and yield in order."""
        tasks = iter(self.plan.tasks)
        while True:
            for task in tasks:
                self.ahead.append((task, pool.submit(self._decode, task)))
                if len(self.ahead) > self.threads:
                    break
            if not self.ahead:
                return
            task, future = self.ahead.popleft()
            error = future.exception()
            yield task, error if error is not None else future.result()

    def _decode(self, task: Task) -> Decoded | Unchanged:
        content = task.picture.read()
        sha256 = hashlib.sha256(content).hexdigest()
        if task.known is not None and task.known.get("sha256") == sha256:
            return Unchanged(sha256)
        return Decoded(self.process.read(content), sha256)

    def _take(self, task: Task, decoded: Decoded | Unchanged | BaseException, pool: ThreadPoolExecutor) -> None:
        if isinstance(decoded, BaseException):
            self._fail(task, reading_problem(decoded))
            return
        if isinstance(decoded, Unchanged):
            assert task.known is not None
            self.records.finish({**task.known, "input": task.picture.label, "stamp": task.picture.stamp})
            self.summary.skipped += 1
            self.display.ended(task)
            return
        self.display.found(task, self.process.pixels(decoded.picture))
        key = self.process.group(decoded.picture)
        group = self.waiting.setdefault(key, [])
        group.append((task, decoded))
        self.waiting_pixels += self.process.pixels(decoded.picture)
        if len(group) >= self.process.batch_size(decoded.picture):
            self._run_group(key, pool)
        while self.waiting_pixels > _HELD_PIXELS:
            # The group that has waited longest.
            self._run_group(next(iter(self.waiting)), pool)

    def _finish_waiting(self, pool: ThreadPoolExecutor) -> None:
        """Run what waits for more of its kind, when no more come."""
        while self.waiting:
            self._run_group(next(iter(self.waiting)), pool)

    def _abandon(self) -> None:
        """Let nothing wait any more for the calling thread, which is on its way out."""

    def _run_group(self, key: Hashable, pool: ThreadPoolExecutor) -> None:
        group = self.waiting.pop(key)
        self.waiting_pixels -= sum(self.process.pixels(decoded.picture) for _, decoded in group)
        results = self.process.run([decoded.picture for _, decoded in group])
        for (task, decoded), result in zip(group, results, strict=True):
            if isinstance(result, BadPicture):
                self._fail(task, result.message)
                continue
            self.display.worked(task, self.process.pixels(decoded.picture))
            self._settle(2 * self.threads)
            self.records.start(task.output)
            future = pool.submit(self._encode, task, result, decoded.sha256)
            self.encoding[future] = (task, self.process.pixels(decoded.picture))

    def _encode(self, task: Task, result: Any, sha256: str) -> dict[str, Any]:
        content, facts = self.process.write(result)
        target = self.records.folder / task.output
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, content)
        return self._line(task, sha256, len(content), facts)

    def _line(self, task: Task, sha256: str, size: int, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is recorded of an output of so many bytes."""
        return {
            "output": task.output,
            "input": task.picture.label,
            "stamp": task.picture.stamp,
            "sha256": sha256,
            "bytes": size,
            "settings": self.settings,
            **facts,
        }

    def _settle(self, most: int) -> None:
        """Record what has been written, and wait until at most so many writes are under way."""
        while self.encoding:
            finished, _ = wait(self.encoding, timeout=0, return_when=FIRST_COMPLETED)
            if not finished:
                if len(self.encoding) <= most:
                    return
                finished, _ = wait(self.encoding, return_when=FIRST_COMPLETED)
            for future in finished:
                self._record(future)

    def _record(self, future: Future[dict[str, Any]]) -> None:
        task, pixels = self.encoding.pop(future)
        error = future.exception()
        if error is None:
            self.records.finish(future.result())
            self.summary.done += 1
            self.summary.megapixels += pixels / 1e6
            self.display.ended(task, pixels)
        elif isinstance(error, BadPicture):
            self._fail(task, error.message)
        elif isinstance(error, OSError) and error.errno not in _STOPPING:
            self._fail(task, f"It cannot be written: {error.strerror or error}.")
        elif isinstance(error, OSError):
            raise RunFailed(
                f"{self.records.folder} cannot be written any more. Received: {error.strerror}",
                hint="Mend that, then run the same command again: it continues.",
            ) from error
        else:
            raise error

    def _settle_what_is_done(self) -> None:
        """Record, on the way out, what was written; further errors must not hide the first."""
        for future in list(self.encoding):
            if future.done() and not future.cancelled() and future.exception() is None:
                with contextlib.suppress(RunFailed, OSError):
                    self._record(future)


def announce_archives(pictures: Iterable[PictureInput], folder: Path | None = None) -> None:
    """Tell the archives which of their members will be read."""
    wanted: dict[int, tuple[Any, list[int]]] = {}
    for picture in pictures:
        if picture.archive is not None:
            wanted.setdefault(id(picture.archive), (picture.archive, []))[1].append(picture.number)
    for archive, numbers in wanted.values():
        archive.expect(numbers, folder)


def reading_problem(error: BaseException) -> str:
    """Return why an input cannot be read.

    Raises:
        BaseException: The error, where it is no fault of the input.
    """
    if isinstance(error, BadPicture):
        return f"{error.message} {error.hint}".strip()
    if isinstance(error, OSError):
        return f"It cannot be read: {error.strerror or error}."
    if isinstance(error, MemoryError):
        return "There is not enough memory to read it."
    raise error


def failures_file(output: Path) -> Path:
    """Return the file that tells which inputs failed and why."""
    return companion(output, FAILURES)
