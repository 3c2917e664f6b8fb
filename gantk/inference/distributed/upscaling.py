"""Enlarging pictures on disk in many processes or on many machines, by Beam."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantk.artifacts import Bundle
from gantk.atomic_files import remove_leftovers
from gantk.data.options import BeamOptions
from gantk.data.supervisor import supervise
from gantk.errors import UsageError
from gantk.inference.batch_job import JobSummary, PictureJob, run_job
from gantk.inference.distributed.gathering import Gathering
from gantk.inference.distributed.job import UpscalingJob, new_work_folder
from gantk.inference.distributed.units import cut_into_units, write_unit
from gantk.inference.picture_input import PictureInput
from gantk.inference.upscaling import planned_upscaling
from gantk.inference.upscaling_options import MAX_PIXELS, UpscalingOptions

if TYPE_CHECKING:
    from gantk.engine.precision import Precision

logger = logging.getLogger("gantk.inference")

UNIT_PICTURES = 48
_UNITS_A_WORKER = 4


def upscale_with_beam(
    bundle: Bundle,
    inputs: Iterable[str | Path | PictureInput],
    output: str | Path,
    *,
    runner: str = "FnApiRunner",
    runner_options: Mapping[str, Any] | None = None,
    direction: str | None = None,
    scale: float | None = None,
    tile: int | None = None,
    halo: int | None = None,
    batch_size: int | None = None,
    format: str | None = None,
    suffix: str = "",
    quality: int = 95,
    png_level: int = 1,
    precision: Precision = "float32",
    max_pixels: int = MAX_PIXELS,
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

    Every worker must see inputs, model and output under the same paths, and have the same gantk and plugins.

    Whatever ends the job, what is finished is known to the next one: the same call continues, and so does `upscale`.

    Args:
        bundle: The model; from a file.
        inputs: As for `upscale`; not inputs made by a program.
        output: As for `upscale`.
        runner: `FnApiRunner` starts processes on this machine, or, with `environment_type: EXTERNAL`, takes worker pools
            elsewhere; any other name goes to Beam, with `DaskRunner` prepared for (`gantk.data.BeamOptions`).
        runner_options: Beam's pipeline options for it, by their names in Python. On this machine only
            `direct_num_workers`, the number of processes: one unless told otherwise.
        direction: As for `upscale`, like all up to `progress`.
        scale: Of the results.
        tile: Largest side of a tile.
        halo: Margin of a tile.
        batch_size: Tiles that the network is given at once.
        format: Of the results.
        suffix: Behind the names of the results.
        quality: Of JPEG and WebP.
        png_level: Of PNG.
        precision: Of the network.
        max_pixels: A picture of more fails.
        overwrite: Do everything again, and replace files that no job has written.
        retry_failures: Try again what failed before and has not changed.
        progress: Show a bar on a terminal, log lines elsewhere.
        threads: Threads that decode and encode, in each worker.
        unit_pictures: Most pictures that a worker is given at once.
        stall_seconds: End the run when no picture has been finished for this long.

    Returns:
        The counts, as `upscale`.

    Raises:
        UsageError: As `upscale`; or an input that is known to this process alone.
        PluginError: The model's plugin is missing.
        RunFailed: As `upscale`; or a worker has died, does not see a folder or cannot write to it, or nothing was
            finished for `stall_seconds`.
        KeyboardInterrupt: Ctrl-C. As after every other end, the same call continues.
    """
    options = UpscalingOptions(
        direction, scale, tile, halo, batch_size, format, suffix, quality, png_level, precision, max_pixels
    )
    workers, beam = _chosen(runner, dict(runner_options or {}))
    found, records, plan = planned_upscaling(bundle, inputs, output, options, overwrite, retry_failures)
    try:
        if plan.tasks:
            # A missing plugin shows before processes are started.
            bundle.component(bundle.direction(direction))
            if bundle.metadata.licence:
                logger.info("the licence of the model: %s", bundle.metadata.licence)
        return run_job(
            plan,
            records,
            Distribution(bundle, options, workers, beam, unit_pictures, stall_seconds),  # type: ignore[arg-type]
            settings=options.settings(bundle),
            progress=progress,
            threads=threads,
            max_pixels=max_pixels,
            job=DistributedJob,
        )
    finally:
        found.close()


def _chosen(runner: str, options: dict[str, Any]) -> tuple[int, BeamOptions | None]:
    """Return the worker processes of the local runner, and another runner if one was chosen."""
    name = runner.rpartition(".")[2].lower().removesuffix("runner")
    if name not in ("fnapi", "direct", "local") or "environment_type" in options:
        return 0, BeamOptions(runner=runner, options=options)
    given = options.pop("direct_num_workers", 1)
    if options:
        raise UsageError(
            "The runner on this machine takes the option direct_num_workers alone, unless environment_type is given. "
            f"Received: {', '.join(options)}"
        )
    try:
        workers = int(given)
    except (TypeError, ValueError):
        workers = 0
    if workers < 1:
        raise UsageError(f"direct_num_workers must be 1 or more. Received: {given!r}")
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
        stall_seconds: How long no picture may be finished before the run is ended.
    """

    bundle: Bundle
    options: UpscalingOptions
    workers: int
    beam: BeamOptions | None
    unit_pictures: int
    stall_seconds: float

    @property
    def least_units(self) -> int:
        """How many units keep all workers busy, where there are as many pictures."""
        if self.beam is None:
            # One process is as busy with one unit as with several.
            return self.workers * _UNITS_A_WORKER if self.workers > 1 else 1
        pools = str(self.beam.options.get("environment_config", "")).replace(",", " ").split()
        known = self.beam.options.get("direct_num_workers") or len(pools)
        return int(known or 8) * _UNITS_A_WORKER


class DistributedJob(PictureJob):
    """A job whose pictures are worked on by the workers of a Beam runner. See `run_job` for the arguments."""

    process: Distribution

    def run(self) -> JobSummary:
        """Run the job. See `run_job`."""
        began = time.monotonic()
        self._begin()
        if self.plan.tasks:
            self._distribute()
        self.summary.seconds = time.monotonic() - began
        return self.summary

    def _distribute(self) -> None:
        job = self._job()
        gathering = Gathering(job, self.plan.tasks, self.records, self.summary, self.display)
        try:
            job.save()
            units = cut_into_units(
                self.plan.tasks, most=self.process.unit_pictures, least_units=self.process.least_units
            )
            for number, unit in enumerate(units):
                write_unit(job.plans / f"{number:06d}.jsonl", unit)
            try:
                supervise(
                    job,
                    job.file,
                    workers=self.process.workers,
                    progressed=gathering.gather,
                    stalled=gathering.stalled,
                    driver="gantk.inference.distributed.driver",
                    variables={"KERAS_BACKEND": job.backend},
                )
            finally:
                gathering.gather()
            gathering.check()
        finally:
            # What the workers have noted is in the records now.
            job.remove()
        for output in gathering.begun_twice:
            remove_leftovers(self.records.folder / output)

    def _job(self) -> UpscalingJob:
        from gantk.data.preparation import available_processors
        from gantk.engine.backend import resolve_backend

        process = self.process
        folder = Path(os.path.abspath(self.records.folder))
        return UpscalingJob(
            folder=folder,
            work=new_work_folder(folder),
            model=Path(os.path.abspath(process.bundle.path)),
            digest=process.bundle.digest,
            options=process.options,
            settings=self.settings,
            backend=resolve_backend(),
            network_threads=None
            if process.beam is not None or process.workers == 1
            else max(1, available_processors() // process.workers),
            threads=self.threads,
            stall_seconds=process.stall_seconds,
            beam=process.beam,
        )
