"""Options of the transforms that make low resolution out of high. Imports no framework."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from gantk import Options


class DownscaleOptions(Options):
    """Options of `downscale`. Example: `{type: downscale, factor: 4}` or `{type: downscale, factor: 2, kernel: bicubic_matlab}`."""

    factor: int = Field(4, ge=2, le=64)
    """How many times smaller. Rows and columns at the end that are no whole multiple are cut off first, as `modcrop` does:
    give that to the other side of a pair."""
    kernel: Literal["bicubic_pil", "bicubic_matlab", "area", "lanczos"] = "bicubic_pil"
    """All look at every pixel (antialiasing) and give 8 bits. `bicubic_pil`: Pillow's, a = -0.5, columns first, cut off
    at the edges. `bicubic_matlab`: MATLAB's `imresize`, by which papers compare: a = -0.5, rows first, mirrored edges,
    rounded after either step; alpha is a channel as the others. `area`: the mean of each block. `lanczos`: Pillow's, of
    three lobes."""


def _in_order(value: tuple[Any, Any]) -> tuple[Any, Any]:
    if not value[0] <= value[1]:
        raise ValueError(f"expected the lower end of a range first. Received: {list(value)}")
    return value


def _around_one(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 < value[0] <= 1 <= value[1]:
        raise ValueError(
            f"expected a range of factors from above 0 to 1 at most, to 1 at least. Received: {list(value)}"
        )
    return value


def _odd(value: tuple[int, int]) -> tuple[int, int]:
    if value[0] % 2 == 0 or value[1] % 2 == 0:
        raise ValueError(f"expected odd sides, since a kernel has a middle pixel. Received: {list(value)}")
    return value


def _adds_up(value: dict[Any, float]) -> dict[Any, float]:
    if any(share < 0 for share in value.values()) or not math.isclose(sum(value.values()), 1, abs_tol=1e-6):
        raise ValueError(f"expected shares from 0 that add up to 1. Received: {value}")
    return value


Probability = Annotated[float, Field(ge=0, le=1)]
PositiveRange = Annotated[
    tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]], AfterValidator(_in_order)
]
"""Lower and upper end; drawn uniformly in between."""

Resizing = Literal["enlarge", "reduce", "keep"]
BlurKernel = Literal[
    "isotropic",
    "anisotropic",
    "generalised_isotropic",
    "generalised_anisotropic",
    "plateau_isotropic",
    "plateau_anisotropic",
]


class FirstDegradation(Options):
    """The first time that a picture is blurred, resized, made noisy and compressed. Ranges are drawn from uniformly."""

    blur_probability: Probability = 1.0
    "How often it is blurred at all."
    kernel_sides: Annotated[
        tuple[Annotated[int, Field(ge=3, le=63)], Annotated[int, Field(ge=3, le=63)]],
        AfterValidator(_in_order),
        AfterValidator(_odd),
    ] = (7, 21)
    "Least and greatest side of the blur kernel in pixels; an odd number in between."
    kernels: Annotated[dict[BlurKernel, float], AfterValidator(_adds_up)] = Field(
        {
            "isotropic": 0.45,
            "anisotropic": 0.25,
            "generalised_isotropic": 0.12,
            "generalised_anisotropic": 0.03,
            "plateau_isotropic": 0.12,
            "plateau_anisotropic": 0.03,
        }
    )
    "Shares of the kinds of Gaussian kernels; those left out never occur."
    sinc_probability: Probability = 0.1
    "How often a sinc filter, which rings, takes their place."
    blur_sigma: PositiveRange = (0.2, 3.0)
    "Standard deviation of the blur along either axis, in pixels."
    generalised_beta: PositiveRange = (0.5, 4.0)
    "Shape of generalised Gaussians, 1 being the Gaussian: half of the draws below 1, half above."
    plateau_beta: PositiveRange = (1.0, 2.0)
    "Shape of plateau kernels: half of the draws below 1, half above."
    resizing: Annotated[dict[Resizing, float], AfterValidator(_adds_up)] = Field(
        {"enlarge": 0.2, "reduce": 0.7, "keep": 0.1}
    )
    "Shares of what is done to the size."
    resize_range: Annotated[tuple[float, float], AfterValidator(_around_one)] = (0.15, 1.5)
    "The smallest and the largest factor."
    gaussian_probability: Probability = 0.5
    "How often the noise is Gaussian; else it is Poisson's."
    gaussian_sigma: PositiveRange = (1.0, 30.0)
    "Standard deviation of Gaussian noise, in grey levels."
    poisson_scale: PositiveRange = (0.05, 3.0)
    "Factor of Poisson noise."
    grey_noise_probability: Probability = 0.4
    "How often the noise is the same in all channels."
    jpeg_quality: Annotated[
        tuple[Annotated[int, Field(ge=1, le=100)], Annotated[int, Field(ge=1, le=100)]], AfterValidator(_in_order)
    ] = (30, 95)
    "Quality of the JPEG compression; colour at half the resolution."


class SecondDegradation(FirstDegradation):
    """The second time, a little weaker; its size is told by the factor of the whole."""

    blur_probability: Probability = 0.8
    "How often it is blurred at all."
    blur_sigma: PositiveRange = (0.2, 1.5)
    "Standard deviation of the blur along either axis, in pixels."
    resizing: Annotated[dict[Resizing, float], AfterValidator(_adds_up)] = Field(
        {"enlarge": 0.3, "reduce": 0.4, "keep": 0.3}
    )
    "Shares of what is done to the size, which is the size of the result before."
    resize_range: Annotated[tuple[float, float], AfterValidator(_around_one)] = (0.3, 1.2)
    "The smallest and the largest factor."
    gaussian_sigma: PositiveRange = (1.0, 25.0)
    "Standard deviation of Gaussian noise, in grey levels."
    poisson_scale: PositiveRange = (0.05, 2.5)
    "Factor of Poisson noise."


class BlindDegradationOptions(Options):
    """Options of `blind_degradation`. Example: `{type: blind_degradation, factor: 4}` or `{type: blind_degradation, second: {jpeg_quality: [50, 95]}}`.

    The defaults are the paper's.
    """

    factor: int = Field(4, ge=1, le=64)
    """How many times smaller. Rows and columns at the end that are no whole multiple are cut off first, as `modcrop` does:
    give that to the other side of a pair."""
    first: FirstDegradation = FirstDegradation()
    "The first time: blur, resize, noise, JPEG."
    second: SecondDegradation = SecondDegradation()
    "The second time."
    final_sinc_probability: Probability = 0.8
    "How often a sinc filter follows at the end, before or after the second JPEG."
