"""Options of the built-in losses. Imports no framework."""

from __future__ import annotations

from pydantic import Field

from gantk import Options


class LeastSquaresOptions(Options):
    """The three target values of Mao 2017, equation 9."""

    real_label: float = 1.0
    "What the discriminator should say of a real sample (b of the paper)."
    fake_label: float = 0.0
    "What the discriminator should say of a generated sample (a of the paper)."
    generator_label: float = 1.0
    "What the generator wants the discriminator to say of its samples (c of the paper)."


class VanillaOptions(Options):
    """Targets of the cross-entropy."""

    real_label: float = Field(1.0, gt=0, le=1)
    "Target probability of real samples in the discriminator's loss; below 1 it is one-sided label smoothing."


class CharbonnierOptions(Options):
    """Where the loss turns from squared to absolute."""

    epsilon: float = Field(1e-3, gt=0)
    "Of differences of colours in [-1, 1]; far smaller ones count by their square, far larger ones by their size."
