"""Looking at a model between two steps without changing what the training goes on with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from gantk.engine.model import AdversarialModel
from gantk.engine.state import synchronise


@contextmanager
def undisturbed(model: AdversarialModel) -> Iterator[None]:
    """Use a model's networks; afterwards every random state and counter is as before.

    A network that draws random numbers when it is used (dropout at test time) moves a state that the training step
    draws from, too, and so would the random numbers of a metric. Batches of any size may be given to networks inside,
    also where the training is spread over several devices.
    """
    synchronise(model)
    states = [variable for variable in model.variables if "int" in variable.dtype]
    held = [keras.ops.convert_to_numpy(variable.value).copy() for variable in states]
    python, numpy = random.getstate(), np.random.get_state()
    distribution = keras.distribution.distribution()
    if distribution is not None:
        keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        if distribution is not None:
            keras.distribution.set_distribution(distribution)
        random.setstate(python)
        np.random.set_state(numpy)
        for variable, value in zip(states, held, strict=True):
            if not np.array_equal(keras.ops.convert_to_numpy(variable.value), value):
                variable.assign(value)
