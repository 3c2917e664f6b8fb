"""What enlarging pictures would take, before it is begun: sizes by the headers, time by trying.

A few of the pictures are really read, cut into tiles, run through the network and encoded, in memory, and the figures are
applied to all: for the network in pixels of tiles with their margins, which are not the same part of a small picture as of a
large one; for reading in pixels of the input; for encoding in pixels of the result.
"""

from __future__ import annotations

import bisect
import itertools
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gantk.artifacts import Bundle
from gantk.inference.batch_job import announce_archives, reading_problem
from gantk.inference.content import Content, content_of
from gantk.inference.inputs import PictureInput
from gantk.inference.job_plan import JobPlan, Task
from gantk.inference.job_progress import shown_progress
from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_sizes import header_of
from gantk.inference.picture_writing import encode_picture
from gantk.inference.rows.reading import Outline
from gantk.inference.tiling.assembly import PictureAssembly
from gantk.inference.tiling.tile_batches import TileBatches
from gantk.inference.tiling.tile_plan import TileRule
from gantk.inference.upscaling import Upscaling, joined, planned_upscaling
from gantk.inference.upscaling_options import UpscalingOptions

_SAMPLES = 12
_READING_SECONDS = 2.0
_NETWORK_SECONDS = 4.0
_ENCODING_SECONDS = 2.0
_HELD_BYTES = 64 << 20
_ENCODED_PIXELS = 8 << 20


@dataclass(frozen=True)
class Measurement:
    """How fast this machine was with a few of the pictures.

    Args:
        pictures: How many were tried.
        tiles: How many tiles of them were run; one whose colours are run one by one counts once.
        tile_side: Longest side of a tile in force.
        start_seconds: Loading the framework, building the network and compiling it.
        tile_pixels: Of the tiles run, with their margins.
        network_seconds: They took, with cutting and putting together.
        network_cpu_seconds: Of all cores for it.
        reading_seconds: Of one core for a megapixel of the input.
        encoding_seconds: Of one core for a megapixel of the result.
    """

    pictures: int
    tiles: int
    tile_side: int
    start_seconds: float
    tile_pixels: int
    network_seconds: float
    network_cpu_seconds: float
    reading_seconds: float
    encoding_seconds: float


@dataclass(frozen=True)
class Estimate:
    """The time of a whole job.

    Args:
        seconds: From start to end.
        megapixels_per_second: Of the inputs, after the start.
        measured: What it rests on.
    """

    seconds: float
    megapixels_per_second: float
    measured: Measurement

    def sentence(self) -> str:
        """Return it in words, with how it was found."""
        from gantk.engine.progress import duration

        measured = self.measured
        return (
            f"about {duration(self.seconds)} at {self.megapixels_per_second:.2f} MP/s, {duration(measured.start_seconds)} of "
            f"it for starting. Measured on this machine just now with {measured.tiles} tiles of "
            f"{measured.pictures} of these pictures: read, run through the network, encoded, not written."
        )

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON values."""
        measured = self.measured
        return {
            "seconds": round(self.seconds, 2),
            "megapixels_per_second": round(self.megapixels_per_second, 4),
            "measured": {
                "pictures": measured.pictures,
                "tiles": measured.tiles,
                "tile_side": measured.tile_side,
                "start_seconds": round(measured.start_seconds, 2),
                "network_tile_megapixels_per_second": round(measured.tile_pixels / 1e6 / measured.network_seconds, 4),
                "reading_core_seconds_per_megapixel": round(measured.reading_seconds, 4),
                "encoding_core_seconds_per_result_megapixel": round(measured.encoding_seconds, 4),
            },
        }


@dataclass
class Forecast:
    """What a job would do.

    Args:
        plan: What is to be done, as far as it is known without reading.
        sizes: Height and width of each task of the plan, and of its result.
        unreadable: Tasks of the plan whose header cannot be read, each with the reason: they will fail.
        estimate: The time it would take; None where there is nothing to do or nothing could be tried.
    """

    plan: JobPlan
    sizes: list[tuple[Task, Outline, tuple[int, int]]] = field(default_factory=list)
    unreadable: list[tuple[Task, str]] = field(default_factory=list)
    estimate: Estimate | None = None

    @property
    def megapixels(self) -> float:
        """Of all inputs to be done."""
        return sum(outline.pixels for _, outline, _ in self.sizes) / 1e6

    @property
    def result_megapixels(self) -> float:
        """Of all results."""
        return sum(height * width for _, _, (height, width) in self.sizes) / 1e6

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield what would be done with each input: `input`, `output`, `action`, and sizes or a `reason`."""
        for task, outline, (height, width) in self.sizes:
            yield {
                **_row(task, "enlarge"),
                "megapixels": round(outline.pixels / 1e6, 6),
                "result_megapixels": round(height * width / 1e6, 6),
            }
        for task in self.plan.skipped:
            yield _row(task, "skip")
        for task, reason in [*self.plan.failed, *self.unreadable]:
            yield {**_row(task, "fail"), "reason": reason}


def forecast_upscaling(
    bundle: Bundle,
    inputs: Iterable[str | Path | PictureInput],
    output: str | Path,
    options: UpscalingOptions | None = None,
    *,
    overwrite: bool = False,
    retry_failures: bool = False,
    progress: bool = False,
) -> Forecast:
    """Say what `upscale` would do and how long it would take. Nothing is written, but for what passes through a nameless
    file of the system's folder for temporary ones: members of archives that are larger than 32 MB.

    The headers of all files are read, of archives every member. Damage behind a header is not seen.

    Args:
        bundle: As for `upscale`, like the inputs and the output.
        inputs: Files, folders, patterns and archives.
        output: A folder or an archive.
        options: How.
        overwrite: As for `upscale`.
        retry_failures: As for `upscale`.
        progress: Show how many headers have been read.

    Raises:
        UsageError, PluginError, RunFailed: As `upscale`.
    """
    options = options or UpscalingOptions()
    found, records, plan = planned_upscaling(bundle, inputs, output, options, overwrite, retry_failures)
    try:
        process = Upscaling(bundle, options, records.folder)
        forecast = Forecast(plan)
        # What lies in an archive is read but once, so some of it is kept to be tried.
        held = _Held()
        announce_archives(task.picture for task in plan.tasks)
        with shown_progress(len(plan.tasks), show=progress) as display:
            for task in plan.tasks:
                _look(task, process, options.max_pixels, forecast, held)
                display.advance()
        samples = _contents(forecast.sizes, held.contents)
        if samples:
            measured = _measured(process, samples)
            if measured is not None:
                forecast.estimate = estimate(process.batches.rule, forecast, measured, cores=os.cpu_count() or 1)
    finally:
        found.close()
    return forecast


@dataclass
class _Held:
    """Contents in memory, by the identity of their task, and their bytes."""

    contents: dict[int, Content] = field(default_factory=dict)
    size: int = 0


def _row(task: Task, action: str) -> dict[str, Any]:
    return {"input": task.picture.label, "output": task.output, "action": action}


def _look(task: Task, process: Upscaling, max_pixels: int, forecast: Forecast, held: _Held) -> None:
    try:
        outline, content = header_of(task.picture, max_pixels=max_pixels, folder=Path(tempfile.gettempdir()))
        if content.file is not None:
            content.file.close()
        size = process.target(outline)
    except (BadPicture, OSError, MemoryError) as error:
        forecast.unreadable.append((task, reading_problem(error)))
        return
    forecast.sizes.append((task, outline, size))
    if content.held is not None and held.size + content.size <= _HELD_BYTES:
        held.contents[id(task)] = content
        held.size += content.size


def chosen_samples(sizes: Sequence[tuple[Task, Outline, tuple[int, int]]], held: Mapping[int, Content]) -> list[int]:
    """Return which pictures to try: spread over the pixels there are, so of the sizes that make up the work.

    Args:
        sizes: All pictures.
        held: Contents that are in memory, by the identity of their task; others can be tried where they
            need not be read in order, as files and URLs.
    """
    at_hand = sorted(
        (outline.pixels, index)
        for index, (task, outline, _) in enumerate(sizes)
        if task.picture.archive is None or id(task) in held
    )
    reached = list(itertools.accumulate(pixels for pixels, _ in at_hand))
    if not reached:
        return []
    places = [bisect.bisect_left(reached, part * reached[-1]) for part in _spread(2 * _SAMPLES)]
    return [at_hand[place][1] for place in dict.fromkeys(places)][:_SAMPLES]


def _contents(sizes: Sequence[tuple[Task, Outline, tuple[int, int]]], held: Mapping[int, Content]) -> list[Content]:
    samples = []
    for index in chosen_samples(sizes, held):
        task = sizes[index][0]
        if id(task) in held:
            samples.append(held[id(task)])
        else:
            with suppress(BadPicture, OSError, MemoryError):
                samples.append(content_of(task.picture, Path(tempfile.gettempdir())))
    return samples


def _spread(count: int) -> Iterator[float]:
    """Yield 1/2, 1/4, 3/4, 1/8, 5/8, …: the van der Corput sequence."""
    for number in range(1, count + 1):
        value, weight = 0.0, 0.5
        while number:
            value += weight * (number & 1)
            number >>= 1
            weight /= 2
        yield value


class _Clock:
    """Seconds by the wall and of this process' cores since it was made."""

    def __init__(self) -> None:
        self._wall, self._cores = time.perf_counter(), time.process_time()

    @property
    def wall(self) -> float:
        return time.perf_counter() - self._wall

    @property
    def cores(self) -> float:
        return time.process_time() - self._cores


def _measured(process: Upscaling, samples: Sequence[Content]) -> Measurement | None:
    """Read, run and encode some pictures, each within its time; None where not one of them can be read."""
    clock = _Clock()
    batches = process.batches
    start = clock.wall
    opened, decoded_pixels = [], 0
    clock = _Clock()
    for content in samples:
        with suppress(BadPicture, OSError, MemoryError):
            picture = process.open(content)
            opened.append(picture)
            decoded_pixels += 0 if process.is_large(picture) else process.pixels(picture)
        if clock.wall > _READING_SECONDS:
            break
    reading = clock.cores
    if not opened:
        return None
    start += _warmed_up(process, batches, opened[0])
    clock = _Clock()
    tiles = tile_pixels = 0.0
    made: list[tuple[Any, list[Picture]]] = []
    for picture in opened:
        strips: list[Picture] = []
        with suppress(BadPicture, OSError, MemoryError):
            assembly = process.assemble(picture, strips.append)
            for work in assembly.works():
                tiles += 1 / assembly.planes
                tile_pixels += work.tile.shape[0] * work.tile.shape[1] / assembly.planes
                for result in batches.add(work):
                    result.owner.place(result)
                if clock.wall > _NETWORK_SECONDS:
                    break
        made.append((picture, strips))
        if clock.wall > _NETWORK_SECONDS:
            break
    for result in batches.flush():
        result.owner.place(result)
    network, network_cores = clock.wall, clock.cores
    if not tile_pixels:
        return None
    clock = _Clock()
    encoded_pixels = 0
    for picture, strips in made:
        if clock.wall > _ENCODING_SECONDS:
            break
        with suppress(BadPicture, OSError, MemoryError):
            encoded_pixels += _encoded(process, picture, strips)
    return Measurement(
        pictures=len(made),
        tiles=max(1, round(tiles)),
        tile_side=batches.rule.side,
        start_seconds=start,
        tile_pixels=round(tile_pixels),
        network_seconds=network,
        network_cpu_seconds=network_cores,
        reading_seconds=reading / decoded_pixels * 1e6 if decoded_pixels else 0.0,
        encoding_seconds=clock.cores / encoded_pixels * 1e6 if encoded_pixels else 0.0,
    )


def _warmed_up(process: Upscaling, batches: TileBatches[PictureAssembly], picture: Any) -> float:
    """Run one batch, whose time is that of compiling the network; return the seconds."""
    clock = _Clock()
    with suppress(BadPicture, OSError, MemoryError):
        for _, work in zip(
            range(batches.batch_size), process.assemble(picture, lambda strip: None).works(), strict=False
        ):
            for _ in batches.add(work):
                pass
        for _ in batches.flush():
            pass
    return clock.wall


def _encoded(process: Upscaling, picture: Any, strips: list[Picture]) -> int:
    """Encode what is there of a result, up to some megapixels; return how many pixels that were."""
    taken, pixels = [], 0
    for strip in strips:
        taken.append(strip)
        pixels += strip.height * strip.width
        if pixels > _ENCODED_PIXELS:
            break
    if not taken:
        return 0
    encode_picture(joined(taken), process.encoding)
    return pixels


def estimate(rule: TileRule, forecast: Forecast, measured: Measurement, *, cores: int) -> Estimate:
    """Apply what was measured to all pictures.

    The network is waited for; reading and encoding go on beside it, in what it leaves of the cores.

    Args:
        rule: How pictures are cut.
        forecast: All pictures.
        measured: How long a few of them took.
        cores: Of this machine.
    """
    tile_pixels = 0
    for _, outline, _ in forecast.sizes:
        height, width = (rule.tile_side(rule.extended(side)) for side in (outline.height, outline.width))
        tile_pixels += rule.count(outline.height, outline.width) * height * width
    share = tile_pixels / measured.tile_pixels
    codecs = measured.reading_seconds * forecast.megapixels + measured.encoding_seconds * forecast.result_megapixels
    working = max(share * measured.network_seconds, (share * measured.network_cpu_seconds + codecs) / cores)
    return Estimate(measured.start_seconds + working, forecast.megapixels / working, measured)
