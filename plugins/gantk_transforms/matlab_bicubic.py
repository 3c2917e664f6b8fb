"""MATLAB's `imresize(image, 1 / factor, 'bicubic')` of 8-bit images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def keys_cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cubic convolution kernel with a = -1/2.

    Reference:
        Keys 1981, equation 15, https://doi.org/10.1109/TASSP.1981.1163711
    """
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def taps(factor: int) -> NDArray[np.float64]:
    """Return the weights of the pixels around the middle of a block of `factor` pixels; their sum is 1.

    With antialiasing the kernel is stretched by the factor, and reaches 2 · `factor` pixels to either side. As the factor
    is whole, the weights are the same for every block: 4 · `factor` of them where it is even, and the middle lies between
    two pixels; one less where it is odd, since the weights at the very ends are 0.
    """
    count = 4 * factor - factor % 2
    weights = keys_cubic((np.arange(count) - (count - 1) / 2) / factor)
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def matlab_bicubic(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Make an image smaller by a whole factor, as MATLAB does it.

    Rows first and columns then, as MATLAB orders equal factors; beyond its edges the picture is mirrored, edge pixels
    included (`symmetric`); after either step values are rounded, halves up, and clipped to 0..255, since the result of
    each step is 8-bit as the input is.

    Args:
        image: uint8, height × width × channels; height and width multiples of the factor.
        factor: How many times smaller.

    Returns:
        uint8, height / factor × width / factor × channels.
    """
    smaller = _fewer_rows(image, factor)
    return np.ascontiguousarray(_fewer_rows(smaller.swapaxes(0, 1), factor).swapaxes(0, 1))


def _fewer_rows(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    height, width, channels = image.shape
    weights = taps(factor)
    beside = (len(weights) - factor) // 2
    padded = np.pad(image, ((beside, beside), (0, 0), (0, 0)), mode="symmetric")
    rows = padded.reshape(len(padded), width * channels)
    total = np.zeros((height // factor, width * channels))
    for position, weight in enumerate(weights):
        total += weight * rows[position : position + height - factor + 1 : factor]
    return np.clip(np.floor(total + 0.5), 0, 255).astype(np.uint8).reshape(-1, width, channels)
