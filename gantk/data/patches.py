"""Where the patches of a picture lie, and how much there is to see in one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk.data.options import PatchOptions


def patch_places(height: int, width: int, options: PatchOptions) -> list[tuple[int, int]]:
    """Return row and column of the upper left pixel of every patch, row by row; none where the picture is smaller."""
    rows, columns = _starts(height, options), _starts(width, options)
    return [(row, column) for row in rows for column in columns]


def _starts(length: int, options: PatchOptions) -> list[int]:
    starts = list(range(0, length - options.size + 1, options.stride or options.size))
    if options.remainder == "shift" and starts and starts[-1] < length - options.size:
        starts.append(length - options.size)
    return starts


def patch_key(key: str, row: int, column: int) -> str:
    """Return the key of the sample that a patch becomes: `photo.jpg#192,0`."""
    return f"{key}#{row},{column}"


def detail_of(image: NDArray[np.uint8]) -> float:
    """Return how much neighbouring pixels differ: 0 where all are alike, at most 255.

    It is the mean of two means: the absolute differences of neighbours across, and those of neighbours down, over all
    pixels and channels. Where there are no neighbours in a direction, its mean is 0.
    """
    return (_mean_step(image, 0) + _mean_step(image, 1)) / 2


def _mean_step(image: NDArray[Any], axis: int) -> float:
    if image.shape[axis] < 2:
        return 0.0
    first, second = (image[1:], image[:-1]) if axis == 0 else (image[:, 1:], image[:, :-1])
    # The greater minus the smaller stays within 8 bits.
    return float((np.maximum(first, second) - np.minimum(first, second)).mean(dtype=np.float64))
