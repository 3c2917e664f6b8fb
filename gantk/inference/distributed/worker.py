"""Running units of a job in a worker process."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from gantk.artifacts import Bundle, load_bundle
from gantk.atomic_files import write_json
from gantk.data.failures import plain_failure
from gantk.errors import GantkError, RunFailed
from gantk.inference.batch_job import Decoded, Unchanged, run_job
from gantk.inference.destination import FolderOutput, JobOutput
from gantk.inference.distributed.job import TAKEN_UP, UpscalingJob
from gantk.inference.distributed.units import ReopenedInputs
from gantk.inference.job_plan import JobPlan, Task
from gantk.inference.record_files import encoded, read_lines
from gantk.inference.tiled_job import TiledJob
from gantk.inference.tiling.assembly import PictureAssembly
from gantk.inference.tiling.tile_batches import TileResult
from gantk.inference.upscaling import Upscaling

FAILURE_MARK = "gantk-failure "
"""Begins the line by which a worker that cannot write says what is wrong, in an error's text."""

_BEAT_SECONDS = 10.0
# A network takes one batch at a time, whatever number of units the runner sends to one process at once.
_one_at_a_time = threading.Lock()
_worker: tuple[str, UnitWorker] | None = None


def run_unit(job_file: Path, name: str) -> None:
    """Run the unit of this name; the model is loaded by the first one in a process.

    Raises:
        Exception: What ends the run; it has been left with the job, where that could be done.
    """
    global _worker
    with _one_at_a_time:
        job = None
        try:
            job = UpscalingJob.load(job_file)
            if _worker is None or _worker[0] != os.fspath(job_file):
                _worker = None
                _worker = (os.fspath(job_file), UnitWorker(job))
            _worker[1].run(name)
        except Exception as error:
            # Tiles of the unit may still wait for their batch.
            _worker = None
            if job is None or not job.record_failure(error):
                plain = json.dumps(plain_failure(error, what=UpscalingJob.title))
                raise RunFailed(f"{FAILURE_MARK}{plain}") from error
            raise


class UnitWorker:
    """A model at work on units of one job.

    Args:
        job: The job.

    Raises:
        RunFailed: This machine does not see the model, or another one under its name.
        PluginError: The model's plugin is missing here.
    """

    def __init__(self, job: UpscalingJob) -> None:
        from gantk.engine.backend import choose_backend

        self._job = job
        bundle = _bundle_of(job)
        choose_backend(job.backend, threads=job.network_threads)  # type: ignore[arg-type]
        self._process = Upscaling(bundle, job.options, job.folder)
        self._inputs = ReopenedInputs()

    def run(self, name: str) -> None:
        """Run a unit; what an earlier attempt has finished is not done again.

        Raises:
            RunFailed: The output folder cannot be written here, the disk is full, or the network fails on everything.
        """
        job = self._job
        tasks = self._inputs.read_unit(job.plans / f"{name}.jsonl")
        ended = _ended(job.lines, name)
        plan = JobPlan(tasks=[task for task in tasks if task.output not in ended])
        run_job(
            plan,
            UnitRecords(
                job.folder,
                job.lines / f"{name}.{uuid.uuid4().hex[:12]}.jsonl",
                beat_seconds=min(_BEAT_SECONDS, job.stall_seconds / 4),
            ),
            self._process,
            settings=job.settings,
            threads=job.threads,
            max_pixels=job.options.max_pixels,
            job=UnitJob,
        )
        write_json(job.reports / f"{name}.json", {"pictures": len(tasks)})


def _bundle_of(job: UpscalingJob) -> Bundle:
    host = socket.gethostname()
    try:
        bundle = load_bundle(job.model)
    except GantkError as error:
        raise RunFailed(
            f"{host}: every worker must see the model under the same path. Received: {error.message}",
            hint="Put the model on a disk that all machines share.",
        ) from error
    if bundle.digest != job.digest:
        raise RunFailed(
            f"{host}: {job.model} must be the model that the job was started with. Received: another one",
            hint="Put the model on a disk that all machines share.",
        )
    return bundle


def _ended(folder: Path, unit: str) -> set[str]:
    """Return the results that earlier attempts at a unit are done with, well or not."""
    lines = (line for path in folder.glob(f"{unit}.*.jsonl") for line in read_lines(path))
    return {line["output"] for line in lines if line.get("status") == "done" or "reason" in line}


class UnitJob(TiledJob):
    """The pictures of a unit under way. See `run_job` for the arguments."""

    records: UnitRecords

    def _decode(self, task: Task) -> Decoded | Unchanged:
        self.records.take_up(task)
        return super()._decode(task)

    def _place(self, result: TileResult[PictureAssembly], pool: ThreadPoolExecutor) -> None:
        self.records.beat()
        super()._place(result, pool)


class UnitRecords:
    """What a worker notes of the pictures of a unit, in a file of its own. See `gantk.inference.job_records.Records`.

    Args:
        folder: Where results lie.
        path: The file.
        beat_seconds: How often to note, at most, that the work goes on.
    """

    def __init__(self, folder: Path, path: Path, *, beat_seconds: float) -> None:
        self.output: JobOutput = FolderOutput(folder)
        self.folder = folder
        self.done: dict[str, dict[str, Any]] = {}
        self.started: set[str] = set()
        self._path = path
        self._stream: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._beat_seconds = beat_seconds
        self._last_beat = time.monotonic()

    def open(self) -> None:
        """Begin to write. Raises `RunFailed` where this machine cannot."""
        try:
            self._stream = self._path.open("xb")
        except OSError as error:
            raise RunFailed(
                f"{socket.gethostname()}: every worker must be able to write to {self.folder}. "
                f"Received: {error.strerror or error}",
                hint="Let the user of the workers write there.",
            ) from error

    def take_up(self, task: Task) -> None:
        """Note that a picture is about to be read, so that one that kills its worker is known. Called in several threads."""
        self._append({"output": task.output, "input": task.picture.label, "status": TAKEN_UP})

    def beat(self) -> None:
        """Note now and then that the work goes on: a large picture can take hours."""
        now = time.monotonic()
        if now - self._last_beat >= self._beat_seconds:
            self._last_beat = now
            self._append({"status": "working"})

    def start(self, output: str) -> None:
        """Note that an output is about to be written."""
        self._append({"output": output, "status": "started"})

    def finish(self, record: Mapping[str, Any]) -> None:
        """Note that an output is there."""
        self._append({**record, "status": "done"})

    def fail(self, record: Mapping[str, Any]) -> None:
        """Note that an input has no output."""
        self._append(record)

    def settle(self, label: str, output: str) -> None:
        """Nothing is known of earlier jobs."""

    def failed_outputs(self) -> Collection[str]:
        """Return none: the results stay where they are."""
        return ()

    def complete(self) -> None:
        """Nothing is left to be written."""

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _append(self, line: Mapping[str, Any]) -> None:
        assert self._stream is not None, "open comes first"
        try:
            with self._lock:
                self._stream.write(encoded(line))
                self._stream.flush()
        except OSError as error:
            raise RunFailed(
                f"{socket.gethostname()}: {self.folder} cannot be written any more. Received: {error.strerror or error}",
                hint="Mend that, then run the same command again: it continues.",
            ) from error
