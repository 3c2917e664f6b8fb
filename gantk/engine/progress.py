"""What a person sees of a training run while it goes on."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

logger = logging.getLogger("gantk.engine")

_ESTIMATE_STEPS = 20
_ESTIMATE_SECONDS = 1.0


class TrainingProgress:
    """A bar with the remaining time on a terminal, a log line now and then elsewhere.

    Right after the first steps it says how long the whole run will take.

    Args:
        total: Steps of the whole run.
        start: Steps already done.
        show: False shows no bar; log lines remain.
    """

    def __init__(self, total: int, *, start: int = 0, show: bool = True) -> None:
        self._total = total
        self._start = start
        self._bar: Progress | None = None
        self._task = TaskID(0)
        if show and sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("[progress.description]{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[losses]}"),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task("training", total=total, completed=start, losses="")
        self._began = time.perf_counter()
        self._second_step = self._began
        self._estimated = False
        self.first_step_seconds = 0.0

    def __enter__(self) -> TrainingProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self) -> None:
        """Start the clock: the first step, with the compilation, begins now."""
        self._began = time.perf_counter()

    @property
    def estimating(self) -> bool:
        """True while the first steps are timed; they must then be finished when `step` is called."""
        return not self._estimated

    def step(self, step: int) -> None:
        """Note that `step` steps of the run are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=step)
        if self._estimated:
            return
        now = time.perf_counter()
        done = step - self._start
        if done == 1:
            self.first_step_seconds = now - self._began
            self._second_step = now
        elif now - self._second_step >= _ESTIMATE_SECONDS or done > _ESTIMATE_STEPS or step == self._total:
            self._estimated = True
            self._say_estimate((now - self._second_step) / (done - 1), step)

    def log(self, step: int, epoch: int, losses: Mapping[str, float]) -> None:
        """Show the mean losses since the last call."""
        shown = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
        if self._bar is not None:
            self._bar.update(self._task, losses=shown)
            return
        done = step - self._start
        pace = (time.perf_counter() - self._second_step) / max(1, done - 1)
        left = duration(pace * (self._total - step))
        logger.info("step %d/%d  epoch %d  %s  %s left", step, self._total, epoch, shown, left)

    def _say_estimate(self, seconds_a_step: float, step: int) -> None:
        whole = duration(self.first_step_seconds + seconds_a_step * (self._total - 1))
        rest = "" if self._start == 0 else f", {duration(seconds_a_step * (self._total - step))} of it left"
        logger.info(
            "first step %.1f s, then %.0f ms a step: the full run of %d steps takes about %s%s",
            self.first_step_seconds,
            1000 * seconds_a_step,
            self._total,
            whole,
            rest,
        )


def duration(seconds: float) -> str:
    """Return a length of time for people: `45 s`, `6 min 20 s`, `3 h 05 min`, `2 d 4 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
