"""Peak signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk_metrics.chosen_pixels import chosen_pixels, pixels_protocol, value_name
from gantk_metrics.options import ChosenPixelsOptions
from gantk_metrics.pairs import PairedMetric

IDENTICAL = 100.0
"""PSNR in dB that stands for two identical pictures, whose PSNR is infinite."""


def psnr(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Return 10 log10(255² / MSE) of each pair in dB, the MSE over all pixels and channels; at most 100.

    Args:
        first: In 0 … 255, batch × height × width × channels.
        second: Of the same shape.

    Returns:
        float64, one value a pair.
    """
    difference = first.astype(np.float64) - second
    error = np.mean(difference**2, axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return np.minimum(IDENTICAL, 10 * np.log10(255.0**2 / error))


class PSNR(PairedMetric[ChosenPixelsOptions]):
    """The mean over pairs of their PSNR."""

    name = "psnr"
    unit = "dB"
    better = "higher"

    @property
    def value(self) -> str:
        """`psnr`, and what of the pictures is compared."""
        return value_name(self.name, self.options)

    def scores(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return each pair's PSNR.

        Raises:
            RunFailed: The pictures are no larger than the border, or have no luma.
        """
        return psnr(*(chosen_pixels(pictures, self.options, self.name) for pictures in (first, second)))

    def protocol(self) -> Mapping[str, Any]:
        """Say what is compared, and what an identical pair counts."""
        return {
            "peak": 255,
            **pixels_protocol(self.options, "all, one mean square of them"),
            "identical": f"a pair without difference: {IDENTICAL:g} dB",
        }
