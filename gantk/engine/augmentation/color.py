"""ADA's changes of colour: brightness, contrast, luma flip, hue, saturation.

Reference:
    Karras 2020, appendix B, figure 20, "color transformations".
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

COLOR_NUMBERS = 7
"""Uniform numbers for each sample: five gates, the coin of the luma flip, the angle of the hue."""
COLOR_NORMALS = 3
"""Normal numbers for each sample: brightness, contrast, saturation."""
BRIGHTNESS_DEVIATION = 0.2
CONTRAST_DEVIATION = 0.5
SATURATION_DEVIATION = 1.0


def change_colors(images: Any, uniform: Any, normal: Any, probability: Any) -> Any:
    """Change the colours of each sample, in the paper's order.

    With luma the mean of a pixel's channels (its projection on the gray axis v = (1, 1, 1) / √3): brightness
    x + b, b normal with deviation 0.2; contrast c x, log₂ c normal with deviation 0.5; luma flip x - 2 luma with
    chance ½; hue a turn about v by any angle; saturation luma + s (x - luma), log₂ s normal with deviation 1.
    Hue needs three channels and is left out where there are others.

    Args:
        images: float32, batch × height × width × channels.
        uniform: float32 in [0, 1), `COLOR_NUMBERS` × batch.
        normal: float32, `COLOR_NORMALS` × batch.
        probability: How probable each of the five changes is, a float32 scalar.
    """
    gates = uniform[:5] < probability
    brightness = ops.where(gates[0], normal[0] * BRIGHTNESS_DEVIATION, 0.0)
    contrast = ops.where(gates[1], ops.power(2.0, normal[1] * CONTRAST_DEVIATION), 1.0)
    flipped = ops.where(ops.logical_and(gates[2], uniform[5] >= 0.5), 1.0, 0.0)
    angle = ops.where(gates[3], (2.0 * uniform[6] - 1.0) * math.pi, 0.0)
    saturation = ops.where(gates[4], ops.power(2.0, normal[2] * SATURATION_DEVIATION), 1.0)
    images = (images + _each(brightness)) * _each(contrast)
    images = images - 2.0 * _each(flipped) * ops.mean(images, axis=-1, keepdims=True)
    if images.shape[-1] == 3:
        # Whole samples are chosen, since rounding would change the pixels of the others.
        images = ops.where(_each(gates[3]), turn_hue(images, angle), images)
    luma = ops.mean(images, axis=-1, keepdims=True)
    return ops.where(_each(gates[4]), luma + _each(saturation) * (images - luma), images)


def turn_hue(images: Any, angle: Any) -> Any:
    """Turn colours about the gray axis; luma and the distance from gray stay.

    Args:
        images: float32, batch × height × width × 3.
        angle: Radians, one a sample; 2π/3 takes red to green, green to blue, blue to red.
    """
    # Rodrigues' formula, x cos φ + (v × x) sin φ + v (v · x)(1 - cos φ), where v (v · x) is luma in each channel.
    luma = ops.mean(images, axis=-1, keepdims=True)
    red, green, blue = images[..., 0:1], images[..., 1:2], images[..., 2:3]
    across = ops.concatenate([blue - green, red - blue, green - red], axis=-1) / math.sqrt(3.0)
    return luma + _each(ops.cos(angle)) * (images - luma) + _each(ops.sin(angle)) * across


def _each(values: Any) -> Any:
    """Let one value a sample stand for all its pixels."""
    return ops.reshape(values, (-1, 1, 1, 1))
