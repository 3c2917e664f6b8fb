"""Choosing the part of a picture that has most to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def detailed_part(
    before: NDArray[np.uint8], after: NDArray[np.uint8], most: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut the most detailed part out of a picture, and the same part out of its enlargement.

    The detail of a part is the sum of the differences of its pixels' mean channel from the pixels right of and below
    them: of places equally good the uppermost and leftmost is taken.

    Args:
        before: Height × width × channels.
        after: The enlargement, of any scale.
        most: Height and width of the part in pixels of `before`, at most.

    Returns:
        Both parts. All of both where `before` is no larger.
    """
    height, width = before.shape[:2]
    rows, columns = min(most, height), min(most, width)
    if (rows, columns) == (height, width):
        return before, after
    colours = before[..., : 1 if before.shape[2] < 3 else 3]
    grey = colours.mean(axis=2)
    contrast = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    # The sum over any part from four of the sums over all parts that begin at the upper left.
    sums = np.pad(contrast.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    detail = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    # What only rounding tells apart is equal.
    top, left = np.unravel_index(int(np.argmax(detail.round(3))), detail.shape)
    return _cut(before, before, top, left, rows, columns), _cut(after, before, top, left, rows, columns)


def _cut(image: NDArray[Any], before: NDArray[Any], top: Any, left: Any, rows: int, columns: int) -> NDArray[Any]:
    vertical, horizontal = image.shape[0] / before.shape[0], image.shape[1] / before.shape[1]
    return image[
        round(top * vertical) : max(round((top + rows) * vertical), round(top * vertical) + 1),
        round(left * horizontal) : max(round((left + columns) * horizontal), round(left * horizontal) + 1),
    ]
