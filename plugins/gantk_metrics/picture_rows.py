"""Pictures laid out for a run's page."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def picture_rows(*columns: NDArray[Any], count: int = 4) -> NDArray[np.uint8]:
    """Lay the first samples below each other, one picture of each column side by side.

    Args:
        columns: Images in [-1, 1], batch × height × width × channels, all of one shape.
        count: How many samples.

    Returns:
        uint8, height × width × 3; values that are not finite are black.
    """
    rows = np.concatenate([np.concatenate(list(column[:count]), axis=0) for column in columns], axis=1)
    levels = np.clip(np.rint((np.nan_to_num(rows, nan=-1.0, posinf=1.0, neginf=-1.0) + 1) * 127.5), 0, 255).astype(
        np.uint8
    )
    return np.repeat(levels, 3, axis=-1) if levels.shape[-1] == 1 else levels[..., :3]
