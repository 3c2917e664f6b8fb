"""A picture taken apart into bands of detail (Burt and Adelson 1983)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / np.float32(16)


def level_count(height: int, width: int, smallest: int) -> int:
    """Return how many levels there are: each half as large as the one before, while sides are even and no smaller side
    falls below `smallest` pixels; 0 where the picture itself is smaller.
    """
    count = 0
    while min(height, width) >= smallest:
        count += 1
        if height % 2 or width % 2:
            break
        height, width = height // 2, width // 2
    return count


def laplacian_pyramid(images: NDArray[Any], levels: int) -> list[NDArray[np.float32]]:
    """Return the bands of images from fine to coarse; the last is what is left, not a difference.

    Blurring is by the binomial filter 1, 4, 6, 4, 1 along both axes, images mirrored at their edges (the edge pixel is
    not doubled). A band is a level less the next one, enlarged: zeros put between its pixels, blurred and times 4.

    Args:
        images: batch × height × width × channels; all levels but the last have even sides, and sides of at least 3.
        levels: At least 1.

    Returns:
        float32, each half as high and wide as the one before.
    """
    bands = [np.asarray(images, np.float32)]
    for _ in range(1, levels):
        larger = bands[-1]
        smaller = _blurred(larger)[:, ::2, ::2]
        spread = np.zeros_like(larger)
        spread[:, ::2, ::2] = smaller
        bands[-1] = larger - 4 * _blurred(spread)
        bands.append(smaller)
    return bands


def _blurred(images: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    rows = sum(weight * padded[:, offset : offset + height] for offset, weight in enumerate(_BINOMIAL))
    blurred: NDArray[np.float32] = sum(
        weight * np.asarray(rows)[:, :, offset : offset + width] for offset, weight in enumerate(_BINOMIAL)
    )
    return blurred
