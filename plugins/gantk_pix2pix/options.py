"""Options of pix2pix. Imports no framework."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gantk import AdversarialLossChoice, DiscriminatorChoice, GeneratorChoice, Options, PairwiseLossChoice


class Pix2PixOptions(Options):
    """pix2pix as its authors' code trains it.

    Its optimizers are called `generators` and `discriminators`; each is Adam with learning rate 2e-4,
    β₁ 0.5 and β₂ 0.999 unless the stage's `optimizers` says otherwise.
    """

    direction: Literal["AtoB", "BtoA"] = "AtoB"
    "Which side of a pair is translated into which; the model learns this direction alone."
    generator: GeneratorChoice = Field("unet")
    "The network that translates; the paper's has `downs: 8` for 256 pixels, 7 for 128."
    discriminator: DiscriminatorChoice = Field({"type": "patchgan", "normalization": "batch"})
    "Judges the input and an image together. Where you name it yourself, `normalization: batch` is the paper's."
    adversarial_loss: AdversarialLossChoice = Field("vanilla")
    "The game between generator and discriminator."
    pairwise_loss: PairwiseLossChoice = Field("l1")
    "Distance of a translation from the target it should be."
    lambda_pairwise: float = Field(100.0, ge=0)
    "Weight of the pairwise loss; 0 leaves the adversarial one alone."
    discriminator_factor: float = Field(0.5, gt=0)
    "What the discriminator's loss is multiplied by, which slows it down against the generator."
