"""R1 and R2: no slope at real, or at generated, images (Mescheder 2018, https://arxiv.org/abs/1801.04406)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from keras import ops

from gantk.engine.penalties.options import R1Options, R2Options
from gantk.engine.penalties.slopes import squared_norms


class ZeroCentredPenalty:
    """weight/2 · E|∇D(x)|².

    Args:
        options: The weight.
        at: Of which images: `real` is R1, `fake` R2.

    Reference:
        Mescheder 2018, equations 9 and 10.
    """

    def __init__(self, options: R1Options | R2Options, *, at: Literal["real", "fake"]) -> None:
        self._weight = options.weight
        self._at = at

    def __call__(self, slope: Callable[[Any], Any], real: Any, fake: Any, real_logits: Any) -> Any:
        """Return the penalty, a float32 scalar."""
        return 0.5 * self._weight * ops.mean(squared_norms(slope(real if self._at == "real" else fake)))
