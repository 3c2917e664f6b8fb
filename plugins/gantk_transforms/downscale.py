"""Making an image smaller by a whole factor, with an exactly defined result."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk_transforms.degradation_options import DownscaleOptions
from gantk_transforms.matlab_bicubic import matlab_bicubic
from gantk_transforms.modcrop import cropped_to_multiple
from gantk_transforms.pictures import require_image, resample


class Downscale:
    """Cut to a multiple of the factor, then make smaller; see `DownscaleOptions` for the kernels."""

    def __init__(self, options: DownscaleOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the smaller image, uint8, ⌊height / factor⌋ × ⌊width / factor⌋ × channels.

        Raises:
            RunFailed: A side is shorter than the factor.
        """
        require_image(image, "downscale")
        factor = self.options.factor
        image = np.ascontiguousarray(cropped_to_multiple(image, factor, "downscale"))
        if self.options.kernel == "area":
            return block_means(image, factor)
        if self.options.kernel == "bicubic_matlab":
            return matlab_bicubic(image, factor)
        size = (image.shape[0] // factor, image.shape[1] // factor)
        return resample(image, size, "bicubic" if self.options.kernel == "bicubic_pil" else "lanczos")


def block_means(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Return the mean of every block of `factor` × `factor` pixels, halves rounded up.

    Colours beside alpha are weighed by it, so that transparent pixels leave no fringe; without any alpha they become 0.

    Args:
        image: uint8, height × width × 1, 3 or 4; height and width multiples of the factor.
        factor: Side of a block.
    """
    if image.shape[2] < 4:
        return _rounded(_block_sums(image.astype(np.uint32), factor), np.uint32(factor * factor))
    alpha = image[..., 3:].astype(np.uint32)
    weights = _block_sums(alpha, factor)
    colours = _rounded(_block_sums(image[..., :3] * alpha, factor), np.maximum(weights, 1))
    return np.concatenate([colours, _rounded(weights, np.uint32(factor * factor))], axis=2)


def _block_sums(values: NDArray[np.uint32], factor: int) -> NDArray[np.uint32]:
    height, width, channels = values.shape
    # Rows first, along contiguous memory; then the few columns of a block.
    rows = values.reshape(height // factor, factor, width * channels).sum(1, dtype=np.uint32)
    sums: NDArray[np.uint32] = rows.reshape(height // factor, width // factor, factor, channels).sum(2, dtype=np.uint32)
    return sums


def _rounded(sums: NDArray[np.uint32], divisor: NDArray[np.uint32] | np.uint32) -> NDArray[np.uint8]:
    return ((2 * sums + divisor) // (2 * divisor)).astype(np.uint8)
