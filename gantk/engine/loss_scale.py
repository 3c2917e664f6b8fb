"""Dynamic loss scaling for float16.

Small gradients underflow in float16. The loss is multiplied by a large number before differentiation and
the gradients, already float32, are divided by it. If any gradient is not finite the update is left out
and the scale halved; after many good steps it is doubled.

Reference:
    Micikevicius 2018, Mixed precision training, section 3.2, https://arxiv.org/abs/1710.03740
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


class DynamicLossScale(keras.layers.Layer):
    """One scale for all the losses of a model.

    Args:
        initial: The first scale, a power of two.
        growth_steps: Steps without an overflow after which the scale is doubled.
    """

    def __init__(self, initial: float = 2.0**15, growth_steps: int = 2000) -> None:
        super().__init__(dtype="float32", trainable=False)
        self.growth_steps = growth_steps
        constant = keras.initializers.Constant(initial)
        self.scale = self.add_weight(shape=(), initializer=constant, dtype="float32", trainable=False, name="scale")
        self.good_steps = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="good_steps"
        )
        self.overflowed = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, name="overflowed"
        )
        self.built = True

    def all_finite(self, gradients: Sequence[Any]) -> Any:
        """Return whether every element of every gradient is finite, and remember it for `end_step`."""
        finite = ops.all(ops.stack([ops.all(ops.isfinite(gradient)) for gradient in gradients]))
        self.overflowed.assign(ops.maximum(self.overflowed.value, 1.0 - ops.cast(finite, "float32")))
        return finite

    def end_step(self) -> None:
        """Halve the scale after a step with an overflow, double it after `growth_steps` without one."""
        overflow = self.overflowed.value > 0.0
        scale = self.scale.value
        good = self.good_steps.value + 1
        grow = good >= self.growth_steps
        # Beyond 2^24 a float32 loss of ordinary size would itself overflow on the way to float16.
        grown = ops.minimum(ops.where(grow, scale * 2.0, scale), 2.0**24)
        self.scale.assign(ops.where(overflow, ops.maximum(scale * 0.5, 1.0), grown))
        self.good_steps.assign(ops.where(ops.logical_or(overflow, grow), ops.zeros_like(good), good))
        self.overflowed.assign(ops.zeros((), "float32"))
