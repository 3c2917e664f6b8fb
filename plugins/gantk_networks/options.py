"""Options of the built-in networks. Imports no framework."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gantk import GeneratorOptions
from gantk_networks.critic_options import CriticOptions

Normalization = Literal["instance", "batch", "none"]


class ResNetOptions(GeneratorOptions):
    """The residual generator of Johnson 2016 as CycleGAN uses it."""

    blocks: int = Field(9, ge=0)
    "Residual blocks at the lowest resolution; the paper takes 6 below 256 pixels and 9 from there."
    filters: int = Field(64, ge=1)
    "Channels at full resolution; doubled by every downsampling."
    downsamplings: int = Field(2, ge=0)
    "Convolutions of stride 2 before the blocks, and upsamplings after them."
    upsampling: Literal["transposed", "resize"] = "transposed"
    "`transposed`: the paper's; `resize`: enlarge, then convolve, against checkerboard patterns (Odena 2016)."
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    "How `upsampling: resize` enlarges."
    normalization: Normalization = "instance"
    "`instance`: each image by its own statistics; `batch`: by those of the batch."
    affine: bool = False
    "Instance normalization with a learned scale and offset by channel."
    dropout: float = Field(0.0, ge=0, lt=1)
    "Rate of dropout inside the residual blocks; the original's option is 0.5."
    convolution: Literal["auto", "direct"] = "auto"
    "`auto`: on a CPU by algorithms that are up to 3 times faster, and round otherwise; `direct`: by definition."

    @property
    def size_multiple(self) -> int:
        return 2**self.downsamplings

    @property
    def smallest_size(self) -> int:
        # The borders that are reflected: 3 pixels of the image, and one at the lowest resolution in every block.
        return max(4, 2 * self.size_multiple if self.blocks else self.size_multiple)


class UNetOptions(GeneratorOptions):
    """The generator of pix2pix."""

    downs: int = Field(8, ge=1)
    "Downsamplings; 8 take 256 pixels to 1, 7 take 128 to 1."
    filters: int = Field(64, ge=1)
    "Channels after the first downsampling; doubled by each of the next three."
    normalization: Normalization = "batch"
    "`batch`: by the statistics of the batch, as pix2pix; `instance`: each image by its own, as CycleGAN."
    affine: bool = False
    "Instance normalization with a learned scale and offset by channel."
    dropout: float = Field(0.5, ge=0, lt=1)
    "Rate of dropout in the inner upsamplings at full width below the innermost (three of 8 downs)."
    # What pix2pix does at test follows from its normalization, so that a network normalized as CycleGAN's tests as
    # CycleGAN's does.
    dropout_at_test: bool | None = None
    "Keep dropout at test, in a fixed pattern; by default with `normalization: batch`, as pix2pix, and not otherwise."
    statistics_at_test: Literal["image", "moving"] = "image"
    "Of `normalization: batch` at test: each image's own, as pix2pix; or the averages kept while training."

    @property
    def size_multiple(self) -> int:
        return 2**self.downs

    @property
    def drops_at_test(self) -> bool:
        """Whether dropout stays on at test."""
        return self.normalization == "batch" if self.dropout_at_test is None else self.dropout_at_test


class PatchGANOptions(CriticOptions):
    """A discriminator of overlapping patches."""

    layers: int = Field(3, ge=1)
    "Convolutions of stride 2; 3 judge patches of 70 × 70 pixels."
    filters: int = Field(64, ge=1)
    "Channels of the first layer; doubled by each of the next three."
    normalization: Normalization = "instance"
    "None is ever put on the first layer."
    affine: bool = False
    "Instance normalization with a learned scale and offset by channel."
    spectral: bool = False
    """Divide the kernel of every convolution by its largest singular value (spectral normalization, Miyato 2018, section
    2.1). A normalization behind a convolution undoes that, so set `normalization: none` with it."""


class PixelOptions(CriticOptions):
    """A discriminator of single pixels."""

    filters: int = Field(64, ge=1)
    "Channels of the first layer; the second has twice as many."
    normalization: Normalization = "instance"
    "None is ever put on the first layer."
    affine: bool = False
    "Instance normalization with a learned scale and offset by channel."
    spectral: bool = False
    """Divide the kernel of every convolution by its largest singular value (spectral normalization, Miyato 2018, section
    2.1). A normalization behind a convolution undoes that, so set `normalization: none` with it."""
