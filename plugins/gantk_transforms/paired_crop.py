"""Cutting the same window out of images of different resolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed
from gantk_transforms.crop import random_corner
from gantk_transforms.options import PairedCropOptions


class PairedCrop:
    """Cut one window out of all images of a sample, on the pixel grid of the smallest; see `PairedCropOptions`."""

    def __init__(self, options: PairedCropOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the window of a sample's only image."""
        return self.on_fields({"image": image}, random)["image"]

    def on_fields(self, images: Mapping[str, NDArray[Any]], random: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Return the windows by field: `size` of the smallest image at (y, x), f · `size` at (f · y, f · x) of others.

        Args:
            images: Of one dtype or several, height × width × channels; each f times the smallest in height and width,
                where f is a whole number of its own.
            random: Two numbers are drawn.

        Raises:
            RunFailed: An image is not a whole multiple of the smallest, or the smallest is smaller than the window.
        """
        height, width = min(image.shape[:2] for image in images.values())
        factors = {name: image.shape[0] // height for name, image in images.items()}
        if any(image.shape[:2] != (factors[name] * height, factors[name] * width) for name, image in images.items()):
            sizes = ", ".join(f"{name} {image.shape[0]} x {image.shape[1]}" for name, image in sorted(images.items()))
            raise RunFailed(
                "The transform 'paired_crop' needs images whose sizes are whole multiples of the smallest. "
                f"Received: {sizes}",
                hint="Where one is made of the other by a factor, `modcrop` cuts the other to a multiple of it first.",
            )
        if height < self.options.size[0] or width < self.options.size[1]:
            raise RunFailed(
                f"The transform 'paired_crop' needs images of at least {self.options.size[0]} x {self.options.size[1]} "
                f"pixels. Received: {height} x {width}",
                hint="The size is that of the window in the smallest image of a sample.",
            )
        if self.options.position == "random":
            top, left = random_corner((height, width), self.options.size, random)
        else:
            top, left = (height - self.options.size[0]) // 2, (width - self.options.size[1]) // 2
        bottom, right = top + self.options.size[0], left + self.options.size[1]
        return {
            name: image[top * factor : bottom * factor, left * factor : right * factor].copy()
            for (name, image), factor in zip(images.items(), factors.values(), strict=True)
        }
