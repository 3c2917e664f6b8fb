"""Resampling to a size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk_transforms.options import ResizeOptions
from gantk_transforms.pictures import require_image, resample


class Resize:
    """Resample to a size; see `ResizeOptions` for the modes."""

    def __init__(self, options: ResizeOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the resampled image, uint8; an image that has the size already comes back as a copy."""
        require_image(image, "resize")
        height, width = image.shape[:2]
        target_height, target_width = self.options.size
        box = None
        if self.options.mode == "cover":
            # One resampling of the window that remains is the same as resizing and then cutting.
            scale = max(target_height / height, target_width / width)
            window_height, window_width = target_height / scale, target_width / scale
            left, top = (width - window_width) / 2, (height - window_height) / 2
            box = (left, top, left + window_width, top + window_height)
        elif self.options.mode == "contain":
            scale = min(target_height / height, target_width / width)
            target_height, target_width = max(1, round(height * scale)), max(1, round(width * scale))
        elif self.options.mode == "shorter":
            scale = target_height / min(height, width)
            target_height, target_width = max(1, round(height * scale)), max(1, round(width * scale))
        return resample(image, (target_height, target_width), self.options.filter, box)
