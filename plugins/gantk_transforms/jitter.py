"""The random jitter of pix2pix and CycleGAN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk_transforms.crop import random_corner
from gantk_transforms.options import JitterOptions
from gantk_transforms.pictures import require_image, resample


class Jitter:
    """Stretch to `load_size`, then cut a random window of `size`.

    Only the window is computed; it equals the stretched image's up to rounding (at most 1 of 255).

    Reference:
        Isola 2017, appendix 6.2: resize 256 × 256 to 286 × 286, crop back to 256 × 256.
    """

    def __init__(self, options: JitterOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the window, uint8, `size` × channels."""
        require_image(image, "jitter")
        (load_height, load_width), (height, width) = self.options.load_size, self.options.size
        top, left = random_corner(self.options.load_size, self.options.size, random)
        if image.shape[:2] == (load_height, load_width):
            return image[top : top + height, left : left + width].copy()
        down, across = image.shape[0] / load_height, image.shape[1] / load_width
        box = (left * across, top * down, (left + width) * across, (top + height) * down)
        return resample(image, (height, width), self.options.filter, box)
