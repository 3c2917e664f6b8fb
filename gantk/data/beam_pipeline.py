"""The Beam pipeline: a linear chain whose elements are names of units of work, never images.

`Create(units) | Reshuffle | ParDo(run unit) | GroupByKey | ParDo(write manifest)`. Pixels never pass through
the runner, so the memory of the driver does not grow with the data; and a chain without side outputs or second
sinks runs alike on every runner.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from gantk.data.job import Job
from gantk.data.manifest import write_manifest
from gantk.data.options import BeamOptions
from gantk.data.unit import UnitRunner


class RunUnit(beam.DoFn):
    """Runs a unit by its name.

    Args:
        job_file: The saved job.
    """

    def __init__(self, job_file: str) -> None:
        self._job_file = job_file
        self._runner: UnitRunner | None = None

    def process(self, element: str) -> Iterator[tuple[str, str]]:
        job = Job.load(Path(self._job_file)) if self._runner is None else None
        try:
            if job is not None:
                self._runner = UnitRunner(job)
            assert self._runner is not None
            self._runner.run(element)
        except Exception as error:
            Job.load(Path(self._job_file)).record_failure(error)
            raise
        yield "dataset", element


class WriteManifest(beam.DoFn):
    """Writes the manifest when all units have been run.

    Args:
        job_file: The saved job.
    """

    def __init__(self, job_file: str) -> None:
        self._job_file = job_file

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[str]:
        job = Job.load(Path(self._job_file))
        try:
            write_manifest(job)
        except Exception as error:
            job.record_failure(error)
            raise
        yield element[0]


def run_pipeline(job_file: Path, units: list[str], *, workers: int) -> None:
    """Run units and write the manifest; return when all is done.

    Args:
        job_file: The saved job.
        units: Names of the units, whose plans are written.
        workers: Worker processes of the local runner; 0 runs everything in this process.

    Raises:
        Exception: Whatever the runner makes of a failure; the failure itself is with the job.
    """
    pipeline = new_pipeline(Job.load(job_file).options.beam, job_file, len(units), workers=workers)
    _build(pipeline, os.fspath(job_file), units)
    pipeline.run().wait_until_finish()


def new_pipeline(chosen: BeamOptions | None, job_file: Path, units: int, *, workers: int) -> Any:
    """Return an empty pipeline of the runner that was chosen.

    Args:
        chosen: The runner; None is the local one.
        job_file: The saved job.
        units: How many elements there will be.
        workers: Worker processes of the local runner; 0 runs everything in this process.

    Raises:
        ConfigError, RunFailed: As `runner_and_options`.
    """
    if chosen is not None:
        from gantk.data.beam_runners import runner_and_options

        runner, options = runner_and_options(chosen, units)
        return beam.Pipeline(runner=runner, options=options)
    # Named, since Beam's default runner first tries to download another one.
    return beam.Pipeline(runner=_local_runner(workers, job_file), options=_local_options(workers))


def _build(pipeline: Any, job_file: str, units: list[str]) -> None:
    (
        pipeline
        | "Units" >> beam.Create(units, reshuffle=False)
        | "Spread" >> beam.Reshuffle()
        | "RunUnit" >> beam.ParDo(RunUnit(job_file))
        | "Gather" >> beam.GroupByKey()
        | "WriteManifest" >> beam.ParDo(WriteManifest(job_file))
    )


def _local_options(workers: int) -> Any:
    return PipelineOptions([], direct_num_workers=max(workers, 1))


def _local_runner(workers: int, job_file: Path) -> Any:
    """Return the local runner: everything in this process, or in `workers` processes; never in threads.

    Although the codecs let go of Python's lock, threads are slower even without a transform written in Python. On two
    cores, decoding JPEG, resizing and encoding PNG, pictures a second, two threads against two processes: 66 and 71 of
    photographs of 1500 pixels to 256, 540 and 733 of 192 pixels to 128 (one alone: 38 and 440). A process also dies alone, in
    code that crashes, and costs some 130 MB of memory.
    """
    if workers == 0:
        return FnApiRunner()
    # `exec`, so that the process Beam waits for is the worker itself and not a shell around it. The job's name is
    # for people who look at the list of processes; the worker learns its work from Beam.
    # Beam makes UTF-8 of the command, which not every path is.
    shown = os.fspath(job_file).encode("utf-8", errors="replace").decode("utf-8")
    words = (sys.executable, "-P", "-m", "gantk.data.beam_worker", shown)
    command = f"exec {shlex.join(words)}"
    return FnApiRunner(default_environment=SubprocessSDKEnvironment.from_command_string(command))
