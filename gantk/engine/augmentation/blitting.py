"""ADA's changes that move whole pixels: flip, quarter turns, shifts.

Reference:
    Karras 2020, appendix B, figure 20, "pixel blitting".
"""

from __future__ import annotations

from typing import Any

from keras import ops

from gantk.engine.augmentation.augmentation import pixels_at, whole_numbers

BLIT_NUMBERS = 7
"""Uniform numbers for each sample: three gates, the coin of the flip, the turn, the two shifts."""
SHIFT = 0.125
"""The largest shift, relative to the size."""


def flip_and_turn(images: Any, uniform: Any, probability: Any) -> Any:
    """Mirror left and right with chance ½, then turn by 0, 90, 180 or 270°, equally probable, counter-clockwise.

    Pictures that are not square are turned by 0 or 180° only, so that they keep their shape.

    Args:
        images: float32, batch × height × width × channels.
        uniform: float32 in [0, 1), `BLIT_NUMBERS` × batch.
        probability: How probable each of the two changes is, a float32 scalar.
    """
    flipped = ops.logical_and(uniform[0] < probability, uniform[1] >= 0.5)
    images = ops.where(_each(flipped), ops.flip(images, axis=2), images)
    square = images.shape[1] == images.shape[2]
    turns = whole_numbers(uniform[3], 4) if square else 2 * whole_numbers(uniform[3], 2)
    turns = ops.where(uniform[2] < probability, turns, 0)
    turned = images
    for quarters in (1, 2, 3) if square else (2,):
        turned = ops.where(_each(turns == quarters), _quarter_turns(images, quarters), turned)
    return turned


def whole_pixel_shifts(size: tuple[int, int], uniform: Any, probability: Any) -> tuple[Any, Any]:
    """Draw shifts of up to 1/8 of the size, in whole pixels.

    Args:
        size: Height and width.
        uniform: float32 in [0, 1), `BLIT_NUMBERS` × batch.
        probability: How probable a shift is.

    Returns:
        Pixels down and pixels right, int32, one a sample.
    """
    chosen = uniform[4] < probability
    down, right = (
        ops.where(chosen, ops.cast(ops.round((2.0 * uniform[row] - 1.0) * (SHIFT * length)), "int32"), 0)
        for row, length in zip((5, 6), size, strict=True)
    )
    return down, right


def shift(images: Any, down: Any, right: Any) -> Any:
    """Shift by whole pixels; what comes in is the picture mirrored at its outermost pixels.

    Args:
        images: float32, batch × height × width × channels.
        down: int32, one a sample, less than the height.
        right: int32, one a sample, less than the width.
    """
    height, width = images.shape[1:3]
    everywhere = ops.zeros((1, height, width), "int32")
    rows = ops.expand_dims(_mirrored(height, down), -1) + everywhere
    columns = ops.expand_dims(_mirrored(width, right), 1) + everywhere
    return pixels_at(images, rows, columns)


def _mirrored(size: int, pixels: Any) -> Any:
    """Return where each of `size` places takes its pixel from, batch × size."""
    places = ops.abs(ops.expand_dims(ops.arange(size, dtype="int32"), 0) - ops.expand_dims(pixels, -1))
    return ops.minimum(places, 2 * (size - 1) - places) if size > 1 else ops.zeros_like(places)


def _quarter_turns(images: Any, quarters: int) -> Any:
    if quarters == 2:
        return ops.flip(images, axis=(1, 2))
    return ops.flip(ops.transpose(images, (0, 2, 1, 3)), axis=1 if quarters == 1 else 2)


def _each(chosen: Any) -> Any:
    """Let one choice a sample stand for all its pixels."""
    return ops.reshape(chosen, (-1, 1, 1, 1))
