"""Options of the penalties on a discriminator's slope. Imports no framework."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gantk.specs import Options


class PenaltyBase(Options):
    """What every penalty has.

    A discriminator of patches has many logits; their sum over all positions of an image is what is differentiated, as
    the published codes of CycleGAN and pix2pix do.
    """

    weight: float = Field(10.0, gt=0)
    "Factor of the penalty in the discriminator's loss."
    every: int = Field(1, ge=1)
    "Compute it at every so many-th training step only, times that many (lazy regularization, Karras 2020, StyleGAN2, appendix B)."


class R1Options(PenaltyBase):
    """R1 (Mescheder 2018, equation 9, https://arxiv.org/abs/1801.04406): weight/2 · E|∇D(real)|²."""

    type: Literal["r1"]
    "R1: no slope at real images."


class R2Options(PenaltyBase):
    """R2 (Mescheder 2018, equation 10, https://arxiv.org/abs/1801.04406): weight/2 · E|∇D(generated)|²."""

    type: Literal["r2"]
    "R2: no slope at generated images."


class GradientPenaltyOptions(PenaltyBase):
    """WGAN-GP (Gulrajani 2017, equation 3, https://arxiv.org/abs/1704.00028) on lines between real and generated images.

    weight · E(|∇D(x)| - target)² / target², x uniform between a real and a generated image; the division is that of
    Karras 2018 (ProGAN), appendix D, and means nothing at target 1.
    """

    type: Literal["gradient"]
    "Gradient penalty: slopes of a given norm between real and generated images."
    target: float = Field(1.0, gt=0)
    "The norm that a slope should have."
    sided: Literal["two", "one"] = "two"
    "`two`: slopes of any other norm are penalized; `one`: larger ones only (Gulrajani 2017, section 4)."
    drift: float = Field(0.0, ge=0)
    "Adds drift · E D(real)², which keeps logits near zero; 0.001 in Karras 2018, appendix A.1."


class DraganOptions(PenaltyBase):
    """DRAGAN (Kodali 2017, section 2.3, https://arxiv.org/abs/1705.07215): slopes of norm 1 around real images.

    weight · E(|∇D(x + δ)| - target)², with the δ of the authors' code: for each image a share, uniform in [0, 1), of
    deviation · (standard deviation of the batch) · (uniform noise in [0, 1) for each number).
    """

    type: Literal["dragan"]
    "DRAGAN: slopes of a given norm around real images."
    target: float = Field(1.0, gt=0)
    "The norm that a slope should have."
    deviation: float = Field(0.5, gt=0)
    "How far around, in standard deviations of the batch."


PenaltyOptions = Annotated[
    R1Options | R2Options | GradientPenaltyOptions | DraganOptions,
    Field(discriminator="type"),
]
"""One of them, by `type`."""
