"""The original GAN's loss (Goodfellow 2014, https://arxiv.org/abs/1406.2661)."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from gantk_losses.options import VanillaOptions


class VanillaLoss:
    """Binary cross-entropy on logits, with the non-saturating loss for the generator.

    -log σ(x) is computed as softplus(-x), which neither overflows nor loses its gradient for logits
    of any size.

    Args:
        options: The target probability of real samples.

    Reference:
        Goodfellow 2014, equation 1 and the remark below it.
    """

    def __init__(self, options: VanillaOptions) -> None:
        self._options = options
        self._real_label = options.real_label

    def discriminator_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        """Return mean(-t·log σ(D(real)) - (1-t)·log(1 - σ(D(real)))) + mean(-log(1 - σ(D(fake)))), a float32 scalar."""
        real_logits = ops.cast(real_logits, "float32")
        real_loss = self._real_label * ops.mean(ops.softplus(-real_logits))
        if self._real_label < 1:
            real_loss = real_loss + (1 - self._real_label) * ops.mean(ops.softplus(real_logits))
        return real_loss + ops.mean(ops.softplus(ops.cast(fake_logits, "float32")))

    @property
    def boundary(self) -> float:
        """The logit of an ideal discriminator where real and generated samples are equally probable: σ is half t."""
        return math.log(self._real_label / (2 - self._real_label))

    def smoothed(self, label_smoothing: float) -> VanillaLoss:
        """Return the loss with the target probability of real samples lowered by a share (Salimans 2016, section 3.4)."""
        return VanillaLoss(self._options.model_copy(update={"real_label": self._real_label * (1 - label_smoothing)}))

    def generator_loss(self, fake_logits: Any, real_logits: Any | None = None) -> Any:
        """Return mean(-log σ(D(fake))), a float32 scalar."""
        return ops.mean(ops.softplus(-ops.cast(fake_logits, "float32")))
