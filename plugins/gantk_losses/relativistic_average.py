"""Relativistic average GAN (Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734)."""

from __future__ import annotations

from typing import Any

from keras import ops

from gantk import ConfigError, Options


class RelativisticAverageLoss:
    """Cross-entropy of how much more real an image seems than the average of the other kind.

    With r = D(real) - mean(D(fake)) and f = D(fake) - mean(D(real)), the means over the batch and, of logits at many
    positions, over these too, the discriminator's loss is half the sum

        ½ (mean(-log σ(r)) + mean(-log(1 - σ(f)))),

    and the generator's the same with the kinds exchanged, so that real images enter it. The factor ½ is that of the
    authors' code and of ESRGAN's. A logit alone says nothing, so there is no boundary between real and generated.

    Reference:
        Jolicoeur-Martineau 2018, section 4.2 (RaSGAN); Wang 2018 (ESRGAN), equations 1 and 2.
    """

    relativistic = True
    "The generator's loss needs the logits of real images."

    def __init__(self, options: Options) -> None:
        pass

    def discriminator_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        """Return ½ (mean(-log σ(r)) + mean(-log(1 - σ(f)))), a float32 scalar."""
        return _half_sum(ops.cast(real_logits, "float32"), ops.cast(fake_logits, "float32"))

    def generator_loss(self, fake_logits: Any, real_logits: Any | None = None) -> Any:
        """Return ½ (mean(-log σ(f)) + mean(-log(1 - σ(r)))), a float32 scalar.

        Raises:
            ConfigError: The model gives no logits of real images.
        """
        if real_logits is None:
            raise ConfigError(
                "The adversarial loss 'relativistic_average' compares generated images with real ones.\n"
                "Received: a model that does not show real images to its generator's loss",
                hint="Choose another adversarial loss, or a model that takes this one: srgan, esrgan.",
            )
        return _half_sum(ops.cast(fake_logits, "float32"), ops.cast(real_logits, "float32"))


def _half_sum(higher: Any, lower: Any) -> Any:
    """Return the cross-entropy of "the first are above the others' mean, the second below". -log σ(x) = softplus(-x)."""
    above = higher - ops.mean(lower)
    below = lower - ops.mean(higher)
    return 0.5 * (ops.mean(ops.softplus(-above)) + ops.mean(ops.softplus(below)))
