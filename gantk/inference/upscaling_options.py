"""How pictures are enlarged and written. Imports no framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gantk.artifacts import Bundle
from gantk.errors import UsageError
from gantk.inference.option_checks import check_format, check_range
from gantk.inference.tiling.tile_plan import smallest_side

if TYPE_CHECKING:
    from gantk.engine.precision import Precision

MAX_PIXELS = 1 << 30
"""Largest picture enlarged unless told otherwise: 32768 × 32768."""
PRECISIONS = ("float32", "bfloat16", "float16")
LARGEST_SCALE = 64


@dataclass(frozen=True)
class UpscalingOptions:
    """How pictures are enlarged and written.

    Args:
        direction: Of the model; None takes the first.
        scale: Height and width of a result over those of its picture; where it is not the model's, its result is
            resized. None takes the model's.
        tile: Largest side of a tile, in pixels of the input; None takes what the memory suggests.
        halo: Margin of a tile in pixels of the input; None takes what the model says it needs. With less, the
            borders of tiles may show.
        batch_size: Tiles that the network is given at once; None takes what the memory suggests.
        format: Of the results: `jpeg`, `png`, `webp`, `tiff`, `bmp`; None keeps that of each file.
        suffix: Comes behind the names of the results: `_x4`.
        quality: Of JPEG and WebP, 1 to 100.
        png_level: Effort of PNG's compression, 0 to 9.
        precision: Arithmetic of the network: `float32`, `bfloat16`, `float16`.
        max_pixels: A picture of more fails.
    """

    direction: str | None = None
    scale: float | None = None
    tile: int | None = None
    halo: int | None = None
    batch_size: int | None = None
    format: str | None = None
    suffix: str = ""
    quality: int = 95
    png_level: int = 1
    precision: Precision = "float32"
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        check_format(self.format)
        if self.precision not in PRECISIONS:
            raise UsageError(f"The precision must be one of {', '.join(PRECISIONS)}. Received: {self.precision!r}")
        if self.scale is not None and not 0 < self.scale <= LARGEST_SCALE:
            raise UsageError(f"scale must be above 0, and {LARGEST_SCALE} at most. Received: {self.scale}")
        if "/" in self.suffix or "\0" in self.suffix:
            raise UsageError(f"The suffix must be a part of a file's name. Received: {self.suffix!r}")
        check_range("tile", self.tile, 1, 1 << 16)
        check_range("halo", self.halo, 0, 1 << 15)
        check_range("batch_size", self.batch_size, 1, 1 << 16)
        check_range("quality", self.quality, 1, 100)
        check_range("png_level", self.png_level, 0, 9)
        check_range("max_pixels", self.max_pixels, 1)

    def settings(self, bundle: Bundle) -> dict[str, Any]:
        """Return what, beside an input, decides its result. The size of tiles and batches does not."""
        direction = bundle.picture_direction(self.direction)
        return {
            "model": bundle.digest[:16],
            "direction": direction,
            "scale": self.scale or bundle.metadata.networks[direction].scale,
            "format": self.format,
            "quality": self.quality,
            "png_level": self.png_level,
            "precision": self.precision,
            **({"halo": self.halo} if self.halo is not None else {}),
        }

    def check(self, bundle: Bundle) -> None:
        """Refuse what does not go together with a model.

        Raises:
            UsageError: No such direction, a network that is not for pictures, or tiles that are all margin.
        """
        record = bundle.metadata.networks[bundle.picture_direction(self.direction)]
        if record.input_channels != record.output_channels or record.input_channels not in (1, 3):
            raise UsageError(
                f"{bundle.path}: a model that enlarges pictures takes and gives 1 or 3 channels. "
                f"Received: one that takes {record.input_channels} and gives {record.output_channels}"
            )
        halo = self.halo if self.halo is not None else record.halo
        if self.tile is None or halo is None:
            return
        least = smallest_side(halo, record.size_multiple, record.smallest_size)
        if self.tile < least:
            raise UsageError(
                f"tile must be at least {least} with a halo of {halo} pixels on every side. Received: {self.tile}"
            )
