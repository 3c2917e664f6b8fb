"""Main program of the process that drives Beam: `python -m gantk.inference.distributed.driver JOB WORKERS`.

See `gantk.data.beam_driver`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from gantk.data.beam_driver import drive, leave
from gantk.data.failures import rebuilt_failure
from gantk.inference.distributed.job import UpscalingJob
from gantk.inference.distributed.worker import FAILURE_MARK


def main(arguments: list[str]) -> int:
    """Run the units of a job.

    Args:
        arguments: The job's file, and the number of worker processes.

    Returns:
        The exit status: 0 when all units are done.
    """
    job = UpscalingJob.load(Path(arguments[0]))
    units = sorted(path.name.removesuffix(".jsonl") for path in job.plans.glob("*.jsonl"))

    def run() -> None:
        from gantk.inference.distributed.pipeline import run_pipeline

        try:
            run_pipeline(job, units, workers=int(arguments[1]))
        except Exception as error:
            # A worker that cannot write has put its reason into the error.
            told = re.search(rf"{FAILURE_MARK}(\{{.*\}})", str(error))
            if told is not None and job.failure() is None:
                job.record_failure(rebuilt_failure(json.loads(told[1])))
            raise

    return drive(job, run, local=job.beam is None)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
