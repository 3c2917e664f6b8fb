"""Options of GANs that make images of latent vectors. Imports no framework."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gantk import AdversarialLossChoice, DiscriminatorChoice, LatentOptions, Options, SynthesisGeneratorChoice


class GANOptions(Options):
    """A generator of images from latent vectors against a discriminator, with labels or without."""

    generator: SynthesisGeneratorChoice = Field("dcgan")
    "From latent vectors to images."
    discriminator: DiscriminatorChoice = Field("dcgan")
    "Judges images."
    adversarial_loss: AdversarialLossChoice = Field("vanilla")
    "The game between the two."
    latents: LatentOptions = LatentOptions()
    "The generator's random input."
    labels: Literal["none", "input", "projection", "auxiliary"] = "none"
    """What labels the data has are given to the generator and, for the discriminator, `input`: laid beside the image (Mirza
    2014); `projection`: matched with its features (Miyato 2018); `auxiliary`: to be found by it, too (ACGAN, Odena 2017).
    `none` leaves them out."""
    lambda_class: tuple[float, float] = (1.0, 1.0)
    "With `labels: auxiliary`: weight of the classifier's loss in the discriminator's and in the generator's."
    generator_images: Literal["auto", "same", "new"] = "auto"
    """What the generator is trained on: `same`: the images that the discriminator has just been trained on, a pass of the
    generator less (Radford's code); `new`: others (Goodfellow 2014, algorithm 1; Gulrajani 2017, algorithm 1). `auto`: `same`
    with one discriminator step, `new` with several."""

    def cautions(self) -> list[str]:
        """Say which weights have no effect."""
        if self.labels == "auxiliary" or "lambda_class" not in self.model_fields_set:
            return []
        return [f"lambda_class has an effect with labels: auxiliary only, and labels is {self.labels}"]

    @model_validator(mode="after")
    def _discriminator_can_tell_classes(self) -> GANOptions:
        needs = self.labels in ("projection", "auxiliary")
        if needs and not getattr(self.discriminator.spec, "takes_outputs", False):
            raise ValueError(
                f"`labels: {self.labels}` needs a discriminator that also gives a number for each class. "
                f"Received: {self.discriminator.name!r}, which gives the logit alone; with it choose `labels: input`"
            )
        return self
