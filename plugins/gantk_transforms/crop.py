"""Cutting a window out of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed
from gantk_transforms.options import CropOptions


def random_corner(size: tuple[int, int], window: tuple[int, int], random: np.random.Generator) -> tuple[int, int]:
    """Draw top and left of a window inside an image, all places equally likely.

    Two numbers are drawn whatever the sizes, so later transforms see the same generator state.

    Args:
        size: Height and width of the image.
        window: Height and width of the window, no larger than the image.
        random: The generator.
    """
    return int(random.random() * (size[0] - window[0] + 1)), int(random.random() * (size[1] - window[1] + 1))


class Crop:
    """Cut a window out of an image; see `CropOptions`."""

    def __init__(self, options: CropOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the window, of the image's dtype.

        Raises:
            RunFailed: The image is smaller than the window and `pad` is `none`.
        """
        height, width = self.options.size
        missing = max(0, height - image.shape[0]), max(0, width - image.shape[1])
        if any(missing):
            if self.options.pad == "none":
                raise RunFailed(
                    f"The transform 'crop' needs images of at least {height} x {width} pixels. "
                    f"Received: {image.shape[0]} x {image.shape[1]}",
                    hint="Set `pad: reflect`, put a `resize` before it, or choose a smaller size.",
                )
            before = missing[0] // 2, missing[1] // 2
            after = missing[0] - before[0], missing[1] - before[1]
            image = np.pad(image, ((before[0], after[0]), (before[1], after[1]), (0, 0)), mode="reflect")
        if self.options.position == "random":
            top, left = random_corner((image.shape[0], image.shape[1]), self.options.size, random)
        else:
            top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        return image[top : top + height, left : left + width].copy()
