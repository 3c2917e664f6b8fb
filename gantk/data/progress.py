"""What a person sees while data is prepared."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gantk.wording import counted

logger = logging.getLogger("gantk.data")

Progress = Callable[[int, int], None]
"""Called with the samples done and the samples in all; those of skipped units count as done from the start."""

_LOG_SECONDS = 10.0


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Give a progress callback that draws a bar with the remaining time on a terminal, and logs lines elsewhere."""
    if sys.stderr.isatty():
        with _bar() as progress:
            yield progress
    else:
        yield _log_lines()


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("listing", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, description="preparing", completed=done, total=total)

        yield progress


def _log_lines() -> Progress:
    last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _LOG_SECONDS:
            last = now
            logger.info("prepared %d of %s", done, counted(total, "sample"))

    return progress
