"""Options of the networks that make images of latent vectors, and of their discriminators. Imports no framework."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gantk import Options
from gantk_networks.critic_options import CriticOptions


class DCGANGeneratorOptions(Options):
    """The generator of DCGAN."""

    filters: int = Field(64, ge=1)
    "Channels of the last layer before the image; doubled at every halving of the resolution, down to 4 × 4."
    widest: int = Field(1024, ge=1)
    "Most channels of a layer."
    normalization: Literal["batch", "none"] = "batch"
    "Behind every layer but the last."


class SNDCGANGeneratorOptions(Options):
    """The convolutional generator of SNGAN."""

    filters: int = Field(64, ge=1)
    "Channels of the last layer before the image; doubled at every halving of the resolution, down to 4 × 4."
    widest: int = Field(512, ge=1)
    "Most channels of a layer."


class ResNetGANGeneratorOptions(Options):
    """The residual generator of WGAN-GP and SNGAN."""

    filters: int = Field(64, ge=1)
    """Channels of the last block; doubled at every halving of the resolution, down to 4 × 4. SNGAN has 256 at 32 pixels, with
    `widest: 256`, and 64 at 48 and 128 pixels; WGAN-GP 128 at 32 pixels, with `widest: 128`."""
    widest: int = Field(1024, ge=1)
    "Most channels of a layer."
    labels: Literal["normalization", "input"] = "normalization"
    """What the labels do where there are any. `normalization`: scale and offset of every block's batch normalizations (de
    Vries 2017); `input`: they are laid behind the latent vector."""


class DCGANDiscriminatorOptions(CriticOptions):
    """The discriminator of DCGAN."""

    filters: int = Field(64, ge=1)
    "Channels of the first layer; doubled by each of the next."
    widest: int = Field(1024, ge=1)
    "Most channels of a layer."
    normalization: Literal["batch", "layer", "instance", "none"] = "batch"
    "Behind every convolution but the first; `none` or `layer` with a gradient penalty (Gulrajani 2017, section 4)."
    spectral: bool = False
    """Divide the kernels by their largest singular value (spectral normalization, Miyato 2018); with it `normalization:
    none`."""


class SNDCGANDiscriminatorOptions(CriticOptions):
    """The convolutional discriminator of SNGAN."""

    filters: int = Field(64, ge=1)
    "Channels of the first layer; doubled by each convolution of stride 2."
    widest: int = Field(512, ge=1)
    "Most channels of a layer."
    normalization: Literal["batch", "layer", "none"] = "none"
    "Behind every convolution but the first; with `spectral: false`, for comparisons as in Miyato 2018, section 4."
    spectral: bool = True
    "Divide the kernels by their largest singular value (spectral normalization, Miyato 2018)."


class ResNetGANDiscriminatorOptions(CriticOptions):
    """The residual discriminator of WGAN-GP and SNGAN."""

    filters: int = Field(64, ge=1)
    """Channels of the first block; doubled by each of the next. At 32 pixels SNGAN and WGAN-GP have 128 everywhere: `filters:
    128, widest: 128, downsamplings: 2, blocks: 2`; above, SNGAN has 64."""
    widest: int = Field(1024, ge=1)
    "Most channels of a block."
    downsamplings: int | None = Field(None, ge=1)
    "Blocks that halve the resolution; by default as many as lead to 4 pixels, or a few more."
    blocks: int = Field(1, ge=0)
    "Blocks behind them that keep it."
    pooling: Literal["sum", "mean"] = "sum"
    "Over all positions before the dense layer: `sum` as in SNGAN, `mean` as in WGAN-GP."
    normalization: Literal["layer", "batch", "none"] = "none"
    "Before every ReLU but the first; `layer` as WGAN-GP at 64 pixels, with `spectral: false`."
    spectral: bool = True
    "Divide the kernels by their largest singular value (spectral normalization, Miyato 2018)."
