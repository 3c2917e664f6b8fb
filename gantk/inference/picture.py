"""A decoded picture together with what its file said beside the pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.errors import RunFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMATS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif", "bmp": ".bmp"}
"""The formats that can be written, each with its usual suffix."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Rec. 601: what Pillow and JPEG take for grey."""


class BadPicture(RunFailed):
    """One input cannot be read, translated or written. The others go on."""


@dataclass(frozen=True, slots=True)
class Picture:
    r"""Pixels, upright, and what is written beside them.

    Args:
        colour: uint8 or uint16, height × width × 1 (grey) or 3 (RGB).
        alpha: The same type, height × width; None where everything is opaque.
        format: The format of the file it came from: a key of `FORMATS`, or `gif`.
        icc_profile: The colour profile.
        exif: EXIF data, beginning with `Exif\0\0`; its orientation is 1 or absent.
        dpi: Dots an inch, horizontally and vertically.
        notes: What could not be kept as it was, in words.
    """

    colour: NDArray[Any]
    alpha: NDArray[Any] | None = None
    format: str = "png"
    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.colour.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.colour.shape[1])

    def noting(self, note: str) -> Picture:
        """Return the same picture with one more note."""
        return replace(self, notes=(*self.notes, note))

    def colour_for(self, channels: int) -> NDArray[Any]:
        """Return the colour with the channels that a network takes.

        Args:
            channels: 3: grey is given to red, green and blue alike; 1: RGB becomes its luma (Rec. 601).

        Raises:
            RunFailed: Another number of channels.
        """
        if self.colour.shape[2] == channels:
            return self.colour
        if channels == 3:
            return np.repeat(self.colour, 3, axis=2)
        if channels == 1:
            return np.rint(self.colour @ LUMA).astype(self.colour.dtype)[..., None]
        raise RunFailed(f"Pictures have 1 or 3 channels of colour. Received: a network that takes {channels}")
