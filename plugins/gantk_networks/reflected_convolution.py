"""A convolution of an image that is padded by reflection, by the fastest algorithm for its shape."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from gantk import exporting
from gantk_networks import grouped_pixels, winograd

_FEWEST_CHANNELS_FOR_WINOGRAD = 32
_MOST_FILTERS_TO_GROUP = 4


@keras.saving.register_keras_serializable(package="gantk_networks")
class ReflectedConvolution2D(keras.layers.Layer):
    """Convolves with stride 1; the image is padded by reflected pixels and keeps its size.

    On a processor (not a GPU or TPU), in float32 and bfloat16 and for images of known size, `algorithm="auto"` chooses
    what is measured to be fastest there; the result is the same sum, rounded otherwise:

    - 3×3 kernels from and to at least 32 channels, images in whole tiles of 4×4 pixels: Winograd's algorithm, 2 to 3
      times faster. It computes in float32 also in bfloat16 precision, and is faster than bfloat16 even so.
    - Kernels to at most 4 channels, a width that is a multiple of 4: groups of four pixels, up to 3 times faster.

    Args:
        filters: Output channels.
        kernel_size: Height and width of the kernels, an odd number.
        use_bias: Add a learned number to each output channel.
        kernel_initializer: First values of the kernel, size × size × channels × filters; the bias starts at zero.
        algorithm: `auto`, as above, or `direct`: the definition.
    """

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        algorithm: Literal["auto", "direct"] = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"ReflectedConvolution2D kernel_size must be odd. Received: {kernel_size}")
        if algorithm not in ("auto", "direct"):
            raise ValueError(f"ReflectedConvolution2D algorithm must be 'auto' or 'direct'. Received: {algorithm!r}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.algorithm = algorithm

    def build(self, input_shape: Any) -> None:
        border = self.kernel_size // 2
        if any(size is not None and size <= border for size in input_shape[1:3]):
            raise ValueError(
                f"Height and width must be larger than the reflected border of {border} pixels. "
                f"Received: {tuple(input_shape[1:3])}"
            )
        # Not cast to 16 bits by the precision policy: that is left to the algorithm.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
            autocast=False,
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros") if self.use_bias else None
        self.built = True

    def call(self, inputs: Any) -> Any:
        algorithm = self._choose(inputs)
        if algorithm == "winograd":
            outputs = ops.cast(winograd.convolve_reflected(inputs, self.kernel), inputs.dtype)
        else:
            border = (self.kernel_size // 2, self.kernel_size // 2)
            padded = ops.pad(inputs, ((0, 0), border, border, (0, 0)), mode="reflect")
            kernel = ops.cast(self.kernel, inputs.dtype)
            if algorithm == "grouped":
                outputs = grouped_pixels.convolve_grouped(padded, kernel)
            else:
                outputs = ops.conv(padded, kernel, strides=1, padding="valid")
        return outputs if self.bias is None else outputs + self.bias

    def _choose(self, images: Any) -> Literal["winograd", "grouped", "direct"]:
        dtype = keras.backend.standardize_dtype(images.dtype)
        if exporting() or self.algorithm == "direct" or dtype not in ("float32", "bfloat16") or not _on_a_processor():
            return "direct"
        channels = min(images.shape[-1], self.filters)
        if self.kernel_size == 3 and channels >= _FEWEST_CHANNELS_FOR_WINOGRAD and winograd.fits(images.shape):
            return "winograd"
        if self.kernel_size > 1 and self.filters <= _MOST_FILTERS_TO_GROUP and grouped_pixels.fits(images.shape):
            return "grouped"
        return "direct"

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
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
