"""Options of CycleGAN. Imports no framework."""

from __future__ import annotations

from pydantic import Field

from gantk import AdversarialLossChoice, DiscriminatorChoice, GeneratorChoice, Options, PairwiseLossChoice


class CycleGANOptions(Options):
    """CycleGAN as its authors' code trains it.

    Its optimizers are called `generators` and `discriminators`; each is Adam with learning rate 2e-4,
    β₁ 0.5 and β₂ 0.999 unless the stage's `optimizers` says otherwise.
    """

    generator: GeneratorChoice = Field("resnet")
    "The network of both directions."
    discriminator: DiscriminatorChoice = Field("patchgan")
    "The network of both domains."
    adversarial_loss: AdversarialLossChoice = Field("lsgan")
    "The game between generators and discriminators."
    cycle_loss: PairwiseLossChoice = Field("l1")
    "Distance of an image from its reconstruction, and from its identity mapping."
    lambda_a: float = Field(10.0, ge=0)
    "Weight of the cycle A → B → A."
    lambda_b: float = Field(10.0, ge=0)
    "Weight of the cycle B → A → B."
    lambda_identity: float = Field(0.5, ge=0)
    "Weight of the identity losses relative to lambda_a and lambda_b; 0 leaves them out, with a third of the work."
    discriminator_factor: float = Field(0.5, gt=0)
    "What the discriminators' losses are multiplied by, which slows them down against the generators."
    pool_size: int = Field(50, ge=0)
    "Generated images of each domain kept for the discriminators; 0 keeps none."
