"""Options of what changes the pictures on their way to a discriminator. Imports no framework."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gantk.specs import Options


def _each_once(policy: tuple[str, ...]) -> tuple[str, ...]:
    if not policy:
        raise ValueError("policy must name a group of changes. Received: an empty list")
    twice = sorted({name for name in policy if policy.count(name) > 1})
    if twice:
        raise ValueError(f"policy must name each group of changes once. Received: {', '.join(twice)} twice")
    return policy


class DiffAugmentOptions(Options):
    """DiffAugment (Zhao 2020, https://arxiv.org/abs/2006.10738): every picture is changed, always."""

    type: Literal["diffaugment"]
    "DiffAugment: the same kinds of change at every step."
    policy: tuple[Literal["color", "translation", "cutout"], ...] = ("color", "translation", "cutout")
    "Which changes, in this order: `color` (brightness, saturation, contrast), `translation` by up to 1/8, `cutout` of 1/2."

    _policy = field_validator("policy")(_each_once)


class AdaptiveAugmentationOptions(Options):
    """ADA (Karras 2020, https://arxiv.org/abs/2006.06676): changed with a probability that follows the overfitting."""

    type: Literal["ada"]
    "ADA: as often as the discriminator needs it."
    policy: tuple[Literal["blit", "geometric", "color"], ...] = ("blit", "geometric", "color")
    "Which changes: `blit` (flip, quarter turns, whole-pixel shifts), `geometric` (scale, turn, stretch, shift), `color`."
    target: float = Field(0.6, gt=-1, lt=1)
    "Which share of the real pictures' logits, as the mean of their signs, is aimed at; above it the probability rises."
    interval: int = Field(4, ge=1)
    "Updates of the discriminator between two adjustments of the probability."
    speed_kimg: float = Field(500.0, gt=0)
    "In how many thousand real pictures the probability can rise from 0 to 1."
    probability: float = Field(0.0, ge=0, le=1)
    "Probability of each change at the start."

    _policy = field_validator("policy")(_each_once)


AugmentationOptions = Annotated[DiffAugmentOptions | AdaptiveAugmentationOptions, Field(discriminator="type")]
"""One of them, by `type`."""
