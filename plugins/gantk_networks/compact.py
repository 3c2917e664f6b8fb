"""A small generator for super-resolution: all work at the input's resolution.

3×3 convolutions with PReLU between them, the last to the channels of factor × factor pixels; pixel shuffle; plus the
input enlarged by nearest neighbour, or as the option `base` says. The structure is that of Real-ESRGAN's
SRVGGNetCompact, an ESPCN (Shi 2016) of equal layers that learns the difference from its input.

It sees colours from 0 to 1: what lies outside the image, zero, is black.
"""

from __future__ import annotations

import keras
from keras import layers

from gantk_networks.enlarged_base import add_enlarged
from gantk_networks.kaiming import prelu, uniform_convolution
from gantk_networks.pixel_shuffle import PixelShuffle
from gantk_networks.super_resolution_options import CompactOptions


def build(
    options: CompactOptions, *, input_shape: tuple[int | None, int | None, int], output_channels: int
) -> keras.Model:
    """Build the generator.

    Args:
        options: The network's options.
        input_shape: `(height | None, width | None, channels)`. The network takes images of any size.
        output_channels: Channels of the result, as many as of the input.

    Returns:
        A model from float images in [-1, 1] to float32 images of `factor` times their height and width, about in
        [-1, 1] and not cut off.

    Raises:
        ConfigError: Another number of channels in the result than in the input.
    """
    image = layers.Input((None, None, input_shape[-1]), name="image")
    x = layers.Rescaling(0.5, 0.5, name="from_0_to_1")(image)
    x = prelu("first_relu")(uniform_convolution(options.width, 3, name="first")(x))
    for layer in range(1, options.depth + 1):
        x = prelu(f"layer_{layer}_relu")(uniform_convolution(options.width, 3, name=f"layer_{layer}")(x))
    x = uniform_convolution(output_channels * options.factor**2, 3, name="last")(x)
    x = PixelShuffle(options.factor, name="shuffle")(x)
    result = add_enlarged("compact", image, x, options.factor, interpolation=options.base)
    return keras.Model(image, result, name="compact")
