"""Convolutions and normalizations with the first values of DCGAN, as CycleGAN and pix2pix use them."""

from __future__ import annotations

from typing import Any

from keras import initializers, layers

from gantk_networks.batch_normalization import BatchNormalization
from gantk_networks.instance_normalization import InstanceNormalization
from gantk_networks.reflected_convolution import ReflectedConvolution2D
from gantk_networks.spectral_convolution import SpectralConvolution2D

DEVIATION = 0.02


def convolution(
    filters: int, size: int, *, spectral: bool = False, **options: Any
) -> layers.Conv2D | SpectralConvolution2D:
    """Make a convolution with weights from N(0, 0.02) and zero biases.

    Args:
        filters: Output channels.
        size: Height and width of the kernel.
        spectral: Divide the kernel by its largest singular value; without padding.
        options: Further arguments of `keras.layers.Conv2D`.

    Reference:
        Zhu 2017, section 4; Radford 2016, section 3.
    """
    kind = SpectralConvolution2D if spectral else layers.Conv2D
    return kind(filters, size, kernel_initializer=initializers.RandomNormal(stddev=DEVIATION), **options)


def reflected_convolution(filters: int, size: int, **options: Any) -> ReflectedConvolution2D:
    """Make a convolution of an image padded by reflection, with weights from N(0, 0.02) and zero biases."""
    return ReflectedConvolution2D(
        filters, size, kernel_initializer=initializers.RandomNormal(stddev=DEVIATION), **options
    )


def transposed_convolution(filters: int, size: int, **options: Any) -> layers.Conv2DTranspose:
    """Make a transposed convolution with weights from N(0, 0.02) and zero biases."""
    kernel = initializers.RandomNormal(stddev=DEVIATION)
    return layers.Conv2DTranspose(filters, size, kernel_initializer=kernel, **options)


def normalization(
    kind: str, *, affine: bool = False, statistics_at_test: str = "moving", name: str | None = None
) -> layers.Layer:
    """Make a normalization layer.

    Whatever is added to all pixels of a channel before it has no effect, so a convolution in front of one
    needs no bias.

    Args:
        kind: `instance`, `batch` or `none`.
        affine: Learned scale and offset after instance normalization; batch normalization always has them.
        statistics_at_test: Of batch normalization: `moving`, or `image`, each image's own.
        name: Name of the layer.
    """
    if kind == "instance":
        return InstanceNormalization(epsilon=1e-5, affine=affine, name=name)
    if kind == "batch":
        scale = initializers.RandomNormal(mean=1.0, stddev=DEVIATION)
        return BatchNormalization(
            momentum=0.9,
            epsilon=1e-5,
            gamma_initializer=scale,
            statistics_at_test=statistics_at_test,
            name=name,
        )
    return layers.Identity(name=name)
