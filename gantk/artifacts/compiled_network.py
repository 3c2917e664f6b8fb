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
SynthesisFunction = Callable[..., "NDArray[np.float32]"]


class OutOfMemory(RunFailed):
    """The device has no room for a batch of this shape; a smaller batch or picture may still fit."""


def compile_network(network: keras.Model) -> NetworkFunction:
    """Return `images -> images`, float32, batch × height × width × channels, in inference mode.

    On TensorFlow one graph serves every shape. On JAX each new shape is compiled once (`compiles_per_shape`).
    The weights are read at each call, so the function follows a network that changes.

    Raises:
        UsageError: Keras runs on another backend than TensorFlow or JAX.
    """
    return _compiled(network, of_images=True, hint="Translate smaller batches or pictures.")


def compile_synthesis(network: keras.Model) -> SynthesisFunction:
    """Return `(latents[, labels]) -> images` of a network that makes images of latent vectors, in inference mode.

    Latents are float32, batch × size, labels float32, batch × classes. Each new number of them is compiled once. The
    weights are read at each call.

    Raises:
        UsageError: Keras runs on another backend than TensorFlow or JAX.
    """
    return _compiled(network, of_images=False, hint="A smaller batch size may fit.")


def _compiled(network: keras.Model, *, of_images: bool, hint: str) -> Callable[..., NDArray[np.float32]]:
    if keras.backend.backend() == "tensorflow":
        function = _on_tensorflow(network, of_images)
    elif keras.backend.backend() == "jax":
        function = _on_jax(network)
    else:
        raise UsageError(
            f"The Keras backend must be tensorflow or jax. Received: {keras.backend.backend()!r}",
            hint="Set KERAS_BACKEND, or leave it out.",
        )

    def call(*inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            return function(*inputs)
        except Exception as error:
            if _is_out_of_memory(error):
                raise OutOfMemory(
                    f"There is not enough memory for the network on a batch of shape {inputs[0].shape}.", hint=hint
                ) from error
            raise

    return call


def compiles_per_shape() -> bool:
    """Whether a new shape costs a compilation on the backend in use."""
    return bool(keras.backend.backend() == "jax")


def _on_tensorflow(network: keras.Model, of_images: bool) -> Callable[..., NDArray[np.float32]]:
    import tensorflow as tf

    def forward(*inputs: Any) -> Any:
        return tf.cast(network(_given(inputs), training=False), tf.float32)

    # One graph for images of every shape; vectors come in batches of one shape.
    signature = [tf.TensorSpec((None, None, None, network.input_shape[-1]), tf.float32)] if of_images else None
    compiled = tf.function(forward, input_signature=signature)

    def call(*inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(compiled(*(tf.constant(array, tf.float32) for array in inputs)).numpy())

    return call


def _on_jax(network: keras.Model) -> Callable[..., NDArray[np.float32]]:
    import jax
    import jax.numpy as jnp

    @jax.jit
    def forward(trainable: Any, non_trainable: Any, *inputs: Any) -> Any:
        outputs, _ = network.stateless_call(trainable, non_trainable, _given(inputs), training=False)
        return outputs.astype(jnp.float32)

    def call(*inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        trainable = [variable.value for variable in network.trainable_variables]
        non_trainable = [variable.value for variable in network.non_trainable_variables]
        # A copy: the array that JAX gives is read-only.
        return np.array(forward(trainable, non_trainable, *(np.asarray(array, np.float32) for array in inputs)))

    return call


def _given(inputs: tuple[Any, ...]) -> Any:
    """Return arguments as Keras takes them: one by itself, several as a list."""
    return inputs[0] if len(inputs) == 1 else list(inputs)


def _is_out_of_memory(error: Exception) -> bool:
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
    )
