"""A network as a TensorFlow function of plain operations, to be written for another runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gantk.engine.exporting import exporting_networks

if TYPE_CHECKING:
    import keras

_LONGEST = 500


def trace_network(
    network: keras.Model,
    size: tuple[int, int] | None,
    *,
    input_name: str,
    output_name: str,
    arguments: Mapping[str, keras.Variable] | None = None,
) -> Any:
    """Return a `tf.function` of float32 images, in inference mode, in which `gantk.exporting()` is true.

    Args:
        network: The network.
        size: Height and width; None for any.
        input_name: Name of its argument.
        output_name: Key of its result.
        arguments: Weights, by any names, that the function takes as its second argument, a list, in place of reading
            them.
    """
    import keras
    import tensorflow as tf

    height, width = size or (None, None)
    images_taken = tf.TensorSpec((None, height, width, network.input_shape[-1]), tf.float32, name=input_name)

    def translated(images: Any) -> Any:
        # Here and not around a first trace: what saves the function traces it anew.
        with exporting_networks():
            return {output_name: tf.cast(network(images, training=False), tf.float32)}

    if arguments is None:
        return tf.function(translated, input_signature=[images_taken])
    weights_taken = [tf.TensorSpec(variable.shape, variable.dtype, name=name) for name, variable in arguments.items()]

    @tf.function(input_signature=[images_taken, weights_taken])
    def forward(images: Any, weights: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(arguments.values(), weights, strict=True))):
            return translated(images)

    return forward


def told(error: Exception) -> str:
    """Return a framework's error in one line; of a long one, which begins with a traceback, the last 500 characters."""
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= _LONGEST else f"…{line[-_LONGEST:]}"
