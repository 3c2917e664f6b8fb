"""Layers with an equalized learning rate (Karras 2018, section 4.1, https://arxiv.org/abs/1710.10196).

Weights are drawn from N(0, 1) and multiplied at run time by c = gain / √(numbers that one output is made of), the constant
of He's initialization. Adam's steps do not depend on the scale of a gradient, so all weights then learn alike, whatever
their range. Biases begin at 0 and are not scaled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

Resampling = Literal["none", "enlarge", "halve"]

GAIN = math.sqrt(2.0)
"""He's gain, for layers that a rectifier follows."""


class _Equalized(keras.layers.Layer):
    """What the layers have in common: their gain, and a kernel that is scaled when it is used."""

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def __init__(self, gain: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gain = gain
        self.scale = 1.0

    def _add_weights(self, shape: Sequence[int], *, biases: int) -> None:
        self.scale = self.gain / math.sqrt(math.prod(shape[:-1]))
        # Not cast to 16 bits by the precision policy before it is scaled.
        self.kernel = self.add_weight(
            name="kernel", shape=tuple(shape), initializer=keras.initializers.RandomNormal(stddev=1.0), autocast=False
        )
        self.bias = self.add_weight(name="bias", shape=(biases,), initializer="zeros")

    def _scaled_kernel(self, inputs: Any) -> Any:
        return ops.cast(self.kernel.value * self.scale, inputs.dtype)


@keras.saving.register_keras_serializable(package="gantk_progan")
class EqualizedDense(_Equalized):
    """A dense layer, to numbers or to a grid of pixels.

    Args:
        units: Outputs, or channels of each pixel.
        grid: Height and width of the result; None for plain outputs. There is one bias a channel, as in the authors' code.
        gain: The gain.
    """

    def __init__(self, units: int, *, grid: Sequence[int] | None = None, gain: float = GAIN, **kwargs: Any) -> None:
        super().__init__(gain, **kwargs)
        self.units = units
        self.grid = None if grid is None else tuple(grid)

    def build(self, input_shape: Any) -> None:
        pixels = math.prod(self.grid or (1,))
        self._add_weights((int(input_shape[-1]), pixels * self.units), biases=self.units)
        self.built = True

    def call(self, inputs: Any) -> Any:
        outputs = ops.matmul(inputs, self._scaled_kernel(inputs))
        if self.grid is not None:
            outputs = ops.reshape(outputs, (-1, *self.grid, self.units))
        return outputs + ops.cast(self.bias, outputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], *(self.grid or ()), self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "grid": self.grid, "gain": self.gain}


@keras.saving.register_keras_serializable(package="gantk_progan")
class EqualizedConvolution2D(_Equalized):
    """A convolution with zeros around the image, which may change its size on the way.

    `enlarge` doubles height and width (nearest neighbour) before it; `halve` takes the mean of 2 × 2 pixels (box filter)
    behind it. Both are done as one convolution of stride 2 with a kernel of 4 × 4, which gives the same result with 4/9 of
    the multiplications: a pixel of the enlarged image stands beside its own copies, so that taps of the kernel add up; and
    a mean of four shifted convolutions is one with the mean of the shifted kernels.

    Args:
        filters: Output channels.
        size: Height and width of the kernel, odd.
        resampling: Whether the image is enlarged or halved; then with a kernel of 3 × 3.
        gain: The gain.

    Reference:
        Karras 2018, sections 3 and 4.1; `upscale2d_conv2d` and `conv2d_downscale2d` of the authors' code.
    """

    def __init__(
        self, filters: int, size: int, *, resampling: Resampling = "none", gain: float = GAIN, **kwargs: Any
    ) -> None:
        super().__init__(gain, **kwargs)
        if resampling != "none" and size != 3:
            raise ValueError(f"resampling {resampling!r} needs a kernel of size 3. Received: size={size}")
        self.filters = filters
        self.size = size
        self.resampling: Resampling = resampling

    def build(self, input_shape: Any) -> None:
        self._add_weights((self.size, self.size, int(input_shape[-1]), self.filters), biases=self.filters)
        self.built = True

    def call(self, inputs: Any) -> Any:
        kernel = self._scaled_kernel(inputs)
        if self.resampling == "enlarge":
            # A transposed convolution reads its kernel the other way round, and outputs before inputs.
            kernel = ops.transpose(_four_shifts(kernel[::-1, ::-1]), (0, 1, 3, 2))
            outputs = ops.conv_transpose(inputs, kernel, strides=2, padding="same", data_format="channels_last")
        elif self.resampling == "halve":
            kernel = 0.25 * _four_shifts(kernel)
            outputs = ops.conv(inputs, kernel, strides=2, padding="same", data_format="channels_last")
        else:
            outputs = ops.conv(inputs, kernel, padding="same", data_format="channels_last")
        return outputs + ops.cast(self.bias, outputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        count, height, width, _ = input_shape
        if self.resampling == "enlarge":
            height, width = (None if side is None else 2 * side for side in (height, width))
        elif self.resampling == "halve":
            height, width = (None if side is None else side // 2 for side in (height, width))
        return (count, height, width, self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "size": self.size, "resampling": self.resampling, "gain": self.gain}
        return {**super().get_config(), **own}


def _four_shifts(kernel: Any) -> Any:
    """Return the sum of a kernel of 3 × 3 in each corner of 4 × 4."""
    padded = ops.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    return padded[1:, 1:] + padded[:-1, 1:] + padded[1:, :-1] + padded[:-1, :-1]
