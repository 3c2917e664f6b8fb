"""Pictures laid out for a run's page."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def picture_rows(*columns: NDArray[Any], count: int = 4) -> NDArray[np.uint8]:
    """Lay the first samples below each other, one picture of each column side by side.

    Args:
        columns: Images in [-1, 1], batch × height × width × channels, of one number of channels. Those of a column that
            is smaller than the largest are enlarged by nearest neighbour, the low-resolution input, say.
        count: How many samples.

    Returns:
        uint8, height × width × 3; values that are not finite are black.
    """
    height, width = (max(column.shape[axis] for column in columns) for axis in (1, 2))
    enlarged = [_enlarged(column[:count], height, width) for column in columns]
    rows = np.concatenate([np.concatenate(list(column), axis=0) for column in enlarged], axis=1)
    levels = np.clip(np.rint((np.nan_to_num(rows, nan=-1.0, posinf=1.0, neginf=-1.0) + 1) * 127.5), 0, 255).astype(
        np.uint8
    )
    return np.repeat(levels, 3, axis=-1) if levels.shape[-1] == 1 else levels[..., :3]


def _enlarged(images: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    if images.shape[1:3] == (height, width):
        return images
    rows = np.arange(height) * images.shape[1] // height
    columns = np.arange(width) * images.shape[2] // width
    return images[:, rows[:, None], columns]
