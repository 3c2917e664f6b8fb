"""Pictures that hold both sides of an aligned pair: `A|B`, as the pix2pix data sets come."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gantk import decode_image

MOST_PIXELS = 178_000_000
"""Larger pictures are refused before they are decoded."""


def split_in_the_middle(data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Decode a picture file strictly and cut it into its left and right half.

    Args:
        data: An encoded picture; its EXIF orientation is applied before the cut.

    Returns:
        Left and right half, uint8, height × width/2 × 1, 3 or 4.

    Raises:
        ValueError: The file is no picture, damaged, cut short or too large, or its width is odd.
    """
    pixels = decode_image(data, max_pixels=MOST_PIXELS)
    height, width, channels = pixels.shape
    if width % 2:
        raise ValueError(f"a side-by-side picture has an even width. Received: {width} x {height} pixels")
    if channels == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    return pixels[:, : width // 2].copy(), pixels[:, width // 2 :].copy()
