"""A 3×3 convolution of an image that is padded by reflection."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from gantk_networks import winograd

_FEWEST_CHANNELS = 32


@keras.saving.register_keras_serializable(package="gantk_networks")
class ReflectedConvolution2D(keras.layers.Layer):
    """Convolves by 3×3 kernels with stride 1; the image is padded by one reflected pixel and keeps its size.

    Args:
        filters: Output channels.
        use_bias: Add a learned number to each output channel.
        kernel_initializer: First values of the kernel, 3 × 3 × channels × filters; the bias starts at zero.
        algorithm: `direct`: the definition. `auto`: the same sums by Winograd's algorithm where that is faster, which
            is on a CPU, for images of known size in whole tiles of 4×4 pixels and at least 32 channels and filters;
            it computes in float32 also in bfloat16 precision (and takes less time than bfloat16 by definition).
    """

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def __init__(
        self,
        filters: int,
        *,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        algorithm: Literal["auto", "direct"] = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if algorithm not in ("auto", "direct"):
            raise ValueError(f"ReflectedConvolution2D algorithm must be 'auto' or 'direct'. Received: {algorithm!r}")
        self.filters = filters
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.algorithm = algorithm

    def build(self, input_shape: Any) -> None:
        if any(size is not None and size < 2 for size in input_shape[1:3]):
            raise ValueError(
                "Height and width must be larger than the reflected border of 1 pixel. "
                f"Received: {tuple(input_shape[1:3])}"
            )
        # Not cast to 16 bits by the precision policy: that is left to the algorithm.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(3, 3, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
            autocast=False,
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros") if self.use_bias else None
        self.built = True

    def call(self, inputs: Any) -> Any:
        if self._by_winograd(inputs):
            outputs = ops.cast(winograd.convolve_reflected(inputs, self.kernel), inputs.dtype)
        else:
            padded = ops.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
            outputs = ops.conv(padded, ops.cast(self.kernel, inputs.dtype), strides=1, padding="valid")
        return outputs if self.bias is None else outputs + self.bias

    def _by_winograd(self, images: Any) -> bool:
        return (
            self.algorithm == "auto"
            and min(images.shape[-1], self.filters) >= _FEWEST_CHANNELS
            and winograd.fits(images.shape)
            and keras.backend.standardize_dtype(images.dtype) in ("float32", "bfloat16")
            and _on_a_processor()
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "algorithm": self.algorithm,
        }


def _on_a_processor() -> bool:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return not any(tf.config.list_logical_devices(kind) for kind in ("GPU", "TPU"))
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() == "cpu"
    return False
