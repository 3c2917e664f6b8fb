"""The blur kernels of Real-ESRGAN: Gaussians of three kinds and the sinc filter.

Reference:
    Wang 2021, section 3.2 and 3.4, https://arxiv.org/abs/2107.10833
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def squared_distances(side: int, sigmas: tuple[float, float], angle: float = 0.0) -> NDArray[np.float64]:
    """Return the squared distance of every pixel from the middle one, in standard deviations: Cᵀ Σ⁻¹ C.

    Args:
        side: Height and width, odd.
        sigmas: Standard deviations along the two axes, in pixels.
        angle: How far the first axis is turned from the right, towards below, in radians.
    """
    down, across = np.mgrid[:side, :side] - side // 2
    along = math.cos(angle) * across + math.sin(angle) * down
    beside = -math.sin(angle) * across + math.cos(angle) * down
    squared: NDArray[np.float64] = (along / sigmas[0]) ** 2 + (beside / sigmas[1]) ** 2
    return squared


def generalised_gaussian(squared: NDArray[np.float64], beta: float = 1.0) -> NDArray[np.float64]:
    """Return exp(-½ · `squared` ** beta), scaled to the sum 1; beta 1 is the Gaussian."""
    return _normalised(np.exp(-0.5 * squared**beta))


def plateau(squared: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """Return 1 / (1 + `squared` ** beta), scaled to the sum 1."""
    return _normalised(1 / (1 + squared**beta))


def sinc(side: int, cutoff: float) -> NDArray[np.float64]:
    """Return the circular low-pass filter, scaled to the sum 1.

    It is cutoff · J₁(cutoff · r) / (2 π r) at the distance r, and cutoff² / 4 π in the middle.

    Args:
        side: Height and width, odd.
        cutoff: Highest frequency that passes, in radians a pixel, up to π.
    """
    radius = np.sqrt(squared_distances(side, (1.0, 1.0)))
    middle = radius == 0
    radius[middle] = 1
    kernel = cutoff * bessel_j1(cutoff * radius) / (2 * math.pi * radius)
    kernel[middle] = cutoff**2 / (4 * math.pi)
    return _normalised(kernel)


def bessel_j1(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Bessel function of the first kind and order one, exact to about 1e-15.

    It is the mean of cos(t - x sin t) over a turn. The mean over n points errs by about J_{n-1}(x), which is nothing
    as soon as n is well above x.
    """
    distinct, places = np.unique(x, return_inverse=True)
    points = math.ceil(distinct[-1]) + 40
    turn = np.arange(points) * (2 * math.pi / points)
    values: NDArray[np.float64] = np.cos(turn - distinct[:, None] * np.sin(turn)).mean(1)
    return values[places].reshape(x.shape)


def _normalised(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    return kernel / kernel.sum()
