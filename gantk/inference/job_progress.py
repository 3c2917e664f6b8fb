"""What a person sees of a batch job while it goes on."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from gantk.wording import counted

logger = logging.getLogger("gantk.inference")

_LOG_SECONDS = 10.0


class JobProgress(Protocol):
    """Told of every input that has ended."""

    def advance(self, pixels: int = 0) -> None:
        """One more input has ended; `pixels` is its height × width where it was done."""
        ...


@contextmanager
def shown_progress(total: int, *, show: bool) -> Iterator[JobProgress]:
    """Draw a bar with the remaining time on a terminal, and log a line now and then elsewhere.

    Args:
        total: How many inputs are to be done.
        show: False shows nothing.
    """
    if not show or not total:
        yield _Silent()
    elif sys.stderr.isatty():
        with _bar(total) as display:
            yield display
    else:
        yield _Lines(total)


class _Silent:
    def advance(self, pixels: int = 0) -> None:
        pass


class _Lines:
    def __init__(self, total: int) -> None:
        self._total = total
        self._ended = 0
        self._megapixels = 0.0
        self._began = self._last = time.monotonic()

    def advance(self, pixels: int = 0) -> None:
        self._ended += 1
        self._megapixels += pixels / 1e6
        now = time.monotonic()
        if now - self._last >= _LOG_SECONDS:
            self._last = now
            speed = self._megapixels / (now - self._began)
            logger.info("%d of %s, %.2f MP/s", self._ended, counted(self._total, "picture"), speed)


@contextmanager
def _bar(total: int) -> Iterator[JobProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[speed]}"),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("pictures", total=total, speed="")

        class Bar:
            def __init__(self) -> None:
                self._megapixels = 0.0
                self._began = time.monotonic()

            def advance(self, pixels: int = 0) -> None:
                self._megapixels += pixels / 1e6
                seconds = max(1e-9, time.monotonic() - self._began)
                bar.update(task, advance=1, speed=f"{self._megapixels / seconds:.2f} MP/s")

        yield Bar()
