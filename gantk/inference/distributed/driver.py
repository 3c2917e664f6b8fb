"""Main program of the process that drives Beam: `python -m gantk.inference.distributed.driver JOB WORKERS`.

See `gantk.data.beam_driver`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gantk.data.beam_driver import drive, leave
from gantk.data.failures import rebuilt_failure
from gantk.errors import GantkError
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
    # From the largest down, so that none is begun alone at the end.
    plans = sorted(job.plans.glob("*.jsonl"), key=lambda path: (-path.stat().st_size, path.name))
    units = [path.name.removesuffix(".jsonl") for path in plans]

    def run() -> None:
        from gantk.inference.distributed.pipeline import run_pipeline

        try:
            run_pipeline(job, units, workers=int(arguments[1]))
        except Exception as error:
            # A worker that cannot write has put its reason into the error.
            told = told_failure(str(error))
            if told is not None and job.failure() is None:
                job.record_failure(told)
            raise

    return drive(job, run, local=job.beam is None)


def told_failure(text: str) -> GantkError | None:
    """Return the error that a worker has put into that of its runner; None where there is none, or none that is whole."""
    _, _, rest = text.partition(FAILURE_MARK)
    try:
        plain, _ = json.JSONDecoder().raw_decode(rest)
        return rebuilt_failure({name: str(plain[name]) for name in ("type", "message", "hint")})
    except (ValueError, TypeError, KeyError, RecursionError):
        # Runners cut texts short, and quote them in ways of their own.
        return None


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
