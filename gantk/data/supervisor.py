"""Watching over the process that drives Beam: progress, failures, stalls, and leaving no process behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from gantk.data.job import Job
from gantk.errors import RunFailed
from gantk.wording import counted

_POLL_SECONDS = 0.1
_LOG_LINES = 15
_LEAST_FREE_BYTES = 2**20


def supervise(
    job: Job, job_file: Path, units: Mapping[str, int], *, workers: int, finished: Callable[[int], None]
) -> None:
    """Run the units of a job in a driver process and its workers, and return when the manifest is written.

    However it ends, by success, error or Ctrl-C, the driver and its workers are gone afterwards.

    Args:
        job: The job.
        job_file: Its saved form.
        units: Number of items by name of the units to be run.
        workers: Worker processes.
        finished: Called with the number of items of all units finished so far, when it has grown.

    Raises:
        RunFailed: A worker failed or died, nothing was finished for `stall_seconds`, or the driver failed.
    """
    log_path = job.work / "beam.log"
    with open(log_path, "wb") as log:
        # -P: a file of the working directory, such as a `csv.py`, must not stand in for a module.
        driver = subprocess.Popen(
            [sys.executable, "-P", "-m", "gantk.data.beam_driver", os.fspath(job_file), str(workers)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )
    try:
        _watch(job, driver, units, finished)
    finally:
        _kill_group(driver)
    if failure := job.failure():
        raise failure
    if driver.returncode != 0:
        if shutil.disk_usage(job.directory).free < _LEAST_FREE_BYTES:
            # The workers could not even write down what had happened to them.
            raise RunFailed(
                f"{job.directory}: no space is left on the disk.",
                hint="Free some space, then run the same command again: what is done is kept.",
            )
        raise RunFailed(
            f"the process that drives Beam ended with code {driver.returncode}. Received:\n{_last_lines(log_path)}"
        )


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    # The workers import what this process can import, plugins of the working directory included.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    # One process for each CPU is enough: the libraries' own threads would only get in each other's way.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(name, "1")
    return environment


def _watch(
    job: Job, driver: subprocess.Popen[bytes], units: Mapping[str, int], finished: Callable[[int], None]
) -> None:
    left = dict(units)
    total = sum(left.values())
    last_progress = time.monotonic()
    while True:
        with suppress(subprocess.TimeoutExpired):
            driver.wait(_POLL_SECONDS)
        with os.scandir(job.reports) as entries:
            done = [name for entry in entries if (name := entry.name.removesuffix(".json")) in left]
        for name in done:
            del left[name]
        if done:
            last_progress = time.monotonic()
            finished(total - sum(left.values()))
        if driver.poll() is not None or job.failure() is not None:
            return
        if time.monotonic() - last_progress > job.options.stall_seconds:
            raise RunFailed(
                f"a unit of work must be finished every {job.options.stall_seconds:g} s. "
                f"Received: none, with {len(left)} of {counted(len(units), 'unit')} left",
                hint="Raise stall_seconds, or make the units smaller with unit_images.",
            )


def _kill_group(driver: subprocess.Popen[bytes]) -> None:
    """Kill the driver's group, whose number is the driver's own; its workers can outlive it."""
    # PermissionError: macOS, where only ended processes are left in the group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    if driver.stdin is not None:
        driver.stdin.close()


def _last_lines(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-_LOG_LINES:])
