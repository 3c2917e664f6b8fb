"""A network as a TensorFlow function of plain operations, to be written for another runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gantk.engine.exporting import exporting_networks

if TYPE_CHECKING:
    import keras

_LONGEST = 500


def trace_network(
    network: keras.Model,
    *,
    inputs: Sequence[Mapping[str, Any]],
    output_name: str,
    arguments: Mapping[str, keras.Variable] | None = None,
) -> Any:
    """Return a `tf.function` of float32 arrays, in inference mode, in which `gantk.exporting()` is true.

    Args:
        network: The network.
        inputs: Name and shape of each argument (`gantk.artifacts.export.tensor_facts`).
        output_name: Key of its result.
        arguments: Weights, by any names, that the function takes as its last argument, a list, in place of reading them.
    """
    import keras
    import tensorflow as tf

    taken = [
        tf.TensorSpec(
            [side if isinstance(side, int) else None for side in facts["shape"]], tf.float32, name=facts["name"]
        )
        for facts in inputs
    ]

    def computed(*arrays: Any) -> Any:
        # Here and not around a first trace: what saves the function traces it anew.
        with exporting_networks():
            given = arrays[0] if len(arrays) == 1 else list(arrays)
            return {output_name: tf.cast(network(given, training=False), tf.float32)}

    if arguments is None:
        return tf.function(computed, input_signature=taken)
    weights_taken = [tf.TensorSpec(variable.shape, variable.dtype, name=name) for name, variable in arguments.items()]

    @tf.function(input_signature=[*taken, weights_taken])
    def forward(*arrays: Any) -> Any:
        *given, weights = arrays
        with keras.StatelessScope(state_mapping=list(zip(arguments.values(), weights, strict=True))):
            return computed(*given)

    return forward


def told(error: Exception) -> str:
    """Return a framework's error in one line; of a long one, which begins with a traceback, the last 500 characters."""
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= _LONGEST else f"…{line[-_LONGEST:]}"
