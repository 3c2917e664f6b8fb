"""Sub-pixel enlargement: channels become squares of pixels (Shi 2016, https://arxiv.org/abs/1609.05158)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from numpy.typing import NDArray


@keras.saving.register_keras_serializable(package="gantk_networks")
class PixelShuffle(keras.layers.Layer):
    """Makes a square of factor × factor pixels out of each pixel.

    The channels are in the order of TensorFlow's `depth_to_space`: with f the factor and C the channels of the result,

        result[f·y + i, f·x + j, c] = input[y, x, (i·f + j)·C + c].

    PyTorch's `PixelShuffle` reads channel c·f² + i·f + j instead: `from_pytorch_order` says how the output channels of
    a convolution trained before that one are to be reordered.

    Args:
        factor: Height and width of the square.

    Reference:
        Shi 2016, equation 4, with the channels laid out as said.
    """

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def __init__(self, factor: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: Any) -> None:
        if input_shape[-1] % self.factor**2:
            raise ValueError(
                f"PixelShuffle({self.factor}) needs channels that are a multiple of {self.factor**2}. "
                f"Received: {input_shape[-1]}"
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.depth_to_space(inputs, self.factor, data_format="channels_last")

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        sides = (None if side is None else side * self.factor for side in (height, width))
        return (batch, *sides, channels // self.factor**2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


def from_pytorch_order(channels: int, factor: int) -> NDArray[np.intp]:
    """Return which channel PyTorch's `PixelShuffle` reads where this one reads channels 0, 1, 2, ….

    The kernel of the convolution before it, rows × columns × inputs × outputs, becomes `kernel[..., order]`, and its
    bias `bias[order]`.

    Args:
        channels: Channels of the result of the shuffle.
        factor: Its factor.
    """
    return np.arange(channels * factor**2).reshape(channels, factor, factor).transpose(1, 2, 0).ravel()
