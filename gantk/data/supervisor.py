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
from typing import Protocol

from gantk.errors import GantkError, RunFailed

PREPARATION_DRIVER = "gantk.data.beam_driver"

_POLL_SECONDS = 0.1
_LOG_LINES = 15
_LEAST_FREE_BYTES = 2**20


class SupervisedJob(Protocol):
    """What is known of a job to the process that watches over it."""

    @property
    def directory(self) -> Path:
        """The folder that the results go to."""
        ...

    @property
    def work(self) -> Path:
        """The folder that the log of Beam goes to."""
        ...

    @property
    def stall_seconds(self) -> float:
        """How long nothing may have got on before the run is ended."""
        ...

    def failure(self) -> GantkError | None:
        """Return the error that a worker has left, if any."""
        ...


def supervise(
    job: SupervisedJob,
    job_file: Path,
    *,
    workers: int,
    progressed: Callable[[], bool],
    stalled: Callable[[], RunFailed],
    driver: str = PREPARATION_DRIVER,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Run a job in a driver process and its workers, and return when the driver has ended well.

    However it ends, by success, error or Ctrl-C, the driver and its workers are gone afterwards.

    Args:
        job: The job.
        job_file: Its saved form.
        workers: Worker processes.
        progressed: Asked often whether the work has got on since it was last asked, and once at the end.
        stalled: Returns the error to raise when it has not for the job's `stall_seconds`.
        driver: The driver's main module, started with the job's file and the number of workers.
        variables: Further environment variables of the driver.

    Raises:
        RunFailed: A worker failed or died, the work has not got on for `stall_seconds`, or the driver failed.
    """
    log_path = job.work / "beam.log"
    with open(log_path, "wb") as log:
        # -P: a file of the working directory, such as a `csv.py`, must not stand in for a module.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", driver, os.fspath(job_file), str(workers)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**_environment(), **(variables or {})},
            start_new_session=True,
        )
    try:
        _watch(job, process, progressed, stalled)
    finally:
        _kill_group(process)
    if failure := job.failure():
        raise failure
    if process.returncode != 0:
        if shutil.disk_usage(job.directory).free < _LEAST_FREE_BYTES:
            # The workers could not even write down what had happened to them.
            raise RunFailed(
                f"{job.directory}: no space is left on the disk.",
                hint="Free some space, then run the same command again: what is done is kept.",
            )
        raise RunFailed(
            f"the process that drives Beam ended with code {process.returncode}. Received:\n{_last_lines(log_path)}"
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
    job: SupervisedJob,
    driver: subprocess.Popen[bytes],
    progressed: Callable[[], bool],
    stalled: Callable[[], RunFailed],
) -> None:
    last_progress = time.monotonic()
    while True:
        with suppress(subprocess.TimeoutExpired):
            driver.wait(_POLL_SECONDS)
        ended = driver.poll() is not None or job.failure() is not None
        if progressed():
            last_progress = time.monotonic()
        if ended:
            return
        if time.monotonic() - last_progress > job.stall_seconds:
            raise stalled()


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
