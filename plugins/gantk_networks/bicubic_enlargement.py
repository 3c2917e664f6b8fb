"""Bicubic enlargement by a whole factor, as one fixed convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH = 2
"""Pixels of the input that a pixel of the result depends on to each side."""


def cubic_weights(factor: int) -> NDArray[np.float64]:
    """Return how much each of five neighbouring pixels counts for each pixel of the square that the middle one becomes.

    Pixel p of the square has its centre at (p + ½) / factor - ½ of the input's pixels from the middle one; a pixel at
    distance d from there counts, with a = -½,

        (a + 2) d³ - (a + 3) d² + 1 for d ≤ 1,  a d³ - 5 a d² + 8 a d - 4 a for 1 < d < 2,  else 0.

    Returns:
        factor × 5; each row sums to one.

    Reference:
        Keys 1981, equation 15, https://doi.org/10.1109/TASSP.1981.1163711; Pillow's and MATLAB's bicubic.
    """
    centre = (np.arange(factor) + 0.5) / factor - 0.5
    d = np.abs(centre[:, None] - np.arange(-REACH, REACH + 1))
    return np.where(d <= 1, 1.5 * d**3 - 2.5 * d**2 + 1, np.where(d < 2, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2, 0.0))


@keras.saving.register_keras_serializable(package="gantk_networks")
class BicubicEnlargement(keras.layers.Layer):
    """Enlarges as Pillow's bicubic does, without rounding; what lies outside the image is its edge.

    Pillow leaves out what lies outside instead, so the outermost two pixels of the input become slightly others.

    Args:
        factor: How many times higher and wider.
    """

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def __init__(self, factor: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: Any) -> None:
        weights, channels = cubic_weights(self.factor), input_shape[-1]
        # Rows and columns of the kernel, those of the square that a pixel becomes.
        squares = np.einsum("ia,jb->abij", weights, weights)
        kernel = np.einsum("abij,cd->abcijd", squares, np.eye(channels))
        self._kernel = kernel.reshape(2 * REACH + 1, 2 * REACH + 1, channels, self.factor**2 * channels)
        self.built = True

    def call(self, inputs: Any) -> Any:
        rows = [inputs[:, :1]] * REACH + [inputs] + [inputs[:, -1:]] * REACH
        x = ops.concatenate(rows, axis=1)
        x = ops.concatenate([x[:, :, :1]] * REACH + [x] + [x[:, :, -1:]] * REACH, axis=2)
        x = ops.conv(x, ops.convert_to_tensor(self._kernel, x.dtype), padding="valid", data_format="channels_last")
        return ops.depth_to_space(x, self.factor, data_format="channels_last")

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        sides = (None if side is None else side * self.factor for side in (height, width))
        return (batch, *sides, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}
