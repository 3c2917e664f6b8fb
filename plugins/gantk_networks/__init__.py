"""Built-in image networks: generators and discriminators of CycleGAN and pix2pix, and the originals' weights."""

from __future__ import annotations

from gantk import DiscriminatorSpec, GeneratorSpec, WeightMapSpec, hookimpl
from gantk_networks.options import PatchGANOptions, PixelOptions, ResNetOptions, UNetOptions


@hookimpl
def gantk_generators() -> list[GeneratorSpec]:
    """Return the built-in generators."""
    return [
        GeneratorSpec(
            name="resnet",
            factory="gantk_networks.resnet:build",
            options=ResNetOptions,
            summary="Residual encoder-decoder: downsampling, residual blocks, upsampling.",
            reference="Johnson 2016, https://arxiv.org/abs/1603.08155; Zhu 2017, appendix 7.2",
        ),
        GeneratorSpec(
            name="unet",
            factory="gantk_networks.unet:build",
            options=UNetOptions,
            summary="Encoder-decoder with a skip connection at every resolution.",
            reference="Isola 2017, section 6.1.1, https://arxiv.org/abs/1611.07004",
        ),
    ]


@hookimpl
def gantk_discriminators() -> list[DiscriminatorSpec]:
    """Return the built-in discriminators."""
    return [
        DiscriminatorSpec(
            name="patchgan",
            factory="gantk_networks.patchgan:build",
            options=PatchGANOptions,
            summary="Judges overlapping patches, 70 × 70 pixels with three layers.",
            reference="Isola 2017, section 6.1.2, https://arxiv.org/abs/1611.07004",
        ),
        DiscriminatorSpec(
            name="pixel",
            factory="gantk_networks.pixel:build",
            options=PixelOptions,
            summary="Judges every pixel alone.",
            reference="Isola 2017, section 6.1.2, https://arxiv.org/abs/1611.07004",
        ),
    ]


@hookimpl
def gantk_weight_maps() -> list[WeightMapSpec]:
    """Return what trained weights the built-in generators can take."""
    return [
        WeightMapSpec(
            name="cyclegan/resnet",
            factory="gantk_networks.resnet_weights:ResNetWeights",
            generator="resnet",
            summary="ResnetGenerator of the original PyTorch code, any blocks and normalization (latest_net_G.pth).",
            reference="Zhu 2017; https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix",
        ),
        WeightMapSpec(
            name="pix2pix/unet",
            factory="gantk_networks.unet_weights:UNetWeights",
            generator="unet",
            summary="UnetGenerator of the original PyTorch code, any depth and normalization (latest_net_G.pth).",
            reference="Isola 2017; https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix",
        ),
    ]
