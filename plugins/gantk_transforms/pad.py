"""A margin around an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed
from gantk_transforms.options import PadOptions
from gantk_transforms.pictures import require_image


class Pad:
    """Add a margin; see `PadOptions`."""

    def __init__(self, options: PadOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the image with its margin, uint8, a new array.

        Raises:
            RunFailed: The image is larger than `size`, too small to be mirrored so far, or has another number of
                channels than `colour`.
        """
        require_image(image, "pad")
        top, bottom, left, right = self._margin(image.shape[0], image.shape[1])
        widths = ((top, bottom), (left, right), (0, 0))
        if self.options.fill == "edge":
            return np.ascontiguousarray(np.pad(image, widths, "edge"))
        if self.options.fill == "reflect":
            if max(top, bottom) >= image.shape[0] or max(left, right) >= image.shape[1]:
                raise RunFailed(
                    "The transform 'pad' mirrors less than a whole image on each side. "
                    f"Received: {image.shape[0]} x {image.shape[1]} pixels and margins of {top}, {bottom}, {left}, {right}"
                )
            return np.ascontiguousarray(np.pad(image, widths, "reflect"))
        padded = np.empty((top + image.shape[0] + bottom, left + image.shape[1] + right, image.shape[2]), np.uint8)
        padded[:] = self._colour(image.shape[2])
        padded[top : top + image.shape[0], left : left + image.shape[1]] = image
        return padded

    def _margin(self, height: int, width: int) -> tuple[int, int, int, int]:
        if self.options.margin is not None:
            return self.options.margin
        assert self.options.size is not None
        rows, columns = self.options.size[0] - height, self.options.size[1] - width
        if min(rows, columns) < 0:
            raise RunFailed(
                f"The transform 'pad' makes images larger, to {self.options.size[0]} x {self.options.size[1]}. "
                f"Received: {height} x {width}",
                hint="Put a `resize` with `mode: contain` before it.",
            )
        return rows // 2, rows - rows // 2, columns // 2, columns - columns // 2

    def _colour(self, channels: int) -> NDArray[np.uint8]:
        colours = min(channels, 3)
        colour = self.options.colour * colours if len(self.options.colour) == 1 else self.options.colour
        if len(colour) != colours:
            raise RunFailed(
                f"The transform 'pad' needs one number as `colour`, or one for each of {colours} channels. "
                f"Received: {list(colour)}"
            )
        return np.array([*colour, 255][:channels], np.uint8)
