"""Colour for pixels that nobody sees, so that a network does not mix the one stored there into visible edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLEED = 8
"""Pixels that colour spreads into what is fully transparent."""


def bled(colour: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Give fully transparent pixels the mean colour of their neighbours, `BLEED` times from the edge inwards.

    What lies further from every visible pixel keeps its colour. A pixel's result depends on no other that is more than
    `BLEED` rows or columns away.

    Args:
        colour: uint8 or uint16, height × width × channels.
        alpha: Height × width.
    """
    known = alpha > 0
    if known.all() or not known.any():
        return colour
    values = np.where(known[..., None], colour, 0).astype(np.float32)
    for _ in range(BLEED):
        if known.all():
            break
        count = _around(known.astype(np.float32)[..., None])
        reached = ~known & (count[..., 0] > 0)
        values[reached] = _around(values)[reached] / count[reached]
        known |= reached
    return np.where(known[..., None], np.rint(values).astype(colour.dtype), colour)


def _around(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sum of each pixel and its eight neighbours."""
    rows = image.copy()
    rows[1:] += image[:-1]
    rows[:-1] += image[1:]
    result = rows.copy()
    result[:, 1:] += rows[:, :-1]
    result[:, :-1] += rows[:, 1:]
    return result
