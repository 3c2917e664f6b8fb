"""Converting 8-bit images between grey, colour and alpha."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def with_channels(
    image: NDArray[np.uint8], channels: int | None, background: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return an image with the wanted number of channels.

    Args:
        image: uint8, height × width × 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
        channels: 1, 3 or 4. None keeps what the image has, grey with alpha becoming RGBA.
        background: RGB colour under transparent pixels where alpha is dropped.

    Returns:
        uint8, height × width × channels. Grey is ITU-R BT.601 luma, 0.299 R + 0.587 G + 0.114 B, rounded.
    """
    have = image.shape[2]
    wanted = channels or (4 if have == 2 else have)
    if have == wanted:
        return image
    colour, alpha = (image[:, :, : have - 1], image[:, :, have - 1 :]) if have in (2, 4) else (image, None)
    if wanted == 4:
        opaque = np.full((*image.shape[:2], 1), 255, np.uint8) if alpha is None else alpha
        return np.concatenate([np.broadcast_to(colour, (*image.shape[:2], 3)), opaque], axis=2)
    if alpha is not None:
        colour = _composited(np.broadcast_to(colour, (*image.shape[:2], 3)), alpha, background)
    if wanted == 1 and colour.shape[2] == 3:
        weighted = colour.astype(np.uint32) @ np.array([299, 587, 114], np.uint32)
        return ((weighted + 500) // 1000).astype(np.uint8)[:, :, None]
    return np.ascontiguousarray(np.broadcast_to(colour, (*image.shape[:2], wanted)))


def _composited(
    colour: NDArray[np.uint8], alpha: NDArray[np.uint8], background: tuple[int, int, int]
) -> NDArray[np.uint8]:
    opacity = alpha.astype(np.uint32)
    under = np.array(background, np.uint32) * (255 - opacity)
    return ((colour * opacity + under + 127) // 255).astype(np.uint8)
