"""Options of the models for super-resolution. Imports no framework."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from gantk import AdversarialLossChoice, DiscriminatorChoice, GeneratorChoice, Options, PairwiseLossChoice


class SuperResolutionOptions(Options):
    """What all models have in common: a generator, and what it is held to the original by."""

    generator: GeneratorChoice = Field("srresnet")
    "The network; its `factor` must be what A was made smaller by."
    pixel_loss: PairwiseLossChoice = Field("l2")
    "Distance from the original, pixel by pixel; of colours in [-1, 1]."
    perceptual_loss: PairwiseLossChoice | None = None
    "Distance from the original in the features of another network; null leaves it out."
    lambda_perceptual: float = Field(1.0, ge=0)
    "Weight of `perceptual_loss`."
    initial: str | None = Field(None, min_length=1)
    """A trained model of the same generator to start from, `model.gantk` or a run directory; null starts from random
    weights. It is read when a training begins and when one is continued."""


class SRResNetOptions(SuperResolutionOptions):
    """SRResNet: the generator alone.

    Its optimizer is called `generators`: Adam with learning rate 1e-4, β₁ 0.9 and β₂ 0.999 unless the stage's
    `optimizers` says otherwise.
    """

    lambda_pixel: float = Field(1.0, ge=0)
    "Weight of `pixel_loss`."


class SRGANOptions(SuperResolutionOptions):
    """SRGAN as the paper trains it.

    The paper's content loss (SRGAN-VGG54) is the squared difference of VGG19's features after the last activation, each
    divided by 12.75, with the weights of VGG's authors, which Keras downloads, beside an adversarial loss of 1e-3:

        perceptual_loss: {type: perceptual, features: vgg19, layers: {conv5_4: 1.0}, activation: after, distance: l2,
                          feature_scale: 0.078431}

    BasicSR's code: `perceptual_loss: {type: perceptual}` (before the activation, absolute) with weights of torchvision
    (`features: {type: vgg19, weights: FILE.npz}`), `lambda_adversarial: 5e-3`, `pixel_loss: l1` and
    `lambda_pixel: 5e-3`, which is its 1e-2 of colours in [0, 1].

    Its optimizers are called `generators` and `discriminators`; each is Adam with learning rate 1e-4, β₁ 0.9 and
    β₂ 0.999 unless the stage's `optimizers` says otherwise.
    """

    discriminator: DiscriminatorChoice = Field("vgg")
    "The network that tells originals from results."
    adversarial_loss: AdversarialLossChoice = Field("vanilla")
    "The game between generator and discriminator."
    lambda_adversarial: float = Field(1e-3, ge=0)
    "Weight of the adversarial loss in the generator's."
    lambda_pixel: float | None = Field(None, ge=0)
    """Weight of `pixel_loss`; by default 1 without a `perceptual_loss` and 0 with one, since the paper's content loss is
    the one or the other."""

    @property
    def pixel_weight(self) -> float:
        """The weight of `pixel_loss`, whether given or not."""
        if self.lambda_pixel is not None:
            return self.lambda_pixel
        return 1.0 if self.perceptual_loss is None else 0.0


class ESRGANOptions(SRGANOptions):
    """ESRGAN as the paper and its code train it, with `perceptual_loss: {type: perceptual}`: the absolute difference of
    VGG19's features before the last activation (section 3.4), with a weight of 1. Its code has weights of torchvision:
    `features: {type: vgg19, weights: FILE.npz}`.

    Its optimizers are called `generators` and `discriminators`; each is Adam with learning rate 1e-4, β₁ 0.9 and
    β₂ 0.999 unless the stage's `optimizers` says otherwise.
    """

    generator: GeneratorChoice = Field("rrdb")
    "The network; its `factor` must be what A was made smaller by."
    pixel_loss: PairwiseLossChoice = Field("l1")
    "Distance from the original, pixel by pixel; of colours in [-1, 1]."
    adversarial_loss: AdversarialLossChoice = Field("relativistic_average")
    "The game between generator and discriminator."
    lambda_adversarial: float = Field(5e-3, ge=0)
    "Weight of the adversarial loss in the generator's (λ of the paper)."
    lambda_pixel: float = Field(5e-3, ge=0)
    "Weight of `pixel_loss`: η of the paper is 1e-2, of colours in [0, 1], whose distances are half as large."

    def cautions(self) -> Sequence[str]:
        if self.perceptual_loss is None and self.lambda_pixel <= self.lambda_adversarial:
            return [
                "esrgan without perceptual_loss is held to the original by "
                f"lambda_pixel: {self.lambda_pixel:g} alone, a weight that the paper sets beside a perceptual loss of 1"
            ]
        return []
