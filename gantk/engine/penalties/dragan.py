"""The penalty of DRAGAN (Kodali 2017, https://arxiv.org/abs/1705.07215)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from gantk.engine.penalties.options import DraganOptions
from gantk.engine.penalties.slopes import each_sample, norms


class DraganPenalty:
    """weight · E(|∇D(x + δ)| - target)², x real and δ small.

    Args:
        options: Weight, target, and how large δ is.
        random: Draws δ.

    Reference:
        Kodali 2017, section 2.3; δ as in the authors' code.
    """

    def __init__(self, options: DraganOptions, random: keras.random.SeedGenerator) -> None:
        self._options = options
        self._random = random

    def __call__(self, slope: Callable[[Any], Any], real: Any, fake: Any, real_logits: Any) -> Any:
        """Return the penalty, a float32 scalar."""
        share = keras.random.uniform(each_sample(real), seed=self._random)
        noise = keras.random.uniform(tuple(real.shape), seed=self._random)
        around = real + share * (self._options.deviation * ops.std(real)) * noise
        return self._options.weight * ops.mean(ops.square(norms(slope(around)) - self._options.target))
