"""Whether samples may share a batch of a network without affecting each other."""

from __future__ import annotations

import keras


def samples_independent(network: keras.Model) -> bool:
    """Say whether each sample's result depends on that sample alone, in training mode too.

    Then several calls of the network may be joined into one with exactly the same result. The answer
    is yes only where it is certain: for a functional model of Keras' own layers without moving
    statistics, and of layers whose class says `samples_independent = True`.

    Args:
        network: A built network.
    """
    if getattr(type(network), "samples_independent", False):
        return True
    # A subclass may do anything in its call; a bare operation between the layers is not looked into.
    if not type(network).__module__.startswith("keras."):
        return False
    operations = network.layers if isinstance(network, keras.Sequential) else getattr(network, "operations", [])
    return bool(operations) and all(_independent(operation) for operation in operations)


def _independent(operation: object) -> bool:
    if isinstance(operation, keras.Model):
        return samples_independent(operation)
    if getattr(type(operation), "samples_independent", False):
        return True
    if not isinstance(operation, keras.Layer) or not type(operation).__module__.startswith("keras."):
        return False
    if isinstance(operation, keras.layers.Lambda | keras.layers.BatchNormalization):
        return False
    # What has a state of its own changes with the number of calls (Keras' SpectralNormalization).
    return not operation.non_trainable_weights
