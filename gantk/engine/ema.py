"""Exponential moving averages of whole networks.

Reference:
    Karras 2018, section 4 and appendix A: images are drawn with the averaged generator, decay 0.999.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

# Keras does not export what it finds out about TensorFlow.
from keras.src.utils.module_utils import tensorflow as keras_tensorflow

from gantk.errors import RunFailed


def copy_network(network: keras.Model) -> keras.Model:
    """Return a network of the same configuration and weights that shares no variable with this one.

    Raises:
        RunFailed: The network cannot be rebuilt from its configuration.
    """
    try:
        with _without_importing_tensorflow():
            copy = keras.models.clone_model(network)
        if not copy.built:
            copy.build(network.input_shape)
        copy.set_weights(network.get_weights())
    except (TypeError, ValueError, NotImplementedError, AttributeError) as error:
        raise RunFailed(
            f"The moving average of {network.name!r} needs a copy of the network, and Keras could not make one: {error}\n"
            f"Received: {type(network).__name__}",
            hint="Build the network as a functional keras.Model, or give its classes get_config; or leave out `ema`.",
        ) from error
    copy.trainable = False
    return copy


@contextmanager
def _without_importing_tensorflow() -> Iterator[None]:
    """Let Keras take it that TensorFlow is not there, unless it is in use.

    Whatever Keras serializes, a layer's arithmetic too, it asks whether it is a shape of TensorFlow, and imports
    TensorFlow for that wherever it is installed: seconds, and hundreds of megabytes in a process of JAX.
    """
    asked = vars(keras_tensorflow)
    unknown = "_available" in asked and asked["_available"] is None
    if not unknown or keras.backend.backend() == "tensorflow":
        yield
        return
    keras_tensorflow._available = False
    try:
        yield
    finally:
        keras_tensorflow._available = None


def update_average(average: keras.Model, network: keras.Model, rate: Any) -> None:
    """Move the trained weights of `average` towards `network` by `rate` and copy the others.

    Weights that are not trained (BatchNorm's moving statistics) are averages already.

    Args:
        average: A copy of `network`.
        network: The network in training.
        rate: 1 - decay; a float or a scalar tensor, 0 leaves the trained weights as they are.
    """
    for averaged, weight in zip(average.weights, network.weights, strict=True):
        if weight.trainable and "float" in weight.dtype:
            averaged.assign_add(ops.cast(rate, weight.dtype) * (weight - averaged))
        else:
            # `+ 0`: on JAX two variables must never hold the same buffer, since buffers are donated.
            averaged.assign(weight + ops.zeros((), weight.dtype))
