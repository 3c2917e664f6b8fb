"""Mean absolute error of pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gantk_metrics.options import PairOptions
from gantk_metrics.pairs import PairedMetric


def absolute_error(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean of |a - b| of each pair in 8-bit levels.

    Args:
        first: uint8, batch × height × width × channels.
        second: Of the same shape.

    Returns:
        float64 in [0, 255], one value a pair.
    """
    return np.mean(np.abs(first.astype(np.float64) - second), axis=(1, 2, 3))


class AbsoluteError(PairedMetric[PairOptions]):
    """The mean over pairs of their mean absolute difference (L1)."""

    name = "l1"
    unit = "levels"
    better = "lower"

    def scores(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return each pair's error."""
        return absolute_error(first, second)
