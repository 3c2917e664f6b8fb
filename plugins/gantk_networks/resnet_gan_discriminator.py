"""The residual discriminator of WGAN-GP and SNGAN.

Residual blocks that halve the resolution, blocks that keep it, ReLU, the sum (or mean) over all positions, and a dense layer
to the logit. A block is

    x ↦ pooled(conv(relu(norm(conv(relu(norm(x))))))) + conv1×1(pooled(x)),

pooled by the mean of 2 × 2, with 3×3 convolutions; the first block leaves out its first normalization and ReLU, a block that
keeps resolution and channels has x itself as its shortcut. Pooling before the 1×1 convolution is the same as behind
it, and four times cheaper. First weights are Glorot's, √2 times as large inside the blocks.

Reference:
    Gulrajani 2017, https://arxiv.org/abs/1704.00028, appendix F; Miyato 2018, https://arxiv.org/abs/1802.05957, tables 4 to 6
    and figure 8.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from gantk import ConfigError
from gantk_networks.critic_normalization import critic_normalization
from gantk_networks.global_sum_pooling import GlobalSumPooling2D
from gantk_networks.glorot import glorot
from gantk_networks.image_size import halvings
from gantk_networks.judgements import judgements
from gantk_networks.spectral_convolution import SpectralConvolution2D
from gantk_networks.synthesis_options import ResNetGANDiscriminatorOptions

_SMALLEST = 4


def build(
    options: ResNetGANDiscriminatorOptions, *, input_shape: tuple[int | None, int | None, int], outputs: int = 1
) -> keras.Model:
    """Build the discriminator.

    Args:
        options: The network's options.
        input_shape: `(height, width, channels)`. With `downsamplings` height and width may be None.
        outputs: Numbers for each image.

    Returns:
        A model from float images to batch × outputs.

    Raises:
        ConfigError: The network cannot judge images of this size.
    """
    count = _downsamplings(options, input_shape)

    def width(block: int) -> int:
        return min(options.widest, options.filters * 2**block)

    image = layers.Input(input_shape, name="image")
    x = image
    for number in range(count):
        x = _block(x, options, width(number), f"down_{number + 1}", first=number == 0, halve=True)
    for number in range(options.blocks):
        x = _block(x, options, width(count), f"same_{number + 1}", first=count == number == 0, halve=False)
    if count + options.blocks:
        x = critic_normalization(options.normalization, name="features_norm")(x)
    x = layers.ReLU(name="features_relu")(x)
    pooling = GlobalSumPooling2D if options.pooling == "sum" else layers.GlobalAveragePooling2D
    judged = judgements(pooling(name="features")(x), outputs, spectral=options.spectral, kernel_initializer=glorot)
    return keras.Model(image, judged, name="resnet_gan_discriminator")


def _downsamplings(options: ResNetGANDiscriminatorOptions, shape: tuple[int | None, int | None, int]) -> int:
    if options.downsamplings is None:
        return halvings("resnet_gan", shape, smallest=_SMALLEST)[0]
    multiple = 2**options.downsamplings
    if any(side is not None and side % multiple for side in shape[:2]):
        raise ConfigError(
            f"The network 'resnet_gan' with downsamplings: {options.downsamplings} needs images whose height and width are "
            f"multiples of {multiple}.\nReceived: height {shape[0]}, width {shape[1]}",
            hint="Set fewer `downsamplings` of the discriminator, or resize the images in the prepare stage.",
        )
    return options.downsamplings


def _block(x: Any, options: ResNetGANDiscriminatorOptions, filters: int, name: str, *, first: bool, halve: bool) -> Any:
    channels = x.shape[-1]
    shortcut = x
    if halve:
        shortcut = layers.AveragePooling2D(2, name=f"{name}_shortcut_pooled")(shortcut)
    if halve or channels != filters:
        shortcut = _convolution(options, filters, f"{name}_shortcut", size=1)(shortcut)
    if not first:
        x = critic_normalization(options.normalization, name=f"{name}_norm_1")(x)
        x = layers.ReLU(name=f"{name}_relu_1")(x)
    # As in Miyato's code, the first convolution has the channels of what comes in; of an image those of what goes out.
    x = _padded(x, options, filters if first else channels, f"{name}_conv_1")
    x = critic_normalization(options.normalization, name=f"{name}_norm_2")(x)
    x = layers.ReLU(name=f"{name}_relu_2")(x)
    x = _padded(x, options, filters, f"{name}_conv_2")
    if halve:
        x = layers.AveragePooling2D(2, name=f"{name}_pooled")(x)
    return layers.Add(name=f"{name}_sum")([x, shortcut])


def _padded(x: Any, options: ResNetGANDiscriminatorOptions, filters: int, name: str) -> Any:
    x = layers.ZeroPadding2D(1, name=f"{name}_padding")(x)
    return _convolution(options, filters, name, size=3, gain=2**0.5)(x)


def _convolution(
    options: ResNetGANDiscriminatorOptions, filters: int, name: str, *, size: int, gain: float = 1.0
) -> layers.Layer:
    kind = SpectralConvolution2D if options.spectral else layers.Conv2D
    return kind(filters, size, kernel_initializer=glorot(gain), name=name)
