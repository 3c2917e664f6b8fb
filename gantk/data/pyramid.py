"""A picture at every resolution down to a small one, each half the one above: what growing GANs learn from.

Reference:
    Karras 2018, https://arxiv.org/abs/1710.10196, section 3 and `TFRecordExporter.add_image` of its `dataset_tool.py`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk.errors import RunFailed


def pyramid_problem(image: NDArray[np.uint8], smallest: int) -> str:
    """Return why a picture has no pyramid that ends at `smallest`; empty where it has one."""
    height, width = image.shape[:2]
    if height == width >= smallest and height & (height - 1) == 0:
        return ""
    return (
        f"a picture with a pyramid must be square, its side a power of two and at least {smallest}; add `resize`, `crop` or "
        f"`pad` to the transforms. Received: {height} × {width} pixels"
    )


def smaller_resolutions(largest: int, smallest: int) -> list[int]:
    """Return the resolutions below the largest, from the largest to the smallest; both powers of two."""
    return [largest >> halvings for halvings in range(1, (largest // smallest).bit_length())]


def smaller_images(image: NDArray[np.uint8], smallest: int) -> Iterator[NDArray[np.uint8]]:
    """Yield a picture at half its size, at half of that, and so on down to `smallest`.

    Each level is the mean of two by two pixels of the level above, in float32 and before that is rounded; alpha counts as
    any channel. It is rounded to 8 bits, halves to even, only to be stored. Down to 1/256 of the side float32 holds the sums
    exactly, so that a pixel is the mean of all the picture's pixels that it stands for, rounded once.

    Args:
        image: uint8, side × side × channels; the side is a power of two and at least `smallest`.
        smallest: The last side, a power of two.
    """
    level: NDArray[Any] = image
    while level.shape[0] > smallest:
        # Four 8-bit values add up in 16 bits, which spares a picture of four times its size.
        total = np.add(level[0::2, 0::2], level[0::2, 1::2], dtype=np.uint16 if level is image else np.float32)
        total += level[1::2, 0::2]
        total += level[1::2, 1::2]
        level = total * np.float32(0.25)
        yield np.rint(level).clip(0, 255).astype(np.uint8)


def sizes_differ(received: str) -> RunFailed:
    """Return the error of pictures that are each fit for a pyramid but not of one size."""
    return RunFailed(
        f"with `pyramid` all pictures must be of one size, which is then the largest resolution. Received: {received}",
        hint="Add `{type: resize, size: 256}`, with a power of two, to the transforms of the preparation.",
    )
