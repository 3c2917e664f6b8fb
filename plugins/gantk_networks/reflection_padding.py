"""Padding by reflection."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="gantk_networks")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width by mirroring the image at its border pixels, which are not repeated.

    Args:
        padding: Pixels on every side; height and width must be larger.

    Example:
        The row `1 2 3 4` padded by 2 is `3 2 1 2 3 4 3 2`.
    """

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def __init__(self, padding: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if padding < 0:
            raise ValueError(f"ReflectionPadding2D padding must be 0 or more. Received: {padding}")
        self.padding = padding

    def build(self, input_shape: Any) -> None:
        for size in input_shape[1:3]:
            if size is not None and size <= self.padding:
                raise ValueError(
                    f"Height and width must be larger than the reflected border of {self.padding} pixels. "
                    f"Received: {tuple(input_shape[1:3])}"
                )
        self.built = True

    def call(self, inputs: Any) -> Any:
        sides = (self.padding, self.padding)
        return ops.pad(inputs, ((0, 0), sides, sides, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        height, width = (None if size is None else size + 2 * self.padding for size in (height, width))
        return (batch, height, width, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding}
