"""Structural similarity of pairs, on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed
from gantk_metrics.chosen_pixels import chosen_pixels, pixels_protocol, value_name
from gantk_metrics.options import ChosenPixelsOptions
from gantk_metrics.pairs import PairedMetric

WINDOW = 11
"""Side of the Gaussian window in pixels: no smaller picture can be judged."""
DEVIATION = 1.5
"""Standard deviation of the window in pixels."""

_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2


def gaussian_window() -> NDArray[np.float64]:
    """Return the window along one axis: 11 weights that sum to one; the paper's window is its outer product."""
    distance = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(distance**2) / (2 * DEVIATION**2))
    return weights / weights.sum()


def structural_similarity(first: NDArray[Any], second: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each pair's SSIM and contrast-structure term, by channel.

    Wang 2004, equations 13 to 16, with K1 = 0.01, K2 = 0.03 and L = 255: local moments are weighted by an
    11 × 11 Gaussian window of deviation 1.5, only where it lies wholly inside the picture, and not corrected for the sample
    size; then the mean over positions. The second term is (2σxy + C2) / (σx² + σy² + C2), which MS-SSIM needs.

    Args:
        first: In 0 … 255, batch × height × width × channels; sides of at least 11 pixels.
        second: Of the same shape.

    Returns:
        Two float64 arrays, batch × channels.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    mean_one, mean_other = _filtered(one), _filtered(other)
    variances = _filtered(one * one) - mean_one**2 + _filtered(other * other) - mean_other**2
    covariance = _filtered(one * other) - mean_one * mean_other
    structure = (2 * covariance + _C2) / (variances + _C2)
    luminance = (2 * mean_one * mean_other + _C1) / (mean_one**2 + mean_other**2 + _C1)
    return (luminance * structure).mean(axis=(1, 2)), structure.mean(axis=(1, 2))


def _filtered(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh with the window along both axes, where it lies inside."""
    weights = gaussian_window()
    height, width = images.shape[1] - WINDOW + 1, images.shape[2] - WINDOW + 1
    rows = np.zeros((images.shape[0], height, *images.shape[2:]))
    for offset, weight in enumerate(weights):
        rows += weight * images[:, offset : offset + height]
    result = np.zeros((images.shape[0], height, width, images.shape[3]))
    for offset, weight in enumerate(weights):
        result += weight * rows[:, :, offset : offset + width]
    return result


class SSIM(PairedMetric[ChosenPixelsOptions]):
    """The mean over pairs of their SSIM, channels averaged."""

    name = "ssim"
    better = "higher"

    @property
    def value(self) -> str:
        """`ssim`, and what of the pictures is compared."""
        return value_name(self.name, self.options)

    def scores(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return each pair's SSIM.

        Raises:
            RunFailed: The pictures are smaller than the window or no larger than the border, or have no luma.
        """
        one, other = (chosen_pixels(pictures, self.options, self.name) for pictures in (first, second))
        if min(one.shape[1:3]) < WINDOW:
            raise RunFailed(
                f"ssim: pictures must have sides of at least {WINDOW} pixels, the size of its window. "
                f"Received: {one.shape[2]} × {one.shape[1]}"
                + (f", without a border of {self.options.border}" if self.options.border else "")
            )
        # A channel at a time: its float64 maps are a dozen times the size of a large photograph.
        channels = [
            structural_similarity(one[..., channel : channel + 1], other[..., channel : channel + 1])[0]
            for channel in range(one.shape[3])
        ]
        return np.concatenate(channels, axis=1).mean(axis=1)

    def protocol(self) -> Mapping[str, Any]:
        """Say which of the variants in use this is."""
        return {
            "window": f"{WINDOW} × {WINDOW} Gaussian, deviation {DEVIATION}, inside the picture only",
            "constants": "K1 0.01, K2 0.03, L 255",
            **pixels_protocol(self.options, "each by itself, then their mean"),
        }
