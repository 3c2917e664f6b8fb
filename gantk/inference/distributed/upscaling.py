"""Enlarging pictures on disk in many processes or on many machines, by Beam."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantk.artifacts import Bundle
from gantk.atomic_files import remove_leftovers
from gantk.data.options import BeamOptions
from gantk.data.supervisor import supervise
from gantk.errors import GantkError, UsageError
from gantk.inference.distributed.gathering import Gathering
from gantk.inference.distributed.job import UpscalingJob, new_work_folder
from gantk.inference.distributed.units import cut_into_units, write_unit
from gantk.inference.job_plan import JobPlan
from gantk.inference.job_progress import JobProgress
from gantk.inference.job_records import Records
from gantk.inference.picture_input import PictureInput
from gantk.inference.recorded_job import JobSummary, RecordedJob, run_recorded
from gantk.inference.upscaling import planned_upscaling
from gantk.inference.upscaling_options import UpscalingOptions

logger = logging.getLogger("gantk.inference")

UNIT_PICTURES = 48
_UNITS_A_WORKER = 4
_ASSUMED_WORKERS = 8
_LAG_SECONDS = 70.0
"""How late a network file system may show a file: NFS remembers a listing for a minute."""


def upscale_with_beam(
    bundle: Bundle,
    inputs: Iterable[str | Path | PictureInput],
    output: str | Path,
    options: UpscalingOptions | None = None,
    *,
    runner: str = "FnApiRunner",
    runner_options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    retry_failures: bool = False,
    progress: bool = False,
    threads: int | None = None,
    unit_pictures: int = UNIT_PICTURES,
    stall_seconds: float = 1800,
) -> JobSummary:
    """Enlarge pictures as `gantk.inference.upscale` does, in worker processes of a Beam runner.

    Results and records are the same, byte for byte, where all workers compute on the same kind of device with the same
    versions: a tile's result does not depend on the others of its batch nor on the number of threads. (Processors with
    other instructions and accelerators round differently; a worker that runs out of memory goes on with smaller tiles.)

    Every worker must see inputs, model and output under the same paths, and have the same gantk and plugins. Where an
    input is a URL, which may hold a password, the workers must be processes of the same user.

    Whatever ends the job, what is finished is known to the next one: the same call continues, and so does `upscale`.

    Args:
        bundle: The model; from a file.
        inputs: As for `upscale`; not inputs made by a program.
        output: As for `upscale`.
        options: How pictures are enlarged and written.
        runner: `FnApiRunner` starts processes on this machine, or, with `environment_type: EXTERNAL`, takes worker pools
            elsewhere; any other name goes to Beam, with `DaskRunner` prepared for (`gantk.data.BeamOptions`).
        runner_options: Beam's pipeline options for it, by their names in Python. On this machine only
            `direct_num_workers`, the number of processes: one unless told otherwise.
        overwrite: Do everything again, and replace files that no job has written.
        retry_failures: Try again what failed before and has not changed.
        progress: Show a bar on a terminal, log lines elsewhere.
        threads: Threads that decode and encode, in each worker.
        unit_pictures: Most pictures that a worker is given at once.
        stall_seconds: End the run when no worker has finished a tile for this long. A worker that dies on this machine ends
            it at once.

    Returns:
        The counts, as `upscale`.

    Raises:
        UsageError: As `upscale`; or an input that is known to this process alone.
        PluginError: The model's plugin is missing.
        RunFailed: As `upscale`; or a worker has died, does not see a folder or cannot write to it, or no worker has got
            on for `stall_seconds`.
        KeyboardInterrupt: Ctrl-C. As after every other end, the same call continues.
    """
    options = options or UpscalingOptions()
    workers, beam = _chosen(runner, dict(runner_options or {}))
    found, records, plan = planned_upscaling(bundle, inputs, output, options, overwrite, retry_failures)
    try:
        if plan.tasks:
            # A missing plugin shows before processes are started.
            bundle.component(bundle.picture_direction(options.direction))
            if bundle.metadata.licence:
                logger.info("the licence of the model: %s", bundle.metadata.licence)
        distribution = Distribution(bundle, options, workers, beam, unit_pictures, stall_seconds)

        def begun(display: JobProgress) -> DistributedJob:
            decoders = threads or min(4, os.cpu_count() or 1)
            return DistributedJob(plan, records, options.settings(bundle), display, distribution, decoders)

        return run_recorded(plan, records, begun, progress=progress, max_pixels=options.max_pixels)
    finally:
        found.close()


def _chosen(runner: str, options: dict[str, Any]) -> tuple[int, BeamOptions | None]:
    """Return the worker processes of the local runner, and another runner if one was chosen."""
    name = runner.rpartition(".")[2].lower().removesuffix("runner")
    workers = options.get("direct_num_workers", 1)
    try:
        workers = int(workers)
    except (TypeError, ValueError):
        workers = 0
    if workers < 1:
        raise UsageError(f"direct_num_workers must be 1 or more. Received: {options['direct_num_workers']!r}")
    if name not in ("fnapi", "direct", "local") or "environment_type" in options:
        if "direct_num_workers" in options:
            options["direct_num_workers"] = workers
        return 0, BeamOptions(runner=runner, options=options)
    options.pop("direct_num_workers", None)
    if options:
        raise UsageError(
            "The runner on this machine takes the option direct_num_workers alone, unless environment_type is given. "
            f"Received: {', '.join(options)}"
        )
    return workers, None


@dataclass(frozen=True)
class Distribution:
    """How a job is spread.

    Args:
        bundle: The model.
        options: How pictures are enlarged.
        workers: Processes on this machine.
        beam: Another runner than the local one.
        unit_pictures: Most pictures of a unit.
        stall_seconds: How long no worker may have got on before the run is ended.
    """

    bundle: Bundle
    options: UpscalingOptions
    workers: int
    beam: BeamOptions | None
    unit_pictures: int
    stall_seconds: float

    @property
    def known_workers(self) -> int:
        """How many processes do the work, as far as that is known here."""
        if self.beam is None:
            return self.workers
        pools = str(self.beam.options.get("environment_config", "")).replace(",", " ").split()
        return int(self.beam.options.get("direct_num_workers") or len(pools) or _ASSUMED_WORKERS)

    @property
    def least_units(self) -> int:
        """How many units keep all workers busy, where there are as many pictures."""
        # One process is as busy with one unit as with several.
        return 1 if self.workers == 1 else self.known_workers * _UNITS_A_WORKER


class DistributedJob(RecordedJob):
    """A job whose pictures are worked on by the workers of a Beam runner.

    Args:
        plan: As for `RecordedJob`, like `records`, `settings` and `display`.
        distribution: How it is spread.
        threads: Threads that decode and encode, in each worker.
    """

    def __init__(
        self,
        plan: JobPlan,
        records: Records,
        settings: Mapping[str, Any],
        display: JobProgress,
        distribution: Distribution,
        threads: int,
    ) -> None:
        super().__init__(plan, records, settings, display)
        self._distribution = distribution
        self._threads = threads

    def run(self) -> JobSummary:
        """Run the job. See `upscale_with_beam`."""
        self._begin()
        if self.plan.tasks:
            self._distribute()
        return self.summary

    def _distribute(self) -> None:
        job = self._job()
        gathering = Gathering(job, self.plan.tasks, self.records, self.summary, self.display)
        try:
            job.save(private=any(task.picture.remote for task in self.plan.tasks))
            self._write_units(job)
            self._supervise(job, gathering)
            gathering.complete(_LAG_SECONDS)
        except BaseException:
            # The next job reads what could not be taken into the records, and what workers elsewhere still note.
            with contextlib.suppress(GantkError, OSError):
                gathering.gather()
            with contextlib.suppress(OSError):
                job.keep_lines()
            raise
        job.remove()
        for output in gathering.begun_twice:
            remove_leftovers(self.records.folder / output)

    def _write_units(self, job: UpscalingJob) -> None:
        distribution = self._distribution
        units = cut_into_units(
            self.plan.tasks,
            most=distribution.unit_pictures,
            least_units=distribution.least_units,
            workers=distribution.known_workers,
        )
        for number, unit in enumerate(units):
            write_unit(job.plans / f"{number:06d}.jsonl", unit)
        for task in self.plan.tasks:
            # Whatever becomes of the workers and of what they note: a result that is there is this job's own. Of one
            # that was there before, its line says so.
            if task.output not in self.records.done:
                self.records.start(task.output)

    def _supervise(self, job: UpscalingJob, gathering: Gathering) -> None:
        supervise(
            job,
            job.file,
            workers=self._distribution.workers,
            progressed=gathering.gather,
            stalled=gathering.stalled,
            driver="gantk.inference.distributed.driver",
            variables={"KERAS_BACKEND": job.backend},
        )

    def _job(self) -> UpscalingJob:
        from gantk.data.preparation import available_processors
        from gantk.engine.backend import resolve_backend

        distribution = self._distribution
        folder = Path(os.path.abspath(self.records.folder))
        return UpscalingJob(
            folder=folder,
            work=new_work_folder(folder),
            model=Path(os.path.abspath(distribution.bundle.path)),
            digest=distribution.bundle.digest,
            options=distribution.options,
            settings=self.settings,
            backend=resolve_backend(),
            network_threads=None
            if distribution.beam is not None or distribution.workers == 1
            else max(1, available_processors() // distribution.workers),
            threads=self._threads,
            stall_seconds=distribution.stall_seconds,
            beam=distribution.beam,
        )
