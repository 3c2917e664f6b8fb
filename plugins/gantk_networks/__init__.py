"""Built-in image networks: those of CycleGAN, pix2pix, SRGAN, ESRGAN, DCGAN, WGAN-GP and SNGAN, and weights of originals."""

from __future__ import annotations

from gantk import DiscriminatorSpec, GeneratorSpec, WeightMapSpec, hookimpl
from gantk_networks.mlp_options import MLPDiscriminatorOptions, MLPGeneratorOptions
from gantk_networks.options import PatchGANOptions, PixelOptions, ResNetOptions, UNetOptions
from gantk_networks.super_resolution_options import (
    CompactOptions,
    RRDBOptions,
    SpectralUNetOptions,
    SRResNetOptions,
    VGGOptions,
)
from gantk_networks.synthesis_options import (
    DCGANDiscriminatorOptions,
    DCGANGeneratorOptions,
    ResNetGANDiscriminatorOptions,
    ResNetGANGeneratorOptions,
    SNDCGANDiscriminatorOptions,
    SNDCGANGeneratorOptions,
)


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
        GeneratorSpec(
            name="srresnet",
            factory="gantk_networks.srresnet:build",
            options=SRResNetOptions,
            summary="Super-resolution: residual blocks and pixel shuffles, with batch normalization or without.",
            reference="Ledig 2017, figure 4, https://arxiv.org/abs/1609.04802; MSRResNet of BasicSR",
        ),
        GeneratorSpec(
            name="rrdb",
            factory="gantk_networks.rrdb:build",
            options=RRDBOptions,
            summary="Super-resolution: residual-in-residual dense blocks.",
            reference="Wang 2018 (ESRGAN), section 3.1, https://arxiv.org/abs/1809.00219",
        ),
        GeneratorSpec(
            name="compact",
            factory="gantk_networks.compact:build",
            options=CompactOptions,
            summary="Super-resolution on a CPU: plain convolutions at the input's resolution, one pixel shuffle.",
            reference="SRVGGNetCompact of Real-ESRGAN; Shi 2016, https://arxiv.org/abs/1609.05158",
        ),
        GeneratorSpec(
            name="dcgan",
            role="synthesis",
            factory="gantk_networks.dcgan_generator:build",
            options=DCGANGeneratorOptions,
            summary="Images from latent vectors by transposed convolutions.",
            reference="Radford 2016, figure 1, https://arxiv.org/abs/1511.06434",
        ),
        GeneratorSpec(
            name="sndcgan",
            role="synthesis",
            factory="gantk_networks.sndcgan_generator:build",
            options=SNDCGANGeneratorOptions,
            summary="Images from latent vectors by the convolutional generator of SNGAN.",
            reference="Miyato 2018, table 3, https://arxiv.org/abs/1802.05957",
        ),
        GeneratorSpec(
            name="resnet_gan",
            role="synthesis",
            factory="gantk_networks.resnet_gan_generator:build",
            options=ResNetGANGeneratorOptions,
            summary="Images from latent vectors by residual blocks, with conditional batch normalization where there are labels.",
            reference="Gulrajani 2017, appendix F, https://arxiv.org/abs/1704.00028; Miyato 2018, tables 4 to 6",
        ),
        GeneratorSpec(
            name="mlp",
            role="synthesis",
            factory="gantk_networks.mlp_generator:build",
            options=MLPGeneratorOptions,
            summary="Points and very small images from latent vectors by dense layers.",
            reference="After Gulrajani 2017, section 4 (toy data), https://arxiv.org/abs/1704.00028",
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
        DiscriminatorSpec(
            name="vgg",
            factory="gantk_networks.vgg_discriminator:build",
            options=VGGOptions,
            summary="Judges whole images of one size, by eight convolutions and a dense layer.",
            reference="Ledig 2017, figure 4, https://arxiv.org/abs/1609.04802",
        ),
        DiscriminatorSpec(
            name="unet_sn",
            factory="gantk_networks.unet_discriminator:build",
            options=SpectralUNetOptions,
            summary="Judges every pixel with all of its surroundings, by a U-Net with spectral normalization.",
            reference="Wang 2021 (Real-ESRGAN), section 3.3, https://arxiv.org/abs/2107.10833",
        ),
        DiscriminatorSpec(
            name="dcgan",
            factory="gantk_networks.dcgan_discriminator:build",
            options=DCGANDiscriminatorOptions,
            takes_outputs=True,
            summary="Judges whole images of one size by convolutions of stride 2 and a dense layer.",
            reference="Radford 2016, section 3, https://arxiv.org/abs/1511.06434",
        ),
        DiscriminatorSpec(
            name="sndcgan",
            factory="gantk_networks.sndcgan_discriminator:build",
            options=SNDCGANDiscriminatorOptions,
            takes_outputs=True,
            summary="Judges whole images of one size by convolutions of stride 1 and 2 in turn, with spectral normalization.",
            reference="Miyato 2018, table 3, https://arxiv.org/abs/1802.05957",
        ),
        DiscriminatorSpec(
            name="resnet_gan",
            factory="gantk_networks.resnet_gan_discriminator:build",
            options=ResNetGANDiscriminatorOptions,
            takes_outputs=True,
            summary="Judges whole images by residual blocks; with spectral or layer normalization, or none.",
            reference="Gulrajani 2017, appendix F, https://arxiv.org/abs/1704.00028; Miyato 2018, tables 4 to 6",
        ),
        DiscriminatorSpec(
            name="mlp",
            factory="gantk_networks.mlp_discriminator:build",
            options=MLPDiscriminatorOptions,
            takes_outputs=True,
            summary="Judges points and very small images by dense layers.",
            reference="After Gulrajani 2017, section 4 (toy data), https://arxiv.org/abs/1704.00028",
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
        WeightMapSpec(
            name="srgan/srresnet",
            factory="gantk_networks.srresnet_weights:SRResNetWeights",
            generator="srresnet",
            summary="SRResNet and SRGAN generators of Keras, any blocks and enlargement (HDF5, weights or whole model).",
            reference="Ledig 2017; https://github.com/krasserm/super-resolution",
        ),
    ]
