"""The discriminator of SRGAN (Ledig 2017, section 2.1.1, figure 4), after the VGG networks.

Eight 3×3 convolutions, each second one of stride 2, with 64, 64, 128, 128, 256, 256, 512, 512 channels; all but the first
normalized; LeakyReLU 0.2; a dense layer of 1024, LeakyReLU 0.2, and the logit. Its weights are at first those of DCGAN,
whose guidelines the paper follows.
"""

from __future__ import annotations

import keras
from keras import initializers, layers

from gantk import ConfigError
from gantk_networks.convolutions import DEVIATION, convolution, normalization
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.super_resolution_options import VGGOptions

_PAIRS = 4


def build(options: VGGOptions, *, input_shape: tuple[int | None, int | None, int]) -> keras.Model:
    """Build the discriminator.

    Args:
        options: The network's options.
        input_shape: `(height, width, channels)`, the only size it takes.

    Returns:
        A model from float images to one logit each: batch × 1.

    Raises:
        ConfigError: Height or width is not known.
    """
    if None in input_shape:
        raise ConfigError(
            "The vgg discriminator judges whole images of one size, which must be known.\n"
            f"Received: height {input_shape[0]}, width {input_shape[1]}",
            hint="Crop the images to one size, or choose a discriminator of patches or pixels: patchgan, unet_sn.",
        )
    image = layers.Input(input_shape, name="image")
    x = image
    for layer in range(1, 2 * _PAIRS + 1):
        name = f"layer_{layer}"
        filters = options.filters * 2 ** ((layer - 1) // 2)
        biased = layer == 1 or options.normalization == "none"
        strides = 2 - layer % 2
        x = convolution(filters, 3, strides=strides, padding="same", use_bias=biased, name=name)(x)
        if layer > 1:
            x = normalization(options.normalization, name=f"{name}_norm")(x)
        x = LeakyReLU(0.2, name=f"{name}_relu")(x)
    x = layers.Flatten(name="features")(x)
    first = initializers.RandomNormal(stddev=DEVIATION)
    x = LeakyReLU(0.2, name="dense_relu")(layers.Dense(options.units, kernel_initializer=first, name="dense")(x))
    first = initializers.RandomNormal(stddev=DEVIATION)
    return keras.Model(image, layers.Dense(1, kernel_initializer=first, name="logits")(x), name="vgg")
