"""Hinge loss (Lim 2017, https://arxiv.org/abs/1705.02894; Miyato 2018, https://arxiv.org/abs/1802.05957)."""

from __future__ import annotations

from typing import Any

from keras import ops

from gantk import Options


class HingeLoss:
    """Hinge on the discriminator's margins, linear for the generator.

    Reference:
        Miyato 2018, equations 16 and 17.
    """

    boundary = 0.0
    "The logit between generated and real."

    def __init__(self, options: Options) -> None:
        pass

    def discriminator_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        """Return mean(max(0, 1 - D(real))) + mean(max(0, 1 + D(fake))), a float32 scalar."""
        real_loss = ops.mean(ops.relu(1.0 - ops.cast(real_logits, "float32")))
        return real_loss + ops.mean(ops.relu(1.0 + ops.cast(fake_logits, "float32")))

    def generator_loss(self, fake_logits: Any, real_logits: Any | None = None) -> Any:
        """Return -mean(D(fake)), a float32 scalar."""
        return -ops.mean(ops.cast(fake_logits, "float32"))
