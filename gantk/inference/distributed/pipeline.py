"""The Beam pipeline: a linear chain whose elements are names of units of work, never pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam

from gantk.data.beam_pipeline import new_pipeline
from gantk.inference.distributed.job import UpscalingJob


class UpscaleUnit(beam.DoFn):
    """Runs a unit by its name.

    Args:
        job_file: The saved job.
    """

    def __init__(self, job_file: str) -> None:
        self._job_file = job_file

    def process(self, element: str) -> Iterator[str]:
        from gantk.inference.distributed.worker import run_unit

        run_unit(Path(self._job_file), element)
        yield element


def run_pipeline(job: UpscalingJob, units: list[str], *, workers: int) -> None:
    """Run units; return when all are done.

    Args:
        job: The saved job.
        units: Their names.
        workers: Worker processes of the local runner.

    Raises:
        Exception: Whatever the runner makes of a failure; the failure itself is with the job.
    """
    pipeline = new_pipeline(job.beam, job.file, len(units), workers=workers)
    (
        pipeline
        | "Units" >> beam.Create(units, reshuffle=False)
        | "Spread" >> beam.Reshuffle()
        | "UpscaleUnit" >> beam.ParDo(UpscaleUnit(os.fspath(job.file)))
    )
    pipeline.run().wait_until_finish()
