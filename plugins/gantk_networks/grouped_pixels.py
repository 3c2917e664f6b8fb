"""Convolution to a few channels, four neighbouring pixels at a time.

A processor computes 8 or 16 output channels at once, and an image has three: most of the work of the last convolution of
a generator is thrown away. Here the results of four neighbours in a row are the channels of one: the kernel, a
pixel wider for each neighbour, moves on by four pixels. Each result is the same sum as before; the added weights are zero.
"""

from __future__ import annotations

from typing import Any

from keras import ops

NEIGHBOURS = 4


def fits(shape: tuple[int | None, ...]) -> bool:
    """Say whether results of a shape can be computed so: static, with the width in whole groups."""
    return None not in shape and shape[2] % NEIGHBOURS == 0  # type: ignore[operator]


def convolve_grouped(images: Any, kernel: Any) -> Any:
    """Convolve without padding, stride 1.

    Args:
        images: batch × height × width × channels, static; the width of the results is a multiple of 4.
        kernel: Rows × columns × channels × filters, of the same dtype.

    Returns:
        batch × results' height × results' width × filters, of the same dtype.
    """
    rows, columns, channels, filters = kernel.shape
    last = NEIGHBOURS - 1
    shifted = [ops.pad(kernel, ((0, 0), (shift, last - shift), (0, 0), (0, 0))) for shift in range(NEIGHBOURS)]
    wide = ops.reshape(ops.stack(shifted, axis=3), (rows, columns + last, channels, NEIGHBOURS * filters))
    results = ops.conv(images, wide, strides=(1, NEIGHBOURS), padding="valid")
    batch, height, width = images.shape[:3]
    return ops.reshape(results, (batch, height - rows + 1, width - columns + 1, filters))
