"""A network as a compiled function of NumPy arrays, on the Keras backend in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from gantk.errors import RunFailed, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

NetworkFunction = Callable[["NDArray[np.float32]"], "NDArray[np.float32]"]


class OutOfMemory(RunFailed):
    """The device has no room for a batch of this shape; a smaller batch or picture may still fit."""


def compile_network(network: keras.Model) -> NetworkFunction:
    """Return `images -> images`, float32, batch × height × width × channels, in inference mode.

    On TensorFlow one graph serves every shape. On JAX each new shape is compiled once (`compiles_per_shape`).
    The weights are read at each call, so the function follows a network that changes.

    Raises:
        UsageError: Keras runs on another backend than TensorFlow or JAX.
    """
    if keras.backend.backend() == "tensorflow":
        function = _on_tensorflow(network)
    elif keras.backend.backend() == "jax":
        function = _on_jax(network)
    else:
        raise UsageError(
            f"The Keras backend must be tensorflow or jax. Received: {keras.backend.backend()!r}",
            hint="Set KERAS_BACKEND, or leave it out.",
        )

    def call(images: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            return function(images)
        except Exception as error:
            if _is_out_of_memory(error):
                raise OutOfMemory(
                    f"There is not enough memory for the network on a batch of shape {images.shape}.",
                    hint="Translate smaller batches or pictures.",
                ) from error
            raise

    return call


def compiles_per_shape() -> bool:
    """Whether a new shape costs a compilation on the backend in use."""
    return bool(keras.backend.backend() == "jax")


def _on_tensorflow(network: keras.Model) -> NetworkFunction:
    import tensorflow as tf

    channels = network.input_shape[-1]

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, channels), tf.float32)])
    def forward(images: Any) -> Any:
        return tf.cast(network(images, training=False), tf.float32)

    def call(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(forward(tf.constant(images, tf.float32)).numpy())

    return call


def _on_jax(network: keras.Model) -> NetworkFunction:
    import jax
    import jax.numpy as jnp

    @jax.jit
    def forward(trainable: Any, non_trainable: Any, images: Any) -> Any:
        outputs, _ = network.stateless_call(trainable, non_trainable, images, training=False)
        return outputs.astype(jnp.float32)

    def call(images: NDArray[np.float32]) -> NDArray[np.float32]:
        trainable = [variable.value for variable in network.trainable_variables]
        non_trainable = [variable.value for variable in network.non_trainable_variables]
        # A copy: the array that JAX gives is read-only.
        return np.array(forward(trainable, non_trainable, np.asarray(images, np.float32)))

    return call


def _is_out_of_memory(error: Exception) -> bool:
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
    )
