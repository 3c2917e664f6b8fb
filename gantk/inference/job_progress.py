"""What a person sees of a batch job while it goes on."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from gantk.inference.job_plan import Task
from gantk.inference.picture_sizes import SizeSurvey
from gantk.wording import counted, figures

logger = logging.getLogger("gantk.inference")

_LOG_SECONDS = 10.0
_SPEED_SECONDS = 60.0
_SPEED_STEP_SECONDS = 0.5


class JobProgress(Protocol):
    """Told of every picture of a job."""

    def found(self, task: Task, pixels: int) -> None:
        """A picture turned out to have so many pixels."""
        ...

    def worked(self, task: Task, pixels: int) -> None:
        """So many more pixels of a picture are done."""
        ...

    def ended(self, task: Task, pixels: int = 0) -> None:
        """A picture has ended: with a result and so many pixels, or without."""
        ...


class CountProgress(Protocol):
    """Told of every input that has ended."""

    def advance(self, pixels: int = 0) -> None:
        """One more input has ended, of so many pixels."""
        ...


class MegapixelProgress:
    """How far a job is, in pictures and in pixels of the inputs.

    The speed is that of the last minute; the time before the first pixels, in which a framework is loaded and a network
    is compiled, is no part of it.

    Args:
        tasks: What is to be done.
        survey: Knows the pixels that are ahead.
        changed: Called whenever there is something new.
        clock: Seconds.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        survey: SizeSurvey,
        changed: Callable[[MegapixelProgress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pictures = len(tasks)
        self.ended_pictures = 0
        self._survey = survey
        self._changed = changed
        self._clock = clock
        self._done_pixels = self._worked_pixels = 0
        self._in_work: dict[int, int] = {}
        self._marks: deque[tuple[float, int]] = deque()

    def found(self, task: Task, pixels: int) -> None:
        """A picture turned out to have so many pixels."""
        self._survey.found(task, pixels)

    def worked(self, task: Task, pixels: int) -> None:
        """So many more pixels of a picture are done."""
        self._worked_pixels += pixels
        self._in_work[id(task)] = self._in_work.get(id(task), 0) + pixels
        now = self._clock()
        if not self._marks or now - self._marks[-1][0] >= _SPEED_STEP_SECONDS:
            self._marks.append((now, self._worked_pixels))
            while now - self._marks[0][0] > _SPEED_SECONDS and len(self._marks) > 2:
                self._marks.popleft()
        self._changed(self)

    def ended(self, task: Task, pixels: int = 0) -> None:
        """A picture has ended: with a result and so many pixels, or without."""
        self._in_work.pop(id(task), None)
        self._done_pixels += pixels
        self._survey.ended(task)
        self.ended_pictures += 1
        self._changed(self)

    @property
    def megapixels(self) -> float:
        """Done so far, with those of pictures that are not complete."""
        return (self._done_pixels + sum(self._in_work.values())) / 1e6

    @property
    def total(self) -> tuple[float | None, bool]:
        """Megapixels of the whole job, None where nothing is known of them, and whether that is exact."""
        left, exact = self._survey.left()
        return (None if left is None else max(self.megapixels, (self._done_pixels + left) / 1e6)), exact

    @property
    def speed(self) -> float | None:
        """Megapixels a second; None where it is too early to tell."""
        if len(self._marks) < 2:
            return None
        (then, before), (now, after) = self._marks[0], self._marks[-1]
        return (after - before) / 1e6 / (now - then)

    def text(self) -> str:
        """Return all of it in words: `118 of 3000 pictures, 12.3 of about 812 MP, 1.23 MP/s, 10 min 50 s left`."""
        from gantk.engine.progress import duration

        total, exact = self.total
        whole = "an unknown number of" if total is None else f"{'' if exact else 'about '}{figures(total)}"
        parts = [
            f"{self.ended_pictures} of {counted(self.pictures, 'picture')}",
            f"{figures(self.megapixels)} of {whole} MP",
        ]
        if self.speed is not None:
            parts.append(f"{figures(self.speed)} MP/s")
            if total is not None and self.speed > 0:
                parts.append(f"{duration((total - self.megapixels) / self.speed)} left")
        return ", ".join(parts)


@contextmanager
def shown_job(tasks: Sequence[Task], *, max_pixels: int, show: bool) -> Iterator[JobProgress]:
    """Draw a bar with the remaining time on a terminal, and log a line now and then elsewhere, both in megapixels.

    Args:
        tasks: What is to be done.
        max_pixels: Pictures of more will fail.
        show: False shows nothing.
    """
    if not show or not tasks:
        yield _Silent()
        return
    survey = SizeSurvey(tasks, max_pixels=max_pixels)
    survey.start()
    try:
        if sys.stderr.isatty():
            with _job_bar() as changed:
                yield MegapixelProgress(tasks, survey, changed)
        else:
            yield MegapixelProgress(tasks, survey, _Lines())
    finally:
        survey.stop()


@contextmanager
def shown_progress(total: int, *, show: bool) -> Iterator[CountProgress]:
    """Draw a bar with the remaining time on a terminal, and log a line now and then elsewhere.

    Args:
        total: How many inputs are to be done.
        show: False shows nothing.
    """
    if not show or not total:
        yield _Silent()
    elif sys.stderr.isatty():
        with _count_bar(total) as display:
            yield display
    else:
        yield _CountLines(total)


class _Silent:
    def found(self, task: Task, pixels: int) -> None:
        pass

    def worked(self, task: Task, pixels: int) -> None:
        pass

    def ended(self, task: Task, pixels: int = 0) -> None:
        pass

    def advance(self, pixels: int = 0) -> None:
        pass


class _Lines:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, progress: MegapixelProgress) -> None:
        now = time.monotonic()
        if now - self._last >= _LOG_SECONDS:
            self._last = now
            logger.info("%s", progress.text())


class _CountLines:
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
            speed = f", {figures(self._megapixels / (now - self._began))} MP/s" if self._megapixels else ""
            logger.info("%d of %s%s", self._ended, counted(self._total, "picture"), speed)


@contextmanager
def _job_bar() -> Iterator[Callable[[MegapixelProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        shown = bar.add_task("", total=None)

        def changed(progress: MegapixelProgress) -> None:
            # Without a total the bar swings to and fro.
            bar.update(shown, total=progress.total[0], completed=progress.megapixels, description=progress.text())

        yield changed


@contextmanager
def _count_bar(total: int) -> Iterator[CountProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("pictures", total=total)

        class Bar:
            def advance(self, pixels: int = 0) -> None:
                bar.update(task, advance=1)

        yield Bar()
