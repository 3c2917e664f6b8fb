"""Value noise on a lattice, with coordinates that are separable in rows and columns.

Every noise of the landscape depends on a function of the column and a function of the row alone. The
lattice is then interpolated along one axis, and along the other, at the price of two blends a pixel.

Reference: Perlin 1985, "An image synthesizer" (lattice noise); Musgrave 1994 (sum of octaves).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _cells(coordinate: Array, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    floor = np.floor(coordinate)
    fraction = coordinate - floor
    first = floor.astype(np.int64) % length
    return first, (first + 1) % length, fraction * fraction * (3.0 - 2.0 * fraction)


def line_noise(lattice: Array, coordinate: Array) -> Array:
    """Interpolate a lattice (n,) at coordinates of any shape; values in [0, 1], period n."""
    first, second, weight = _cells(coordinate, lattice.shape[0])
    start = lattice[first]
    return start + (lattice[second] - start) * weight


def plane_noise(lattice: Array, columns: Array, rows: Array) -> Array:
    """Interpolate a lattice (m, n) at all pairs of row coordinates (h,) and column coordinates (w,).

    Returns:
        (h, w), values in [0, 1].
    """
    first, second, weight = _cells(columns, lattice.shape[1])
    across = lattice[:, first]
    across = across + (lattice[:, second] - across) * weight
    first, second, weight = _cells(rows, lattice.shape[0])
    result = across[first]
    result += (across[second] - result) * weight[:, None]
    return result


def point_noise(lattice: Array, x: Array, y: Array) -> Array:
    """Interpolate a lattice (m, n) at points given one by one, arrays of one shape; values in [0, 1]."""
    left, right, across = _cells(x, lattice.shape[1])
    upper, lower, down = _cells(y, lattice.shape[0])
    first, second = lattice[upper, left], lattice[lower, left]
    first = first + (lattice[upper, right] - first) * across
    second = second + (lattice[lower, right] - second) * across
    return first + (second - first) * down


def octaves(lattice: Array, columns: Array, rows: Array, count: int, gain: float = 0.5) -> Array:
    """Sum `count` octaves of `plane_noise`, each twice as fine and `gain` times as strong; values in [0, 1]."""
    total = np.zeros((rows.shape[0], columns.shape[0]))
    amplitude, weight = 1.0, 0.0
    for octave in range(count):
        # The offset keeps the lattice points of two octaves apart.
        total += amplitude * plane_noise(lattice, columns + 17.3 * octave, rows + 9.7 * octave)
        weight += amplitude
        amplitude *= gain
        columns, rows = columns * 2.0, rows * 2.0
    total /= weight
    return total
