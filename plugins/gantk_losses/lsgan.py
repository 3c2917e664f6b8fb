"""Least-squares GAN (Mao 2017, https://arxiv.org/abs/1611.04076)."""

from __future__ import annotations

from typing import Any

from keras import ops

from gantk_losses.options import LeastSquaresOptions


class LeastSquaresLoss:
    """Squared distance of the logits to their labels.

    The discriminator's loss is the sum over real and generated samples, without the factor ½ that
    some models put before it: that factor is the model's.

    Args:
        options: The labels.

    Reference:
        Mao 2017, equation 9 with a = 0, b = c = 1.
    """

    def __init__(self, options: LeastSquaresOptions) -> None:
        self._options = options

    def discriminator_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        """Return mean((D(real) - b)²) + mean((D(fake) - a)²), a float32 scalar."""
        real_loss = _mean_squared_distance(real_logits, self._options.real_label)
        fake_loss = _mean_squared_distance(fake_logits, self._options.fake_label)
        return real_loss + fake_loss

    @property
    def boundary(self) -> float:
        """The logit between generated and real: halfway between their labels."""
        return 0.5 * (self._options.real_label + self._options.fake_label)

    def smoothed(self, label_smoothing: float) -> LeastSquaresLoss:
        """Return the loss with b moved by a share of its distance from a (Salimans 2016, section 3.4)."""
        real, fake = self._options.real_label, self._options.fake_label
        moved = real - label_smoothing * (real - fake)
        return LeastSquaresLoss(self._options.model_copy(update={"real_label": moved}))

    def generator_loss(self, fake_logits: Any, real_logits: Any | None = None) -> Any:
        """Return mean((D(fake) - c)²), a float32 scalar."""
        return _mean_squared_distance(fake_logits, self._options.generator_label)


def _mean_squared_distance(logits: Any, label: float) -> Any:
    return ops.mean(ops.square(ops.cast(logits, "float32") - label))
