"""A batch job whose network is given tiles: those of several pictures fill a batch, and a picture may be of any size.

Small pictures are decoded and encoded whole, in the threads of every job. A large one is read in strips while its tiles
are run, and a thread of its own encodes the strips of the result as they become known.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from gantk.errors import RunFailed
from gantk.inference.batch_job import Decoded, PictureJob, Unchanged, reading_problem
from gantk.inference.content import Content, content_of
from gantk.inference.destination import FolderDestination
from gantk.inference.job_plan import Task
from gantk.inference.picture import BadPicture, Picture
from gantk.inference.recorded_job import JobSummary
from gantk.inference.rows.queue import RowQueue, WriterStopped
from gantk.inference.tiling.assembly import PictureAssembly
from gantk.inference.tiling.tile_batches import TileBatches, TileResult

_LARGE_AT_ONCE = 2
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class TiledProcess(Protocol):
    """What a job does with every picture."""

    @property
    def batches(self) -> TileBatches[PictureAssembly]:
        """Runs the tiles. Asked for in the calling thread only."""
        ...

    def open(self, content: Content) -> Any:
        """Read a file's header, and its pixels where they are few. Called in several threads. Raises `BadPicture`."""
        ...

    def pixels(self, opened: Any) -> int:
        """Return height × width."""
        ...

    def is_large(self, opened: Any) -> bool:
        """Whether the result is to be written while it is made."""
        ...

    def assemble(self, opened: Any, emit: Any) -> PictureAssembly:
        """Begin with a picture, whose result goes to `emit` in strips. Raises `BadPicture` or `OSError`."""
        ...

    def write(
        self, opened: Any, strips: Iterable[Picture], size: tuple[int, int], stream: IO[bytes]
    ) -> Mapping[str, Any]:
        """Encode a result of this height and width and say what is to be recorded of it. Called in several threads. Raises `BadPicture`."""
        ...


@dataclass(eq=False)
class _InWork:
    """A picture whose tiles are under way; its strips go to the list, or to the queue of the thread that encodes."""

    task: Task
    opened: Any
    sha256: str
    size: tuple[int, int] = (0, 0)
    strips: list[Picture] = field(default_factory=list)
    queue: RowQueue | None = None
    encoding: Future[dict[str, Any]] | None = None


class TiledJob(PictureJob):
    """A job under way over a `TiledProcess`."""

    process: TiledProcess

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.destination = FolderDestination(self.records.folder)
        self._in_work: dict[PictureAssembly, _InWork] = {}
        self._writers = ThreadPoolExecutor(thread_name_prefix="gantk-strips", max_workers=8)

    def run(self) -> JobSummary:
        """Run the job. See `run_job`."""
        try:
            return super().run()
        finally:
            self._writers.shutdown(wait=True)

    def _decode(self, task: Task) -> Decoded | Unchanged:
        content = content_of(task.picture, self.records.folder)
        if task.known is not None and task.known.get("sha256") == content.sha256:
            return Unchanged(content.sha256)
        return Decoded(self.process.open(content), content.sha256)

    def _take(self, task: Task, decoded: Decoded | Unchanged | BaseException, pool: ThreadPoolExecutor) -> None:
        if not isinstance(decoded, Decoded):
            super()._take(task, decoded, pool)
            return
        work = _InWork(task, decoded.picture, decoded.sha256)
        self.display.found(task, self.process.pixels(decoded.picture))
        large = self.process.is_large(decoded.picture)
        while large and sum(other.queue is not None for other in self._in_work.values()) >= _LARGE_AT_ONCE:
            # Each holds a thread and the rows in work.
            self._finish_waiting(pool)
        if large:
            work.queue = RowQueue()
        emit = work.strips.append if work.queue is None else work.queue.put
        try:
            assembly = self.process.assemble(decoded.picture, emit)
        except (BadPicture, OSError, MemoryError) as error:
            self._fail(task, _reason(error))
            return
        work.size = assembly.size
        self._in_work[assembly] = work
        if work.queue is not None:
            self._settle(2 * self.threads)
            self.records.start(task.output)
            work.encoding = self._writers.submit(self._encode_strips, work)
        self._run_tiles(assembly, pool)

    def _run_tiles(self, assembly: PictureAssembly, pool: ThreadPoolExecutor) -> None:
        works = assembly.works()
        while assembly.failed is None:
            try:
                tile = next(works, None)
            except WriterStopped:
                # Its own error says why.
                assembly.fail(BadPicture("Its result cannot be written."))
                break
            except (BadPicture, OSError, MemoryError) as error:
                assembly.fail(BadPicture(_reason(error)))
                break
            if tile is None:
                break
            for result in self.process.batches.add(tile):
                self._place(result, pool)
        self._end_if_done(assembly, pool)

    def _finish_waiting(self, pool: ThreadPoolExecutor) -> None:
        for result in self.process.batches.flush():
            self._place(result, pool)

    def _place(self, result: TileResult[PictureAssembly], pool: ThreadPoolExecutor) -> None:
        try:
            result.owner.place(result)
        except WriterStopped:
            result.owner.fail(BadPicture("Its result cannot be written."))
        work = self._in_work.get(result.owner)
        if work is not None:
            self.display.worked(work.task, result.tile.core_pixels // result.owner.planes)
        self._end_if_done(result.owner, pool)

    def _end_if_done(self, assembly: PictureAssembly, pool: ThreadPoolExecutor) -> None:
        if assembly not in self._in_work or not (assembly.complete or assembly.failed):
            return
        work = self._in_work.pop(assembly)
        if assembly.failed is not None:
            self.process.batches.drop(assembly)
        if work.queue is not None:
            work.queue.finish(assembly.failed)
            assert work.encoding is not None
            self.encoding[work.encoding] = (work.task, self.process.pixels(work.opened))
        elif assembly.failed is not None:
            self._fail(work.task, assembly.failed.message)
        else:
            self._settle(2 * self.threads)
            self.records.start(work.task.output)
            future = pool.submit(self._encode_strips, work)
            self.encoding[future] = (work.task, self.process.pixels(work.opened))

    def _encode_strips(self, work: _InWork) -> dict[str, Any]:
        try:
            with self.destination.file(work.task.output) as stream:
                strips: Iterable[Picture] = work.strips if work.queue is None else work.queue
                facts = self.process.write(work.opened, strips, work.size, stream)
                size = stream.tell()
        finally:
            if work.queue is not None:
                work.queue.stop()
        return self._line(work.task, work.sha256, size, facts)

    def _abandon(self) -> None:
        for work in self._in_work.values():
            if work.queue is not None:
                work.queue.finish(BadPicture("The job has ended."))
                work.queue.stop()
        self._writers.shutdown(wait=True)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        raise RunFailed(
            f"No space is left for the rows of a picture. Received: {error.strerror}",
            hint="Free some space, then run the same command again: it continues.",
        ) from error
    return reading_problem(error)
