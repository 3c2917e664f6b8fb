"""A dense layer with spectral normalization (Miyato 2018, https://arxiv.org/abs/1802.05957)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gantk_networks.spectral_norm import normalized


@keras.saving.register_keras_serializable(package="gantk_networks")
class SpectralDense(keras.layers.Layer):
    """A dense layer whose kernel is divided by its largest singular value; see `SpectralConvolution2D`.

    Args:
        units: Outputs.
        use_bias: Add a learned number to each output.
        kernel_initializer: First values of the kernel, inputs × units; the bias starts at zero.
    """

    samples_independent = True
    """As of `SpectralConvolution2D`."""

    def __init__(
        self, units: int, *, use_bias: bool = True, kernel_initializer: Any = "glorot_uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        # Not cast to 16 bits by the precision policy, since σ is a sum over the whole kernel.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
            autocast=False,
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros") if self.use_bias else None
        # The kernel is random, so any fixed vector is as good a start as a random one.
        self.left_vector = self.add_weight(
            name="left_vector",
            shape=(self.units,),
            initializer=keras.initializers.Constant(self.units**-0.5),
            trainable=False,
            autocast=False,
        )
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        kernel = ops.cast(normalized(self.kernel.value, self.left_vector, training=training), inputs.dtype)
        outputs = ops.matmul(inputs, kernel)
        return outputs if self.bias is None else outputs + ops.cast(self.bias, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
