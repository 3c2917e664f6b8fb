"""Main program of the process that drives Beam: `python -m gantk.data.beam_driver JOB WORKERS`.

Beam runs apart from the process that trains: its threads, servers and memory are gone when it has ended, and
whatever hangs can be killed. The process leads a process group of its own, which its workers belong to.

- When its standard input ends, the process that started it is gone: the whole group is killed.
- When a worker process dies (killed by the system for want of memory, or crashed in native code), FnApiRunner
  would wait for it forever: the failure is recorded and the whole group is killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from gantk.data.job import Job
from gantk.errors import GantkError, RunFailed

_GRACE_SECONDS = 1.0
_NAMED = 8


def kill_group() -> None:
    """Kill this process and its workers."""
    sys.stderr.flush()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _end_with_standard_input() -> None:
    while os.read(0, 1024):
        pass
    kill_group()


def _end_with_worker(job: DrivenJob) -> None:
    errors: list[BaseException | None] = []

    def end() -> None:
        # What says most: the thread that waited for the worker knows how it ended, gRPC's say nothing at all.
        error = max(errors, key=lambda error: len(str(error or "")))
        begun = job.in_work()
        others = f" and {len(begun) - _NAMED} more" if len(begun) > _NAMED else ""
        among = f"; in work: {', '.join(begun[:_NAMED])}{others}" if begun else ""
        job.record_failure(
            RunFailed(
                f"a worker process of {job.title} died. Received: {error or repr(error)}{among}",
                hint="A negative code is a signal; -9 is most often the system's, for want of memory: "
                f"{job.relief}. What is done is kept: run the same command again.",
            )
        )
        kill_group()

    def hook(arguments: threading.ExceptHookArgs) -> None:
        # Beam waits for each worker in a thread, which raises when the worker ends by anything but success;
        # threads of gRPC that talked with the worker can raise just before.
        threading.__excepthook__(arguments)
        errors.append(arguments.exc_value)
        if len(errors) == 1:
            threading.Timer(_GRACE_SECONDS, end).start()

    threading.excepthook = hook


class DrivenJob(Protocol):
    """What the driver needs to know of a job."""

    @property
    def title(self) -> str:
        """What it is, in a sentence: `the preparation`."""
        ...

    @property
    def relief(self) -> str:
        """What to do when the memory is not enough for its workers."""
        ...

    def in_work(self) -> Sequence[str]:
        """Return what its workers have begun and not ended, as the user knows it, where that is known."""
        ...

    def record_failure(self, error: BaseException) -> object:
        """Leave an error for the process that started the driver."""
        ...

    def failure(self) -> GantkError | None:
        """Return the error that was left, if any."""
        ...


def drive(job: DrivenJob, run: Callable[[], None], *, local: bool) -> int:
    """Run a pipeline as the main program of a process.

    Args:
        job: The job.
        run: Runs the pipeline to its end.
        local: The workers are processes started from this one.

    Returns:
        The exit status: 0 when the pipeline has ended well.
    """
    threading.Thread(target=_end_with_standard_input, name="end-with-standard-input", daemon=True).start()
    if local:
        _end_with_worker(job)
    try:
        run()
    except Exception:
        traceback.print_exc()
        if job.failure() is None:
            # The pipeline can fall with a dead worker, and before the thread that knows how the worker ended.
            time.sleep(2 * _GRACE_SECONDS)
        return 1
    return 0


def leave(status: int) -> NoReturn:
    """End this process. The files are all written; leaving at once spares the time-outs of Beam's servers."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main(arguments: list[str]) -> int:
    """Run the pending units of a job.

    Args:
        arguments: The job's file, and the number of worker processes.

    Returns:
        The exit status: 0 when the manifest is written.
    """
    job_file, workers = Path(arguments[0]), int(arguments[1])
    job = Job.load(job_file)

    def run() -> None:
        from gantk.data.beam_pipeline import run_pipeline

        # FnApiRunner deals the units out in turn, and does not move them later: from the largest down, every worker
        # gets about as much, to within one unit.
        plans = sorted(job.plans.glob("*.jsonl"), key=lambda path: (-path.stat().st_size, path.name))
        run_pipeline(job_file, [path.name.removesuffix(".jsonl") for path in plans], workers=workers)

    return drive(job, run, local=job.options.beam is None)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
