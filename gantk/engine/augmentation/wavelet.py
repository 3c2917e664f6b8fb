"""Doubling and halving a signal's length with an orthogonal wavelet's filter.

Doubled and halved again a signal is the same, since the filter is orthogonal to its own even shifts.

Reference:
    Karras 2020, appendix B: the least asymmetric wavelet with six vanishing moments, "sym6" (Daubechies 1992, Ten
    lectures on wavelets, table 6.3).
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
"""The low-pass filter, of norm 1 and sum √2."""
MARGIN = 5
"""Samples that `halving_matrix` needs beyond each end of the doubled signal."""
OFFSET = sum(tap * value for tap, value in enumerate(SYM6)) / sum(SYM6) - MARGIN
"""Sample i of a signal lies at 2 i + OFFSET in the doubled one, by the filter's centre of mass. The filter is not quite
symmetric: with the middle of its taps, ½, every half turn would shift a picture by 0.4 pixels."""


@functools.lru_cache(maxsize=32)
def doubling_matrix(length: int) -> NDArray[np.float32]:
    """Return the matrix that doubles a signal's length, float32, 2 length × length.

    The signal is mirrored at its first and last sample.
    """
    matrix = np.zeros((2 * length, length))
    period = max(1, 2 * (length - 1))
    for sample in range(2 * length):
        for place in range(-3, length + 3):
            tap = sample - 2 * place + MARGIN
            if 0 <= tap < len(SYM6):
                mirrored = min(place % period, period - place % period) if length > 1 else 0
                matrix[sample, mirrored] += np.sqrt(2.0) * SYM6[tap]
    return _fixed(matrix)


@functools.lru_cache(maxsize=32)
def halving_matrix(length: int) -> NDArray[np.float32]:
    """Return the matrix that halves a doubled signal with `MARGIN` more samples at each end.

    Returns:
        float32, length × (2 length + 2 · MARGIN).
    """
    matrix = np.zeros((length, 2 * length + 2 * MARGIN))
    for place in range(length):
        matrix[place, 2 * place : 2 * place + len(SYM6)] = np.array(SYM6) / np.sqrt(2.0)
    return _fixed(matrix)


def _fixed(matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    found = matrix.astype(np.float32)
    found.setflags(write=False)
    return found
