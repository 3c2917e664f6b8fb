"""Generated pictures as files in a folder: a job that continues where it was."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.atomic_files import remove_leftovers, write_bytes
from gantk.errors import RunFailed, UsageError
from gantk.inference.generation.sampler import BundleSampler, as_pictures
from gantk.inference.generation.series import PictureSeries
from gantk.inference.generation.sheet import check_channels
from gantk.inference.job_progress import CountProgress, shown_progress
from gantk.inference.job_records import JobRecords
from gantk.inference.option_checks import check_format, check_range
from gantk.inference.picture import FORMATS, BadPicture, Picture
from gantk.inference.picture_writing import Encoding, encode_picture
from gantk.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOT_FINITE = "The network gave values that are not finite."


@dataclass
class GenerationSummary:
    """What a job did. `count == done + skipped + failed` always holds.

    Args:
        count: Pictures that were asked for.
        output: The folder.
        done: Pictures written by this job.
        skipped: Pictures that an earlier job had written.
        failed: Pictures that there are not; `failures.jsonl` tells why.
        seconds: Time taken.
    """

    count: int
    output: Path
    done: int = 0
    skipped: int = 0
    failed: int = 0
    seconds: float = 0.0

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON values."""
        names = ("count", "done", "skipped", "failed", "seconds")
        return {**{name: getattr(self, name) for name in names}, "output": str(self.output)}

    def sentence(self) -> str:
        """Return the counts in one line."""
        speed = f", {self.done / self.seconds:.1f} pictures/s" if self.done and self.seconds > 0 else ""
        return (
            f"{counted(self.count, 'picture')}: {self.done} done, {self.skipped} skipped, {self.failed} failed "
            f"({self.seconds:.1f} s{speed})"
        )


@dataclass
class FolderPlan:
    """What a job is going to do.

    Args:
        records: The records of the folder, not open yet.
        encoding: How pictures are written.
        settings: What, beside seed, number and label, decides a picture.
        numbers: Pictures to be made.
        skipped: How many an earlier job has made.
    """

    records: JobRecords
    encoding: Encoding
    settings: Mapping[str, Any]
    numbers: list[int] = field(default_factory=list)
    skipped: int = 0


def picture_name(seed: int, number: int, form: str) -> str:
    """Return the name of a picture's file: `seed0-000012.png`."""
    return f"seed{seed}-{number:06d}{FORMATS[form]}"


def plan_folder(
    sampler: BundleSampler,
    series: PictureSeries,
    output: str | Path,
    *,
    format: str = "png",
    quality: int = 95,
    overwrite: bool = False,
) -> FolderPlan:
    """Say which pictures are to be made. Imports no framework.

    Args:
        sampler: The model.
        series: The pictures.
        output: The folder, there or not.
        format: Of the files: `png`, `jpeg`, `webp`, `tiff`, `bmp`.
        quality: Of JPEG and WebP, 1 to 100.
        overwrite: Make everything again, and replace files that are no pictures of this model with these settings.

    Raises:
        UsageError: The output is no folder; a file of a picture's name is there, of another model, of other settings or of
            unknown origin; or the model's images are no pictures.
    """
    check_format(format)
    check_range("quality", quality, 1, 100)
    check_channels(sampler.shape)
    folder = Path(output)
    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageError(f"The output must be a folder. Received: {folder}, a file")
    settings = {**sampler.settings, "format": format, "quality": quality}
    plan = FolderPlan(JobRecords(folder), Encoding(format=format, quality=quality), settings)
    for number in series.numbers:
        name = picture_name(series.seed, number, format)
        line = plan.records.done.get(name)
        size = plan.records.output.size(name)
        own = (
            line is not None
            and line.get("settings") == settings
            and line.get("label") == _label(sampler, series, number)
        )
        if size is None:
            plan.records.forget(name)
        elif line is not None and own and line.get("bytes") == size and not overwrite:
            plan.skipped += 1
            continue
        elif not (own or overwrite or (line is None and name in plan.records.started)):
            whose = "of no such job" if line is None else "of another model, label or setting"
            raise UsageError(
                f"A picture must not replace another file. Received: {folder / name}, which is there already, {whose}",
                hint="Choose another folder with -o; --overwrite replaces what is there.",
            )
        plan.numbers.append(number)
    return plan


def run_folder(
    plan: FolderPlan,
    sampler: BundleSampler,
    series: PictureSeries,
    *,
    progress: bool = False,
    threads: int | None = None,
) -> GenerationSummary:
    """Make the pictures of a plan, and record each in `manifest.jsonl` with seed, number and label.

    The network and the encoding overlap. A picture that cannot be made has a line in `failures.jsonl`, and the others go on;
    the same job tries it again.

    Args:
        plan: What `plan_folder` returned, for the same sampler and series.
        sampler: The model.
        series: The pictures.
        progress: Show a bar on a terminal, log lines elsewhere.
        threads: Threads that encode; by default one for each core, four at most.

    Raises:
        PluginError: The network's plugin is missing or broken.
        RunFailed: The disk is full or cannot be written, another job writes to the folder, or the network cannot work. What
            is done stays done, and the same job continues there.
        KeyboardInterrupt: Ctrl-C; the same holds.
    """
    records = plan.records
    summary = GenerationSummary(series.count, records.folder, skipped=plan.skipped)
    began = time.monotonic()
    records.open()
    try:
        for name in records.started:
            remove_leftovers(records.folder / name)
        with (
            shown_progress(len(plan.numbers), show=progress) as display,
            ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1), thread_name_prefix="gantk-pictures") as pool,
        ):
            _FolderJob(plan, sampler, series, summary, display, pool).run()
        records.complete()
    finally:
        records.close()
    summary.seconds = time.monotonic() - began
    return summary


class _FolderJob:
    def __init__(
        self,
        plan: FolderPlan,
        sampler: BundleSampler,
        series: PictureSeries,
        summary: GenerationSummary,
        display: CountProgress,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._plan = plan
        self._records = plan.records
        self._sampler = sampler
        self._series = series
        self._summary = summary
        self._display = display
        self._pool = pool
        self._encoding: dict[Future[int], int] = {}

    def run(self) -> None:
        numbers = self._plan.numbers
        labels = self._series.labels_of(numbers)
        try:
            for made, images in self._sampler.numbered(numbers, seed=self._series.seed, labels=labels):
                # One batch may be encoded while the next is computed; more would only fill the memory.
                self._settle(len(made))
                for number, image in zip(made, images, strict=True):
                    self._take(number, image)
            self._settle(0)
        except BaseException:
            wait(self._encoding)
            for future in list(self._encoding):
                # Further errors must not hide the first.
                with contextlib.suppress(RunFailed, OSError):
                    self._record(future)
            raise

    def _take(self, number: int, image: NDArray[np.float32]) -> None:
        if not np.isfinite(image).all():
            self._fail(number, _NOT_FINITE)
            return
        name = self._name(number)
        self._records.start(name)
        self._encoding[self._pool.submit(self._write, name, as_pictures(image))] = number

    def _write(self, name: str, pixels: NDArray[np.uint8]) -> int:
        content, _ = encode_picture(Picture(pixels), self._plan.encoding)
        write_bytes(self._records.folder / name, content)
        return len(content)

    def _settle(self, most: int) -> None:
        """Record what is written, and wait until at most so many writes are under way."""
        while len(self._encoding) > most:
            finished, _ = wait(self._encoding, return_when=FIRST_COMPLETED)
            for future in finished:
                self._record(future)

    def _record(self, future: Future[int]) -> None:
        number = self._encoding.pop(future)
        error = future.exception()
        if isinstance(error, BadPicture):
            self._fail(number, error.message)
            return
        if isinstance(error, OSError):
            raise RunFailed(
                f"{self._records.folder} cannot be written any more. Received: {error.strerror}",
                hint="Mend that, then run the same command again: it continues.",
            ) from error
        if error is not None:
            raise error
        self._records.finish(
            {
                "output": self._name(number),
                **self._facts(number),
                "bytes": future.result(),
                "settings": dict(self._plan.settings),
            }
        )
        self._summary.done += 1
        self._display.advance()

    def _name(self, number: int) -> str:
        return picture_name(self._series.seed, number, str(self._plan.encoding.format))

    def _facts(self, number: int) -> dict[str, Any]:
        return {
            "input": f"seed {self._series.seed}, number {number}",
            "seed": self._series.seed,
            "number": number,
            "label": _label(self._sampler, self._series, number),
        }

    def _fail(self, number: int, reason: str) -> None:
        self._records.fail(
            {
                "output": self._name(number),
                **self._facts(number),
                "reason": reason,
                "settings": dict(self._plan.settings),
            }
        )
        self._summary.failed += 1
        self._display.advance()


def _label(sampler: BundleSampler, series: PictureSeries, number: int) -> str | None:
    label = series.label_of(number)
    return None if label is None else sampler.classes[label]
