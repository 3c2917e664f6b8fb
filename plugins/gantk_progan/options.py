"""Options of ProGAN. Imports no framework."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from gantk import (
    AdversarialLossChoice,
    DiscriminatorChoice,
    GradientPenaltyOptions,
    GrowingModelOptions,
    LatentOptions,
    Options,
    PenaltyOptions,
    Phase,
    SynthesisGeneratorChoice,
)

BATCH_SIZES = {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4, 1024: 4}
"""By resolution, on one device: the authors' preset for one GPU."""
LEARNING_RATE_FACTORS = {1024: 1.5}
"""By resolution: of the authors' preset for one GPU, which trains with 0.001, and at 1024 × 1024 with 0.0015."""
LATENTS = 512


class ProGANNetworkOptions(Options):
    """What the two networks have in common: how wide they are."""

    filter_base: int = Field(8192, ge=1)
    """Feature maps at a resolution of r pixels: `filter_base` / (r / 2)^`filter_decay`, but at most `widest`. 8192 makes 512 up
    to 32 × 32, and 16 at 1024 × 1024 (Karras 2018, table 2)."""
    filter_decay: float = Field(1.0, ge=0)
    "How fast they become fewer; 1 halves them at each doubling of the resolution."
    widest: int = Field(512, ge=1)
    "Most feature maps of a layer."


class ProGANGeneratorOptions(ProGANNetworkOptions):
    """The generator of ProGAN, at one resolution."""

    fade: float = Field(1.0, gt=0, le=1)
    """How far the last resolution is faded in over the one before: below 1 in a model that was saved while it grew. Training
    ProGAN sets it itself."""


class ProGANDiscriminatorOptions(ProGANNetworkOptions):
    """The discriminator of ProGAN, at one resolution."""

    group: int = Field(4, ge=1)
    "Samples among which the minibatch standard deviation is taken; 1: without it."


class ProGANOptions(GrowingModelOptions):
    """Progressive growing: a generator and a discriminator that double their resolution while they train."""

    generator: SynthesisGeneratorChoice = Field("progan")
    "From latent vectors to images: `progan`, the one that can grow."
    discriminator: DiscriminatorChoice = Field("progan")
    "Judges images: `progan`, the one that can grow."
    adversarial_loss: AdversarialLossChoice = Field("wasserstein")
    "The game between the two."
    penalties: tuple[PenaltyOptions, ...] = (
        GradientPenaltyOptions(type="gradient", weight=10.0, target=1.0, drift=1e-3),
    )
    """Penalties on the discriminator: WGAN-GP with drift (Karras 2018, appendix A.1). Those of the train stage go before
    them."""
    latents: LatentOptions = LatentOptions(size=LATENTS, distribution="hypersphere")
    "The generator's random input; it normalizes the vectors (with the labels) itself, too."
    labels: Literal["none", "auxiliary"] = "none"
    """Whether the data's labels are used: `auxiliary` gives them to the generator beside the latent vectors and lets the
    discriminator find them (ACGAN, Odena 2017), as the authors' code does."""
    lambda_class: tuple[float, float] = (1.0, 1.0)
    "With `labels: auxiliary`: weight of the classifier's loss in the discriminator's and in the generator's."
    start: int = Field(4, ge=4)
    "Resolution that the training begins with, a power of two; that of the data: no growing."
    stable_images: float = Field(600.0, gt=0)
    "Thousands of real images to train each resolution with, once it is faded in; 800 in the paper, 600 in the authors' code."
    fade_images: float = Field(600.0, ge=0)
    "Thousands of real images during which a new resolution is faded in; 0: at once."
    last_stable_images: float | None = Field(None, gt=0)
    "Thousands of real images for the last resolution, once it is faded in; by default as `stable_images`."
    batch_sizes: dict[int, int] = Field(default_factory=dict)
    """By resolution: samples of a batch. What is not given is 128 up to 16 × 16, 64 at 32, 32 at 64, 16 at 128, 8 at 256 and
    4 above."""
    learning_rate_factors: dict[int, float] = Field(default_factory=dict)
    "By resolution: factor of the learning rates. What is not given is 1, and 1.5 at 1024."
    average_decay: float = Field(0.999, gt=0, lt=1)
    "Decay of the generator's moving average, which is what is saved; `ema` of the train stage goes before it."

    def phases(self, resolution: int) -> tuple[Phase, ...]:
        """Return how the training goes: for each resolution a transition (but for the first) and a stable part.

        The counts are rounded up to whole batches. In each of the two the optimizers begin anew, as in the authors' code.

        Args:
            resolution: Height of the images, a power of two.

        Reference:
            Karras 2018, appendix A.1; `TrainingSchedule` of the authors' code.
        """
        found = []
        current = min(self.start, resolution)
        while True:
            size = self.batch_size(current)
            stable = self.stable_images
            if current == resolution and self.last_stable_images is not None:
                stable = self.last_stable_images
            parts = ([self.fade_images] if found else []) + [stable]
            for thousands in parts:
                # Rounded first: a thousand times 0.6 is 600, not a little more.
                steps = math.ceil(round(1000 * thousands, 6) / size)
                if steps:
                    found.append(Phase(steps, size, current, self.learning_rate_factor(current)))
            if current >= resolution:
                return tuple(found)
            current *= 2

    def batch_size(self, resolution: int) -> int:
        """Return the samples of a batch at a resolution."""
        return self.batch_sizes.get(resolution, BATCH_SIZES.get(resolution, 4))

    def learning_rate_factor(self, resolution: int) -> float:
        """Return what multiplies the learning rates at a resolution."""
        return self.learning_rate_factors.get(resolution, LEARNING_RATE_FACTORS.get(resolution, 1.0))

    @field_validator("start")
    @classmethod
    def _start_is_reached_by_doubling(cls, value: int) -> int:
        if not _is_resolution(value):
            raise ValueError(f"a power of two from 4 on. Received: {value}")
        return value

    @field_validator("batch_sizes", "learning_rate_factors")
    @classmethod
    def _by_resolution(cls, value: dict[int, Any]) -> dict[int, Any]:
        strange = [key for key in value if not _is_resolution(key)]
        if strange:
            raise ValueError(f"by resolution, a power of two from 4 on. Received: {strange[0]}")
        bad = {key: number for key, number in value.items() if number <= 0}
        if bad:
            raise ValueError(f"numbers above 0. Received: {bad}")
        return value

    @model_validator(mode="after")
    def _networks_can_grow(self) -> ProGANOptions:
        for kind, component, needed in (
            ("generator", self.generator, ProGANGeneratorOptions),
            ("discriminator", self.discriminator, ProGANDiscriminatorOptions),
        ):
            if not isinstance(component.options, needed):
                raise ValueError(
                    f"the model 'progan' grows its networks, which only the {kind} 'progan' can do. Received: "
                    f"{component.name!r}; the model 'gan' takes any {kind}"
                )
        return self

    @model_validator(mode="after")
    def _batches_divide_into_groups(self) -> ProGANOptions:
        group = getattr(self.discriminator.options, "group", 1)
        for resolution, size in {**BATCH_SIZES, **self.batch_sizes}.items():
            if size > group and size % group:
                raise ValueError(
                    f"a batch must divide into groups of {group} (option `group` of the discriminator), or be smaller than "
                    f"one. Received: {size} samples at {resolution} × {resolution}"
                )
        return self


def _is_resolution(value: int) -> bool:
    return value >= 4 and value & (value - 1) == 0
