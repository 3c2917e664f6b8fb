"""The sum over all positions of an image's features."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="gantk_networks")
class GlobalSumPooling2D(keras.layers.Layer):
    """Adds up features over height and width, as SNGAN's residual discriminator does before its last layer.

    The sum is taken in float32.

    Reference:
        Miyato 2018, https://arxiv.org/abs/1802.05957, tables 4 to 6.
    """

    samples_independent = True
    "No sample of a batch affects another."

    def call(self, inputs: Any) -> Any:
        """Turn batch × height × width × channels into batch × channels, of the same dtype."""
        return ops.cast(ops.sum(ops.cast(inputs, "float32"), axis=(1, 2)), inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], input_shape[-1])
