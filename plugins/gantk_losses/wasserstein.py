"""Wasserstein loss (Arjovsky 2017, https://arxiv.org/abs/1701.07875)."""

from __future__ import annotations

from typing import Any

from keras import ops

from gantk import Options


class WassersteinLoss:
    """Difference of the critic's means over generated and real samples.

    It estimates a distance only while the critic is held Lipschitz, which is the model's to do.

    Reference:
        Arjovsky 2017, equation 2 and algorithm 1.
    """

    def __init__(self, options: Options) -> None:
        pass

    def discriminator_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        """Return mean(D(fake)) - mean(D(real)), a float32 scalar."""
        return ops.mean(ops.cast(fake_logits, "float32")) - ops.mean(ops.cast(real_logits, "float32"))

    def generator_loss(self, fake_logits: Any, real_logits: Any | None = None) -> Any:
        """Return -mean(D(fake)), a float32 scalar."""
        return -ops.mean(ops.cast(fake_logits, "float32"))
