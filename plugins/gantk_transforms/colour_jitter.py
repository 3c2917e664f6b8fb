"""Random changes of brightness, contrast, saturation and hue."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk_transforms.options import ColourJitterOptions
from gantk_transforms.pictures import require_image, to_array, to_picture

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in grey: ITU-R BT.601."""

_YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(_YIQ)


def colour_matrix(saturation: float, turn: float) -> NDArray[np.float64]:
    """Return the 3 × 3 matrix that scales saturation and then turns the hue; greys stay as they are.

    Args:
        saturation: Factor on the distance from the pixel's grey.
        turn: Rotation in the IQ plane of the NTSC colour space YIQ, in full turns.
    """
    angle = 2 * math.pi * turn
    rotation = np.array([[1, 0, 0], [0, math.cos(angle), -math.sin(angle)], [0, math.sin(angle), math.cos(angle)]])
    matrix: NDArray[np.float64] = _RGB @ rotation @ _YIQ
    return matrix @ (saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1)))


class ColourJitter:
    """Brightness, contrast, saturation, hue, in this order, without rounding in between.

    Each step is affine, so all four are one 3 × 3 matrix and an offset: one pass over the pixels and
    one rounding. Alpha stays as it is.
    """

    def __init__(self, options: ColourJitterOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the changed image, uint8, same shape; values are clipped to 0..255."""
        require_image(image, "colour_jitter")
        draw = 2 * random.random(4) - 1
        brightness = 1 + self.options.brightness * draw[0]
        contrast = 1 + self.options.contrast * draw[1]
        saturation = 1 + self.options.saturation * draw[2]
        turn = self.options.hue * draw[3]

        height, width, channels = image.shape
        # Sums down the columns first: long rows add several times faster than triples of channels.
        sums = image.reshape(height, -1).sum(axis=0, dtype=np.uint64).reshape(width, channels).sum(axis=0)
        means = sums / (height * width)
        mean_grey = means[0] if channels == 1 else float(LUMA @ means[:3])
        gain = brightness * contrast
        offset = brightness * (1 - contrast) * mean_grey

        if channels == 1:
            values = np.clip(np.floor(gain * np.arange(256) + offset + 0.5), 0, 255).astype(np.uint8)
            return np.take(values, image)
        matrix = np.column_stack([gain * colour_matrix(saturation, turn), np.full(3, offset)])
        colours = to_picture(image if channels == 3 else np.ascontiguousarray(image[..., :3]))
        changed = to_array(colours.convert("RGB", tuple(matrix.ravel().tolist())))
        return changed if channels == 3 else np.concatenate([changed, image[..., 3:]], axis=2)
