"""Spectral normalization of a convolution (Miyato 2018, https://arxiv.org/abs/1802.05957)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gantk_networks.spectral_norm import normalized


@keras.saving.register_keras_serializable(package="gantk_networks")
class SpectralConvolution2D(keras.layers.Layer):
    """Convolves, without padding, with a kernel that is divided by its largest singular value.

    Every call in training mode takes one step of the power iteration and keeps it (`gantk_networks.spectral_norm`). The
    kernel itself stays as it is.

    Keras' own wrapper instead overwrites the kernel by the quotient at every call in training mode, so that on
    TensorFlow nothing is differentiated through σ, on JAX the new kernel is lost where the loss is differentiated by
    it, and a second call in a step sees other weights than the first.

    Args:
        filters: Output channels.
        kernel_size: Height and width of the kernel.
        strides: Step along height and width.
        use_bias: Add a learned number to each output channel.
        kernel_initializer: First values of the kernel, size × size × channels × filters; the bias starts at zero.

    Reference:
        Miyato 2018, section 2.1, equation 12, and appendix A, algorithm 1, with one iteration.
    """

    samples_independent = True
    """No sample of a batch affects another, so a model may put the samples of several calls into one. They then take one
    step of the power iteration together, and meet the same weights."""

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        strides: int = 1,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        # Not cast to 16 bits by the precision policy, since σ is a sum over the whole kernel.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
            autocast=False,
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros") if self.use_bias else None
        # The kernel is random, so any fixed vector is as good a start as a random one.
        self.left_vector = self.add_weight(
            name="left_vector",
            shape=(self.filters,),
            initializer=keras.initializers.Constant(self.filters**-0.5),
            trainable=False,
            autocast=False,
        )
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        kernel = ops.cast(normalized(self.kernel.value, self.left_vector, training=training), inputs.dtype)
        outputs = ops.conv(inputs, kernel, strides=self.strides, padding="valid", data_format="channels_last")
        return outputs if self.bias is None else outputs + ops.cast(self.bias, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        rows, columns = (
            None if size is None else (size - self.kernel_size) // self.strides + 1 for size in input_shape[1:3]
        )
        return (input_shape[0], rows, columns, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
