"""Charbonnier loss (Charbonnier 1994; Lai 2017, https://arxiv.org/abs/1704.03915)."""

from __future__ import annotations

from typing import Any

from keras import ops

from gantk_losses.options import CharbonnierOptions


class CharbonnierLoss:
    """Mean over all elements of √((target - prediction)² + ε²), in float32: the absolute difference, smooth at zero.

    Args:
        options: ε.

    Reference:
        Lai 2017, equation 3.
    """

    def __init__(self, options: CharbonnierOptions) -> None:
        self._options = options

    def __call__(self, target: Any, prediction: Any) -> Any:
        """Return the loss of two tensors of one shape and any float dtype, a float32 scalar."""
        difference = ops.cast(target, "float32") - ops.cast(prediction, "float32")
        return ops.mean(ops.sqrt(ops.square(difference) + self._options.epsilon**2))
