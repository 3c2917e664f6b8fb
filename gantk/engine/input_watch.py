"""Telling whether the training waits for its batches.

A device works while Python already asks for the next batch, so that time spent asking is lost only as far as the device
has nothing to do. Two consecutive steps of a window are therefore awaited to their end, which times a step by itself:
what a step takes beyond that, and at most what was spent asking, was lost.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class InputShare:
    """What a window of steps has shown.

    Args:
        share: The part of the time in which the device waited for a batch, from 0 to 1.
        seconds: That time, of the whole window.
        step_seconds: Mean time of a step, with its wait.
        own_seconds: Time of a step alone.
    """

    share: float
    seconds: float
    step_seconds: float
    own_seconds: float


class InputWatch:
    """Measures the time between asking for a batch and having it against the time of a step.

    Args:
        window: Steps of a measurement, at least 3.
        clock: Returns seconds.
    """

    def __init__(self, window: int = 100, clock: Callable[[], float] = time.perf_counter) -> None:
        self._window = window
        self._clock = clock
        self._steps = -1
        self._asked: float | None = None
        self._got = 0.0
        self._began = 0.0
        self._awaited_before = False
        self._waited = 0.0
        self._periods = 0.0
        self._own: list[float] = []

    def asks(self) -> None:
        """Note that the next batch is asked for."""
        self._asked = self._clock()
        if not self._began:
            self._began = self._asked

    def has(self) -> None:
        """Note that the batch is there."""
        self._got = self._clock()
        if self._asked is not None:
            self._waited += self._got - self._asked

    @property
    def wants_the_end(self) -> bool:
        """Whether the step just dispatched must be awaited to its end before `step_done`."""
        return self._steps + 1 >= self._window - 1

    def step_done(self, *, awaited: bool) -> InputShare | None:
        """Note that a step was dispatched.

        Args:
            awaited: It has ended. Otherwise only the step before is known to have.

        Returns:
            What the window that ends with this step has shown; None within a window.
        """
        now = self._clock()
        self._steps += 1
        if self._steps > 0:
            self._periods += now - self._began
            if awaited and self._awaited_before:
                self._own.append(now - self._got)
        else:
            # The first step of a process compiles; it is no part of any window.
            self._waited = 0.0
        self._began = 0.0
        self._asked = None
        self._awaited_before = awaited
        if self._steps < self._window:
            return None
        found = None
        if self._own and self._periods > 0:
            own = statistics.median(self._own)
            lost = max(0.0, min(self._waited, self._periods - self._window * own))
            found = InputShare(lost / self._periods, lost, self._periods / self._window, own)
        self._steps = 0
        self._waited = self._periods = 0.0
        self._own = []
        return found
