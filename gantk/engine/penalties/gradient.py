"""The gradient penalty of WGAN-GP (Gulrajani 2017, https://arxiv.org/abs/1704.00028)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from gantk.engine.penalties.options import GradientPenaltyOptions
from gantk.engine.penalties.slopes import each_sample, norms
from gantk.errors import ConfigError


class GradientPenalty:
    """weight · E(|∇D(x)| - target)² / target² + drift · E D(real)², x on lines between real and generated images.

    Args:
        options: Weight, target, sides and drift.
        random: Draws the places on the lines.

    Reference:
        Gulrajani 2017, equation 3 and algorithm 1; target and drift: Karras 2018, appendix D and A.1.
    """

    def __init__(self, options: GradientPenaltyOptions, random: keras.random.SeedGenerator) -> None:
        self._options = options
        self._random = random

    def __call__(self, slope: Callable[[Any], Any], real: Any, fake: Any, real_logits: Any) -> Any:
        """Return the penalty, a float32 scalar.

        Raises:
            ConfigError: Real and generated images differ in shape, so that there is nothing between them.
        """
        if tuple(real.shape) != tuple(fake.shape):
            raise ConfigError(
                "The gradient penalty needs real and generated images of one shape, to go from one to the other.\n"
                f"Received: {tuple(real.shape)} and {tuple(fake.shape)}",
                hint="Resize the images of both domains alike, or use the penalty `r1`.",
            )
        share = keras.random.uniform(each_sample(real), seed=self._random)
        excess = norms(slope(share * real + (1.0 - share) * fake)) / self._options.target - 1.0
        if self._options.sided == "one":
            excess = ops.relu(excess)
        penalty = self._options.weight * ops.mean(ops.square(excess))
        if self._options.drift:
            penalty = penalty + self._options.drift * ops.mean(ops.square(ops.cast(real_logits, "float32")))
        return penalty
