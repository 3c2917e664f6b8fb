"""Enlarging pictures on disk with a model for super-resolution, whatever their size.

A network is given tiles of one shape, those of several pictures in one batch; on what is left of each tile after its
margins are cut away, the result is that of the whole picture (`gantk.inference.tiling.tile_plan`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from gantk.artifacts import Bundle
from gantk.inference.batch_job import run_job
from gantk.inference.content import Content
from gantk.inference.destination import destination_for
from gantk.inference.inputs import Discovery, PictureInput
from gantk.inference.job_plan import JobPlan, discover_and_plan
from gantk.inference.job_records import JobRecords
from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_reading import read_picture
from gantk.inference.picture_writing import Encoding, encode_picture
from gantk.inference.recorded_job import JobSummary
from gantk.inference.rows.reading import Outline, outline_of, read_rows, whole
from gantk.inference.rows.writing import check_size, encode_rows
from gantk.inference.tiled_job import TiledJob
from gantk.inference.tiling.assembly import PictureAssembly
from gantk.inference.tiling.tile_batches import TileBatches
from gantk.inference.tiling.tile_plan import TileRule, smallest_side
from gantk.inference.upscaling_options import MAX_PIXELS, UpscalingOptions

if TYPE_CHECKING:
    import keras

    from gantk.artifacts.compiled_network import NetworkFunction
    from gantk.engine.precision import Precision

logger = logging.getLogger("gantk.inference")

_SMALL_BYTES = 32 << 20
"""A picture whose pixels, before and after, take no more goes through the job whole."""
_DECODED_WHOLE = 32_000_000
_SIDES = (512, 448, 384, 320, 256, 192, 128, 96, 64, 48, 32)
_SIDE_OF_UNKNOWN = 256
_TILES_AT_ONCE = 8
_BATCH_PIXELS = 1 << 19
_CPU_BUDGET, _ACCELERATOR_BUDGET = 768 << 20, 4 << 30
_SPOOLED_FORMATS = ("webp", "bmp")


def plan_upscaling(
    bundle: Bundle,
    inputs: Iterable[str | Path | PictureInput],
    output: str | Path,
    options: UpscalingOptions | None = None,
    *,
    overwrite: bool = False,
    retry_failures: bool = False,
) -> JobPlan:
    """Say what `upscale` would do; nothing is read but folders and records, and no framework imported.

    Raises:
        UsageError: As `upscale`.
    """
    found, _, plan = planned_upscaling(bundle, inputs, output, options or UpscalingOptions(), overwrite, retry_failures)
    found.close()
    return plan


def upscale(
    bundle: Bundle,
    inputs: Iterable[str | Path | PictureInput],
    output: str | Path,
    *,
    direction: str | None = None,
    scale: float | None = None,
    tile: int | None = None,
    halo: int | None = None,
    batch_size: int | None = None,
    format: str | None = None,
    suffix: str = "",
    quality: int = 95,
    png_level: int = 1,
    precision: Precision = "float32",
    max_pixels: int = MAX_PIXELS,
    overwrite: bool = False,
    retry_failures: bool = False,
    progress: bool = False,
    threads: int | None = None,
) -> JobSummary:
    """Enlarge pictures into a folder; what is done already is skipped.

    Pictures keep their names, their place in the tree, format, bit depth, colour profile and EXIF data (whose sizes in
    pixels become those of the result). Grey stays grey. Transparency is resized by itself (bicubic), and colour first
    spreads a little into what is fully transparent, so that edges get no fringe of a colour nobody saw. The resolution
    in dots an inch stays what it was, so a result prints larger.

    A large picture is read, enlarged and written in strips, in a memory that hardly grows with its size: from PNG (not
    interlaced), TIFF (not in planes) and JPEG (not CMYK; of a progressive one the coefficients are in memory), to PNG,
    TIFF and JPEG. Other formats are held in memory whole, and refused where they do not fit. The pixels of a large JPEG
    file, or of one that must be turned upright, lie meanwhile in a file without a name in the output folder.

    Args:
        bundle: The model.
        inputs: Files, folders, patterns and archives (see `gantk.inference.inputs.discover`), or inputs made by a
            program.
        output: The output folder, or an archive (`gantk.inference.archive_output`). Beside the pictures it receives
            `manifest.jsonl` and `failures.jsonl`.
        direction: As `UpscalingOptions`, like all up to `max_pixels`.
        scale: Of the results.
        tile: Largest side of a tile.
        halo: Margin of a tile.
        batch_size: Tiles that the network is given at once.
        format: Of the results.
        suffix: Behind the names of the results.
        quality: Of JPEG and WebP.
        png_level: Of PNG.
        precision: Of the network.
        max_pixels: A picture of more fails.
        overwrite: Do everything again, and replace files that no job has written.
        retry_failures: Try again what failed before and has not changed.
        progress: Show a bar on a terminal, log lines elsewhere.
        threads: Threads that decode and encode.

    Returns:
        The counts; `failed` is 0 where all is well.

    Raises:
        UsageError: An input does not exist, there is not one picture, the output folder is an input, a result would
            replace an input, or options that do not go together with the model.
        PluginError: The model's plugin is missing.
        RunFailed: The disk is full, another job writes to the folder, or the model cannot work at all.
        KeyboardInterrupt: Ctrl-C. As after every other end, the same call continues.
    """
    options = UpscalingOptions(
        direction, scale, tile, halo, batch_size, format, suffix, quality, png_level, precision, max_pixels
    )
    found, records, plan = planned_upscaling(bundle, inputs, output, options, overwrite, retry_failures)
    if plan.tasks and bundle.metadata.licence:
        logger.info("the licence of the model: %s", bundle.metadata.licence)
    try:
        return run_job(
            plan,
            records,
            Upscaling(bundle, options, records.folder),
            settings=options.settings(bundle),
            progress=progress,
            threads=threads,
            max_pixels=max_pixels,
            job=TiledJob,
        )
    finally:
        found.close()


def planned_upscaling(
    bundle: Bundle,
    inputs: Iterable[str | Path | PictureInput],
    output: str | Path,
    options: UpscalingOptions,
    overwrite: bool,
    retry_failures: bool,
) -> tuple[Discovery, JobRecords, JobPlan]:
    """Find the inputs, which the caller closes, and decide what is to be done with each.

    Raises:
        UsageError: As `upscale`.
    """
    target = destination_for(output, overwrite=overwrite)
    options.check(bundle)
    return discover_and_plan(
        inputs,
        target,
        form=options.format,
        settings=options.settings(bundle),
        overwrite=overwrite,
        retry_failures=retry_failures,
        suffix=options.suffix,
    )


@dataclass(frozen=True)
class _Opened:
    """A picture to be enlarged: decoded where it is small."""

    content: Content
    outline: Outline
    picture: Picture | None


class Upscaling:
    """What a job does with every picture (`gantk.inference.tiled_job.TiledProcess`).

    Args:
        bundle: The model.
        options: How.
        folder: Has room for the rows of a picture that must be turned upright.

    Attributes:
        encoding: How results are encoded.
    """

    def __init__(self, bundle: Bundle, options: UpscalingOptions, folder: Path) -> None:
        self._bundle = bundle
        self._options = options
        self._folder = folder
        self._direction = bundle.picture_direction(options.direction)
        self._record = bundle.metadata.networks[self._direction]
        self.encoding = Encoding(options.format, options.quality, options.png_level)
        self._scale = float(options.scale or self._record.scale)
        self._batches: TileBatches[PictureAssembly] | None = None
        self._bytes_per_pixel = 0.0

    @property
    def batches(self) -> TileBatches[PictureAssembly]:
        """The network at work. Built when first asked for: a job that has nothing to do loads no framework."""
        if self._batches is None:
            self._batches = self._build()
        return self._batches

    def open(self, content: Content) -> _Opened:
        """Read a file's header, and its pixels where they are few. See `TiledProcess`."""
        outline = outline_of(content, max_pixels=self._options.max_pixels)
        self.target(outline)
        opened = _Opened(content, outline, None)
        if self.is_large(opened):
            return opened
        picture = read_picture(content.read(), max_pixels=self._options.max_pixels)
        # The file's bytes are done with.
        return _Opened(replace(content, held=b""), outline, picture)

    def target(self, outline: Outline) -> tuple[int, int]:
        """Return height and width of a result.

        Raises:
            BadPicture: Its format does not hold so many pixels on a side.
        """
        size = self._target(outline.height, outline.width)
        check_size(self.encoding.format_of(outline.kind), *size)
        return size

    def pixels(self, opened: _Opened) -> int:
        """Return height × width."""
        return opened.outline.pixels

    def is_large(self, opened: _Opened) -> bool:
        """Whether the result is to be written while it is made."""
        height, width = self._target(opened.outline.height, opened.outline.width)
        return max(height * width, opened.outline.pixels) * (6 if opened.outline.deep else 3) > _SMALL_BYTES

    def assemble(self, opened: _Opened, emit: Callable[[Picture], None]) -> PictureAssembly:
        """Begin with a picture. See `TiledProcess`."""
        rule = self.batches.rule
        self._check_memory(opened.outline, rule)
        if opened.picture is not None:
            rows = whole(opened.picture)
        elif opened.outline.pixels <= _DECODED_WHOLE:
            rows = whole(read_picture(opened.content.read(), max_pixels=self._options.max_pixels))
        else:
            rows = read_rows(opened.content, opened.outline, self._folder)
        return PictureAssembly(
            rows,
            rule,
            channels=self._record.input_channels,
            scale=self._record.scale,
            target=self._target(rows.height, rows.width),
            emit=emit,
        )

    def write(
        self, opened: _Opened, strips: Iterable[Picture], size: tuple[int, int], stream: IO[bytes]
    ) -> Mapping[str, Any]:
        """Encode a result. See `TiledProcess`."""
        height, width = size
        if self.is_large(opened):
            notes = encode_rows(stream, iter(strips), height, width, self.encoding)
        else:
            content, notes = encode_picture(joined(list(strips)), self.encoding)
            stream.write(content)
        return {"width": width, "height": height, **({"notes": list(notes)} if notes else {})}

    def _target(self, height: int, width: int) -> tuple[int, int]:
        return max(1, round(height * self._scale)), max(1, round(width * self._scale))

    def _build(self) -> TileBatches[PictureAssembly]:
        from gantk.artifacts.compiled_network import compile_network, compiles_per_shape
        from gantk.engine.backend import accelerator
        from gantk.inference.memory import network_bytes_per_pixel

        record, options = self._record, self._options
        network: keras.Model = self._bundle.network(self._direction, precision=options.precision)
        self._bytes_per_pixel = network_bytes_per_pixel(network, record.size_multiple)
        halo = options.halo if options.halo is not None else record.halo
        if halo is None:
            logger.info("the network sees a whole picture at once: pictures are not cut into tiles")
        elif record.halo is None or halo < record.halo:
            logger.warning("a halo of %d pixels is less than the network sees: borders of tiles may show", halo)
        on_cpu = accelerator() == "cpu"
        budget = _CPU_BUDGET if on_cpu else _ACCELERATOR_BUDGET
        side = options.tile or self._side(halo, budget)
        rule = TileRule(
            -(-side // record.size_multiple) * record.size_multiple,
            halo,
            record.size_multiple,
            record.smallest_size,
            # A device other than a CPU chooses its algorithms anew for each shape.
            constant=compiles_per_shape() or not on_cpu,
        )
        most = _BATCH_PIXELS if on_cpu else 8 * _BATCH_PIXELS
        fitting = min(_TILES_AT_ONCE, most // rule.side**2, int(budget / (self._bytes_per_pixel * rule.side**2 + 1)))
        logger.info("tiles of at most %d × %d pixels with margins of %s", rule.side, rule.side, halo)

        def exact() -> NetworkFunction:
            if not held:
                held.append(compile_network(self._bundle.network(self._direction)))
            return held[0]

        held: list[NetworkFunction] = []
        return TileBatches(
            compile_network(network),
            rule,
            batch_size=options.batch_size or max(1, fitting),
            scale=record.scale,
            channels=record.output_channels,
            exact=None if options.precision == "float32" else exact,
        )

    def _side(self, halo: int | None, budget: int) -> int:
        """Return the side of tiles that fit in a budget of bytes; more where they were hardly more than margins."""
        fitting = [side for side in _SIDES if side**2 * self._bytes_per_pixel <= budget] or [_SIDES[-1]]
        side = fitting[0] if self._bytes_per_pixel else _SIDE_OF_UNKNOWN
        if halo is None:
            return side
        # With margins of a quarter on both sides, half of each side is kept.
        return max(side, 4 * halo, smallest_side(halo, self._record.size_multiple, self._record.smallest_size))

    def _check_memory(self, outline: Outline, rule: TileRule) -> None:
        """Refuse what would not fit in the memory; on a CPU the system ends a process that takes too much.

        Raises:
            BadPicture: With what is needed and what is there.
        """
        from gantk.engine.backend import accelerator
        from gantk.inference.memory import available_bytes

        available = available_bytes()
        if available is None:
            return
        # The same either way up.
        tile = [rule.tile_side(rule.extended(size)) for size in (outline.height, outline.width)]
        needed = self._bytes_per_pixel * tile[0] * tile[1]
        if accelerator() == "cpu" and needed > available:
            reason = (
                "It sees the whole picture at once, so it cannot be given tiles"
                if rule.halo is None
                else f"It sees {rule.halo} pixels around each, so smaller tiles would be all margin"
            )
            raise BadPicture(
                f"The network needs about {needed / 1e9:.1f} GB of memory for {tile[1]} × {tile[0]} pixels, and "
                f"{available / 1e9:.1f} GB are free. {reason}.",
                hint="Make the picture smaller; or cut it into tiles with a smaller --halo, whose borders may show.",
            )
        form = self.encoding.format_of(outline.kind)
        height, width = self._target(outline.height, outline.width)
        held = 8 * height * width
        if form in _SPOOLED_FORMATS and held > available:
            raise BadPicture(
                f"A {form.upper()} file of {width} × {height} pixels is put together in memory, which needs about "
                f"{held / 1e9:.1f} GB; {available / 1e9:.1f} GB are free.",
                hint="Choose --format png or tiff.",
            )


def joined(strips: Sequence[Picture]) -> Picture:
    """Return strips of one picture, from top to bottom, as one."""
    if len(strips) == 1:
        return strips[0]
    alphas = [strip.alpha for strip in strips if strip.alpha is not None]
    return replace(
        strips[0],
        colour=np.concatenate([strip.colour for strip in strips]),
        alpha=np.concatenate(alphas) if alphas else None,
    )
