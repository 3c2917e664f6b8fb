"""From a component of a pipeline to a model ready to train."""

from __future__ import annotations

import random

import keras
import numpy as np

from gantk.config.components import Component
from gantk.engine.distribution import use_devices
from gantk.engine.model import AdversarialModel
from gantk.engine.model_context import ModelContext
from gantk.engine.precision import precision_scope
from gantk.errors import PluginError
from gantk.specs import GrowingModelOptions


def set_seeds(seed: int) -> None:
    """Make everything random that is built from now on depend on this seed."""
    if keras.backend.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
    else:
        # Keras' own function would import TensorFlow wherever it is installed, which takes seconds. It draws the
        # seeds of layers and initializers from Python's generator.
        random.seed(seed)
        np.random.seed(seed)


def build_model(model: Component, context: ModelContext) -> AdversarialModel:
    """Build a model with the seed, the arithmetic and the devices of its context, and compile it for `fit`.

    The same component and context give the same weights, in any process on one backend.

    Args:
        model: A component of kind `model`.
        context: The data's shapes, the training options and the seed.

    Raises:
        PluginError: The plugin's factory cannot be imported or returns something else.
        RunFailed: The devices asked for are not there.
    """
    use_devices(context.training, _batch_sizes(model, context))
    set_seeds(context.seed)
    with precision_scope(context.training.precision):
        built = model.create(context)
    if not isinstance(built, AdversarialModel):
        raise PluginError(
            f"The factory {model.spec.factory} of the model {model.name!r} must return an AdversarialModel.\n"
            f"Received: {type(built).__name__}"
        )
    built.check_game_options()
    built.compile()
    return built


def _batch_sizes(model: Component, context: ModelContext) -> list[int]:
    """Return the sizes of batches that a model in phases takes; none of another."""
    if not isinstance(model.options, GrowingModelOptions):
        return []
    height = next(shape[0] for shape in context.shapes.values() if len(shape) == 3)
    return [phase.batch_size for phase in model.options.phases(height)]
