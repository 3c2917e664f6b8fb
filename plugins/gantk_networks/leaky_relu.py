"""The leaky rectifier (Maas 2013)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gantk import exporting


@keras.saving.register_keras_serializable(package="gantk_networks")
class LeakyReLU(keras.layers.Layer):
    """max(x, slope · x).

    TensorFlow 2.21 tries to fuse its own operation of this name into the convolution before it, fails since the
    gradient needs what lies between, prints an error at every training, and gives up all its other fusions.

    Args:
        slope: Factor of negative values, from 0 to 1.
    """

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def __init__(self, slope: float = 0.2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slope = slope

    def call(self, inputs: Any) -> Any:
        if exporting():
            return ops.leaky_relu(inputs, negative_slope=self.slope)
        # Not the maximum of the two: JAX differentiates that by asking which of them equals it, and XLA, which computes
        # the input anew for the backward pass, rounds it otherwise: gradients were wrong by half.
        return ops.where(inputs > 0, inputs, inputs * self.slope)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "slope": self.slope}
