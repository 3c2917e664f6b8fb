"""Options of the networks for super-resolution. Imports no framework."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gantk import DiscriminatorOptions, GeneratorOptions
from gantk_networks.receptive_radius import Enlarged, Kernel, receptive_radius


class EnlargingOptions(GeneratorOptions):
    """What all generators that enlarge have in common."""

    factor: Literal[2, 3, 4, 8] = 4
    "Height and width of the result over those of the input."

    @property
    def scale(self) -> int:
        return self.factor

    @property
    def enlargements(self) -> tuple[int, ...]:
        """The enlargements one after the other: doublings, or one by 3."""
        return (3,) if self.factor == 3 else (2,) * (self.factor.bit_length() - 1)


class SRResNetOptions(EnlargingOptions):
    """The residual generator of SRGAN, or its successor without normalization."""

    normalization: Literal["batch", "none"] = "batch"
    """`batch`: SRResNet as the paper has it, with 9×9 kernels at both ends, PReLU and tanh. `none`: BasicSR's MSRResNet,
    which adds its result to a bilinear enlargement."""
    blocks: int = Field(16, ge=0)
    "Residual blocks at the input's resolution."
    filters: int = Field(64, ge=1)
    "Channels of all features."
    epsilon: float = Field(1e-5, gt=0)
    "Of the batch normalization: added to the variance."
    biased: bool = False
    """Give the convolutions in front of a batch normalization a bias, which changes nothing that can be learnt: for trained
    weights that have one."""

    @property
    def halo(self) -> int:
        blocks = [Kernel(3)] * (2 * self.blocks)
        enlargements = [step for factor in self.enlargements for step in (Kernel(3), Enlarged(factor))]
        if self.normalization == "batch":
            return receptive_radius([Kernel(9), *blocks, Kernel(3), *enlargements, Kernel(9)])
        return receptive_radius([Kernel(3), *blocks, *enlargements, Kernel(3), Kernel(3)])


class RRDBOptions(EnlargingOptions):
    """The generator of ESRGAN."""

    blocks: int = Field(23, ge=0)
    "Residual-in-residual dense blocks, of three dense blocks each, at the input's resolution."
    filters: int = Field(64, ge=1)
    "Channels between the blocks."
    growth: int = Field(32, ge=1)
    "Channels that each convolution in a dense block adds."
    residual_scale: float = Field(0.2, gt=0, le=1)
    "What a block's result is multiplied by before it is added to its input."

    @property
    def halo(self) -> int:
        enlargements = [step for factor in self.enlargements for step in (Enlarged(factor), Kernel(3))]
        dense = [Kernel(3)] * (15 * self.blocks)
        return receptive_radius([Kernel(3), *dense, Kernel(3), *enlargements, Kernel(3), Kernel(3)])


class CompactOptions(EnlargingOptions):
    """A small generator that works at the input's resolution alone."""

    depth: int = Field(16, ge=0)
    "Convolutions between the first and the last."
    width: int = Field(64, ge=1)
    "Channels of all features."
    base: Literal["nearest", "bilinear", "bicubic"] = "nearest"
    """The enlargement of the input that the result is added to. Real-ESRGAN has `nearest`; `bicubic` leaves less to learn,
    and a short training comes further."""

    @property
    def halo(self) -> int:
        # The base looks no further than the two convolutions there are at least.
        return receptive_radius([*[Kernel(3)] * (self.depth + 2), Enlarged(self.factor)])


class VGGOptions(DiscriminatorOptions):
    """The discriminator of SRGAN, which judges a whole image of a fixed size."""

    filters: int = Field(64, ge=1)
    "Channels of the first two layers; doubled by each of the next three pairs."
    units: int = Field(1024, ge=1)
    "Features of the dense layer before the logit."
    normalization: Literal["batch", "instance", "none"] = "batch"
    "None is ever put on the first layer."

    @property
    def mixes_samples(self) -> bool:
        return self.normalization == "batch"


class SpectralUNetOptions(DiscriminatorOptions):
    """The discriminator of Real-ESRGAN, which judges every pixel."""

    filters: int = Field(64, ge=1)
    "Channels at full resolution; doubled by each of the three downsamplings."
    skips: bool = True
    "Add the features of the way down to those of the way up."
