"""Instance noise: Gaussian noise on everything that a discriminator sees, less and less of it.

Real and generated images then overlap however different they are, so that the discriminator cannot be perfect and the
generator always has a gradient.

Reference:
    Sønderby 2017, section 3.2, https://arxiv.org/abs/1610.04490; Arjovsky and Bottou 2017, section 3,
    https://arxiv.org/abs/1701.04862.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gantk.engine.options import InstanceNoiseOptions


def noise_deviation(options: InstanceNoiseOptions, step: Any, *, steps_per_epoch: int) -> Any:
    """Return the standard deviation of the noise during a training step, a float32 scalar.

    deviation · max(0, 1 - step / decay), with `decay` in steps; without a decay the deviation itself.

    Args:
        options: What the pipeline says.
        step: The training step, counted from zero, an integer scalar.
        steps_per_epoch: Training steps of one epoch.
    """
    if not options.decay:
        return ops.full((), options.deviation, "float32")
    length = options.decay * (steps_per_epoch if options.unit == "epoch" else 1)
    return options.deviation * ops.maximum(1.0 - ops.cast(step, "float32") / length, 0.0)


def add_noise(images: Any, deviation: Any, random: keras.random.SeedGenerator) -> Any:
    """Add Gaussian noise, to every number its own.

    Args:
        images: Float, any static shape.
        deviation: Standard deviation of the noise, a scalar.
        random: Draws the noise.
    """
    return images + ops.cast(deviation * keras.random.normal(tuple(images.shape), seed=random), images.dtype)
