"""Translating pictures on disk with a model bundle."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.artifacts import Bundle
from gantk.errors import GantkError
from gantk.inference.batch_job import run_job
from gantk.inference.destination import destination_for
from gantk.inference.inputs import Discovery, PictureInput
from gantk.inference.job_plan import JobPlan, discover_and_plan
from gantk.inference.job_records import JobRecords
from gantk.inference.network_failures import NetworkFailures
from gantk.inference.option_checks import check_format, check_range
from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_reading import read_picture
from gantk.inference.picture_writing import Encoding, encode_picture
from gantk.inference.recorded_job import JobSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gantk.artifacts.image_translator import ImageTranslator

logger = logging.getLogger("gantk.inference")

MAX_PIXELS = 16 << 20
"""Largest picture translated unless told otherwise: 4096 × 4096. A network needs about a kilobyte a pixel or more."""
_BATCH_PIXELS = 1 << 20
"""Larger batches gain nothing, and their feature maps fill the memory."""
_SURELY_FITS = 1 << 20


@dataclass(frozen=True)
class TranslationOptions:
    """How pictures are translated and written.

    Args:
        direction: `AtoB` or `BtoA`; None takes the bundle's first.
        format: Of the results: `jpeg`, `png`, `webp`, `tiff`, `bmp`; None keeps that of each file.
        quality: Of JPEG and WebP, 1 to 100.
        batch_size: Most pictures in one batch; large ones are fewer.
        max_pixels: A picture of more fails; networks need memory in proportion.
    """

    direction: str | None = None
    format: str | None = None
    quality: int = 95
    batch_size: int = 8
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        check_format(self.format)
        check_range("quality", self.quality, 1, 100)
        check_range("batch_size", self.batch_size, 1, 1 << 20)
        check_range("max_pixels", self.max_pixels, 1)

    def settings(self, bundle: Bundle) -> dict[str, Any]:
        """Return what, beside an input, decides its result."""
        return {
            "model": bundle.digest[:16],
            "direction": bundle.picture_direction(self.direction),
            "format": self.format,
            "quality": self.quality,
        }


def plan_translation(
    bundle: Bundle,
    inputs: Iterable[str | Path | PictureInput],
    output: str | Path,
    options: TranslationOptions | None = None,
    *,
    overwrite: bool = False,
    retry_failures: bool = False,
) -> JobPlan:
    """Say what `translate` would do; nothing is read but folders and records, and no framework imported.

    Raises:
        UsageError: As `translate`.
    """
    found, _, plan = _planned(bundle, inputs, output, options or TranslationOptions(), overwrite, retry_failures)
    found.close()
    return plan


def translate(
    bundle: Bundle,
    inputs: Iterable[str | Path | PictureInput],
    output: str | Path,
    *,
    direction: str | None = None,
    format: str | None = None,
    quality: int = 95,
    batch_size: int = 8,
    max_pixels: int = MAX_PIXELS,
    overwrite: bool = False,
    retry_failures: bool = False,
    progress: bool = False,
    threads: int | None = None,
) -> JobSummary:
    """Translate pictures into a folder; what is done already is skipped.

    Pictures keep their names, their place in the tree, format, bit depth, alpha, colour profile, EXIF data and
    resolution. The network's result is RGB even for a grey picture, since a translation may add colour.

    Args:
        bundle: The model.
        inputs: Files, folders, patterns and archives (see `gantk.inference.inputs.discover`), or inputs made by a
            program.
        output: The output folder, or an archive (`gantk.inference.archive_output`). Beside the pictures it receives
            `manifest.jsonl`, a line for each result with its input, and `failures.jsonl`, a line for each input that
            failed.
        direction: As `TranslationOptions`, like the next four.
        format: Of the results.
        quality: Of JPEG and WebP.
        batch_size: Most pictures in one batch.
        max_pixels: A picture of more fails.
        overwrite: Do everything again, and replace files that no job has written.
        retry_failures: Try again what failed before and has not changed.
        progress: Show a bar on a terminal, log lines elsewhere.
        threads: Threads that decode and encode.

    Returns:
        The counts; `failed` is 0 where all is well.

    Raises:
        UsageError: An input does not exist, there is not one picture, the output folder is an input, a result would
            replace an input, or an unknown direction or format.
        PluginError: The model's plugin is missing.
        RunFailed: The disk is full, another job writes to the folder, or the model cannot work at all.
        KeyboardInterrupt: Ctrl-C. As after every other end, the same call continues.
    """
    options = TranslationOptions(direction, format, quality, batch_size, max_pixels)
    found, records, plan = _planned(bundle, inputs, output, options, overwrite, retry_failures)
    if plan.tasks and bundle.metadata.licence:
        logger.info("the licence of the model: %s", bundle.metadata.licence)
    try:
        return run_job(
            plan,
            records,
            _Translation(bundle, options),
            settings=options.settings(bundle),
            progress=progress,
            threads=threads,
            max_pixels=max_pixels,
        )
    finally:
        found.close()


def _planned(
    bundle: Bundle,
    inputs: Iterable[str | Path | PictureInput],
    output: str | Path,
    options: TranslationOptions,
    overwrite: bool,
    retry_failures: bool,
) -> tuple[Discovery, JobRecords, JobPlan]:
    target = destination_for(output, overwrite=overwrite)
    return discover_and_plan(
        inputs,
        target,
        form=options.format,
        settings=options.settings(bundle),
        overwrite=overwrite,
        retry_failures=retry_failures,
    )


@dataclass(frozen=True)
class _Readied:
    """A picture with its colours as the network takes them."""

    picture: Picture
    colour: NDArray[np.float32]


class _Translation:
    """What a translation does with every picture (`PictureProcess`)."""

    def __init__(self, bundle: Bundle, options: TranslationOptions) -> None:
        self._bundle = bundle
        self._direction = bundle.picture_direction(options.direction)
        self._options = options
        self._encoding = Encoding(format=options.format, quality=options.quality)
        self._channels = bundle.metadata.networks[self._direction].input_channels
        self._failures = NetworkFailures()
        self._bytes_per_pixel: float | None = None

    @property
    def _translator(self) -> ImageTranslator:
        # Built when the first picture has been read: a job that has nothing to do loads no framework.
        return self._bundle.translator(self._direction)

    def read(self, content: bytes) -> _Readied:
        from gantk.artifacts.image_translator import to_unit_range

        picture = read_picture(content, max_pixels=self._options.max_pixels)
        return _Readied(picture, to_unit_range(picture.colour_for(self._channels)))

    def pixels(self, picture: _Readied) -> int:
        return picture.picture.height * picture.picture.width

    def group(self, picture: _Readied) -> Hashable:
        return self._translator.padded_shape(picture.picture.height, picture.picture.width)

    def batch_size(self, picture: _Readied) -> int:
        height, width = self._translator.padded_shape(picture.picture.height, picture.picture.width)
        return max(1, min(self._options.batch_size, _BATCH_PIXELS // (height * width)))

    def run(self, pictures: Sequence[_Readied]) -> Sequence[tuple[Picture, NDArray[np.float32]] | BadPicture]:
        from gantk.artifacts.compiled_network import OutOfMemory

        if self.pixels(pictures[0]) > _SURELY_FITS:
            refusal = self._too_large(pictures[0])
            if refusal is not None:
                return [refusal]
        try:
            outputs = self._translator.translate([picture.colour for picture in pictures])
        except Exception as error:
            if isinstance(error, GantkError) and not isinstance(error, OutOfMemory):
                raise
            if len(pictures) > 1:
                return [self.run([picture])[0] for picture in pictures]
            return [self._refused(pictures[0], error)]
        self._failures.succeeded()
        return [
            (picture.picture, output)
            if np.isfinite(output).all()
            else BadPicture("The network gave values that are not finite.")
            for picture, output in zip(pictures, outputs, strict=True)
        ]

    def write(self, result: tuple[Picture, NDArray[np.float32]]) -> tuple[bytes, Mapping[str, Any]]:
        from gantk.artifacts.image_translator import from_unit_range

        picture, output = result
        colour = from_unit_range(output, picture.colour.dtype)
        translated = replace(picture, colour=colour, alpha=_resized(picture.alpha, *colour.shape[:2]))
        content, notes = encode_picture(translated, self._encoding)
        facts: dict[str, Any] = {"width": translated.width, "height": translated.height}
        return content, {**facts, "notes": list(notes)} if notes else facts

    def _too_large(self, picture: _Readied) -> BadPicture | None:
        """Return why a picture, which is a batch of its own, must not be tried; None where it fits."""
        from gantk.engine.backend import accelerator
        from gantk.inference.memory import available_bytes, network_bytes_per_pixel

        # Elsewhere an error says so, and the process lives on.
        if accelerator() != "cpu":
            return None
        available = available_bytes()
        if self._bytes_per_pixel is None:
            self._bytes_per_pixel = network_bytes_per_pixel(self._translator.network, self._translator.size_multiple)
        needed = self._bytes_per_pixel * self.pixels(picture)
        if available is None or needed <= available:
            return None
        return BadPicture(
            f"The network needs about {needed / 1e9:.1f} GB of memory for {picture.picture.width} × "
            f"{picture.picture.height} pixels, and {available / 1e9:.1f} GB are free. Make the picture smaller."
        )

    def _refused(self, picture: _Readied, error: Exception) -> BadPicture:
        from gantk.artifacts.compiled_network import OutOfMemory

        size = f"{picture.picture.width} × {picture.picture.height} pixels"
        if isinstance(error, OutOfMemory):
            return BadPicture(f"There is not enough memory for the network on {size}. Make the picture smaller.")
        return self._failures.refusal(picture, size, error)


def _resized(alpha: NDArray[Any] | None, height: int, width: int) -> NDArray[Any] | None:
    """Return transparency at the size of a result, which a network for super-resolution makes larger."""
    if alpha is None or alpha.shape == (height, width):
        return alpha
    import cv2

    return np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR), alpha.dtype)
