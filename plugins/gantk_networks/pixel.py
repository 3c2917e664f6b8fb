"""The pixel discriminator of pix2pix (Isola 2017, section 6.1.2 and its code)."""

from __future__ import annotations

import keras
from keras import layers

from gantk_networks.convolutions import convolution, normalization
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.options import PixelOptions


def build(options: PixelOptions, *, input_shape: tuple[int | None, int | None, int]) -> keras.Model:
    """Build the discriminator: three 1×1 convolutions.

    Args:
        options: The network's options.
        input_shape: `(height | None, width | None, channels)`. The network takes images of any size.

    Returns:
        A model from float images to logits, one for each pixel: batch × height × width × 1.
    """
    spectral = options.spectral
    image = layers.Input((None, None, input_shape[-1]), name="image")
    x = convolution(options.filters, 1, spectral=spectral, name="layer_1")(image)
    x = LeakyReLU(0.2, name="layer_1_relu")(x)
    biased = options.normalization == "none"
    x = convolution(2 * options.filters, 1, spectral=spectral, use_bias=biased, name="layer_2")(x)
    x = normalization(options.normalization, affine=options.affine, name="layer_2_norm")(x)
    x = LeakyReLU(0.2, name="layer_2_relu")(x)
    return keras.Model(image, convolution(1, 1, spectral=spectral, name="logits")(x), name="pixel")
