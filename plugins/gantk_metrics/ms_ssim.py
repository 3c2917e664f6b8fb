"""Structural similarity of pairs, on several scales."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed
from gantk_metrics.options import MultiScaleSSIMOptions
from gantk_metrics.pairs import PairedMetric
from gantk_metrics.ssim import WINDOW, structural_similarity

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales from fine to coarse (Wang 2003, section 3.2)."""


def smallest_side(scales: int) -> int:
    """Return the smallest side in pixels that still holds the window on the coarsest scale."""
    return ((WINDOW - 1) << (scales - 1)) + 1


def multi_scale_similarity(first: NDArray[Any], second: NDArray[Any], scales: int = 5) -> NDArray[np.float64]:
    """Return each pair's MS-SSIM, channels averaged.

    Wang 2003, equation 7: the product over scales of the contrast-structure terms, with the luminance on the coarsest
    scale, each to the power of its weight. Between scales means of 2 × 2 pixels are taken; an odd last row or column
    stands for two. A negative mean term, which has no real power, counts as 0.

    Args:
        first: In 0 … 255, batch × height × width × channels; sides of at least `smallest_side(scales)`.
        second: Of the same shape.
        scales: 1 to 5; with fewer than 5 the weights are divided by their sum.

    Returns:
        float64, one value a pair.
    """
    weights = np.array(WEIGHTS[:scales])
    weights /= weights.sum() if scales < len(WEIGHTS) else 1.0
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    product = np.ones((one.shape[0], one.shape[3]))
    for scale, weight in enumerate(weights):
        if scale:
            one, other = _halved(one), _halved(other)
        whole, structure = structural_similarity(one, other)
        term = whole if scale == scales - 1 else structure
        product *= np.maximum(term, 0.0) ** weight
    return product.mean(axis=1)


def _halved(images: NDArray[np.float64]) -> NDArray[np.float64]:
    even = np.pad(images, ((0, 0), (0, images.shape[1] % 2), (0, images.shape[2] % 2), (0, 0)), mode="edge")
    return (even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / 4


class MultiScaleSSIM(PairedMetric[MultiScaleSSIMOptions]):
    """The mean over pairs of their MS-SSIM."""

    name = "ms_ssim"
    better = "higher"

    def scores(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return each pair's MS-SSIM.

        Raises:
            RunFailed: The pictures are too small for so many scales.
        """
        scales, side = self.options.scales, min(first.shape[1:3])
        if side < smallest_side(scales):
            fitting = [fewer for fewer in range(1, scales) if smallest_side(fewer) <= side]
            raise RunFailed(
                f"ms_ssim: {scales} scales need pictures with sides of at least {smallest_side(scales)} pixels. "
                f"Received: {first.shape[2]} × {first.shape[1]}",
                hint=f"Choose fewer scales: {{type: ms_ssim, scales: {fitting[-1]}}}; such values compare only among themselves."
                if fitting
                else "",
            )
        return multi_scale_similarity(first, second, scales)

    def protocol(self) -> Mapping[str, Any]:
        """Say which scales were used."""
        scales = self.options.scales
        weights = ", ".join(f"{weight:g}" for weight in WEIGHTS[:scales])
        return {
            "scales": scales,
            "weights": weights
            if scales == len(WEIGHTS)
            else f"{weights}, divided by their sum: not the paper's five scales",
            "downsampling": "means of 2 × 2 pixels",
            "negative": "a negative contrast-structure term counts as 0",
        }
