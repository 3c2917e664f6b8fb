"""Convolution by a 3×3 kernel with a quarter of the multiplications (Winograd; Lavin 2016, https://arxiv.org/abs/1509.09308).

A tile of 4×4 results depends on a patch of 6×6 pixels. Each patch and each kernel are transformed to 36 numbers by
channel; there the convolution is a product of 36 pairs of matrices, channels × channels; and 36 results are
transformed back to a tile: 36 multiplications where the definition takes 144. It is the same sum in exact
arithmetic. In float32 its rounding error depends on the points at which polynomials are interpolated: with
0, ±√½, ±√2 and infinity it is twice that of the definition's sum (with Lavin's 0, ±1, ±2: four times).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

TILE = 4
"""Height and width of the results computed together."""

PATCH = TILE + 2

_POINTS = (0.0, 0.5**0.5, -(0.5**0.5), 2.0**0.5, -(2.0**0.5))


def transforms() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the matrices of the one-dimensional convolution of 6 values d by 3 weights g.

    Returns:
        `(data, weights, result)`, of 6×6, 6×3 and 4×6, such that `result @ ((weights @ g) * (data @ d))` are the 4 sums
        d[i] g[0] + d[i+1] g[1] + d[i+2] g[2].

    Reference:
        Toom-Cook, as in Lavin 2016, section 4.1, and Barabasz 2020, section 3.
    """
    points = np.array(_POINTS)
    differences = [np.prod([point - other for other in points if other != point]) for point in points]
    result = np.zeros((TILE, PATCH))
    weights = np.zeros((PATCH, 3))
    result[:, :-1] = points ** np.arange(TILE)[:, None]
    weights[:-1] = points[:, None] ** np.arange(3) / np.array(differences)[:, None]
    result[-1, -1] = weights[-1, -1] = 1.0
    # The third follows from the other two: the sums hold for every d and g.
    products = np.einsum("ot,tk->okt", result, weights).reshape(-1, PATCH)
    wanted = np.zeros((TILE, 3, PATCH))
    for output in range(TILE):
        for tap in range(3):
            wanted[output, tap, output + tap] = 1.0
    data = np.linalg.lstsq(products, wanted.reshape(-1, PATCH), rcond=None)[0]
    return data, weights, result


def fits(shape: tuple[int | None, ...]) -> bool:
    """Say whether images of a shape can be convolved by tiles: static, with height and width in whole tiles."""
    return None not in shape and shape[1] % TILE == 0 and shape[2] % TILE == 0  # type: ignore[operator]


def convolve_reflected(images: Any, kernel: Any) -> Any:
    """Convolve images that are padded by one reflected pixel.

    Args:
        images: batch × height × width × channels, of a shape that `fits`; any float dtype.
        kernel: 3 × 3 × channels × filters.

    Returns:
        float32, batch × height × width × filters.
    """
    batch, height, width, channels = images.shape
    filters = kernel.shape[-1]
    rows, columns = height // TILE, width // TILE
    tiles = batch * rows * columns
    data, weights, result = (np.kron(matrix, matrix).astype("float32") for matrix in transforms())

    patches = ops.reshape(ops.cast(_patches(images), "float32"), (PATCH * PATCH, tiles * channels))
    patches = ops.reshape(ops.matmul(data, patches), (PATCH * PATCH, tiles, channels))
    kernel = ops.reshape(ops.cast(kernel, "float32"), (9, channels * filters))
    kernel = ops.reshape(ops.matmul(weights, kernel), (PATCH * PATCH, channels, filters))
    products = ops.reshape(ops.matmul(patches, kernel), (PATCH * PATCH, tiles * filters))
    results = ops.reshape(ops.matmul(result, products), (TILE, TILE, batch, rows, columns, filters))
    return ops.reshape(ops.transpose(results, (2, 3, 0, 4, 1, 5)), (batch, height, width, filters))


def _patches(images: Any) -> Any:
    """Return 6 × 6 × batch × rows × columns × channels: pixel (i, j) of every tile's patch."""
    batch, height, width, channels = images.shape
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # One copy of whole pixels, which is several times faster there than slicing and padding.
        pixels = np.arange(batch * height * width, dtype="int32").reshape(batch, height, width)
        pixels = np.pad(pixels, ((0, 0), (1, 1), (1, 1)), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (PATCH, PATCH), axis=(1, 2))[:, ::TILE, ::TILE]
        chosen = np.ascontiguousarray(windows.transpose(3, 4, 0, 1, 2))
        return tf.gather(tf.reshape(images, (batch * height * width, channels)), chosen)
    padded = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    by_row = ops.stack([padded[:, row : row + height - TILE + 1 : TILE] for row in range(PATCH)])
    by_column = [by_row[:, :, :, column : column + width - TILE + 1 : TILE] for column in range(PATCH)]
    return ops.stack(by_column, axis=1)
