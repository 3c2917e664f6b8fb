"""The patch discriminator of pix2pix and CycleGAN (Isola 2017, section 6.1.2 and its code).

4×4 convolutions, each padded by one zero on every side: `layers` of stride 2, one of stride 1, and one of stride 1 to
a single channel. From a PyTorch kernel: `kernel.transpose(2, 3, 1, 0)`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from gantk_networks.convolutions import convolution, normalization
from gantk_networks.input_size import check_input_size
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.options import PatchGANOptions

_WIDEST = 8


def build(options: PatchGANOptions, *, input_shape: tuple[int | None, int | None, int]) -> keras.Model:
    """Build the discriminator.

    Args:
        options: The network's options.
        input_shape: `(height | None, width | None, channels)`. The network takes images of any size; the size given
            here is only checked.

    Returns:
        A model from float images to logits, one for each patch: batch × rows × columns × 1, where
        rows = height / 2^layers - 2, rounded down.

    Raises:
        ConfigError: The images are smaller than one patch position needs.
    """
    check_input_size("patchgan", input_shape, multiple=1, smallest=3 * 2**options.layers)
    biased = options.normalization == "none"

    def padded_convolution(x: Any, filters: int, name: str, *, strides: int, use_bias: bool = True) -> Any:
        x = layers.ZeroPadding2D(1, name=f"{name}_padding")(x)
        made = convolution(filters, 4, spectral=options.spectral, strides=strides, use_bias=use_bias, name=name)
        return made(x)

    image = layers.Input((None, None, input_shape[-1]), name="image")
    x = padded_convolution(image, options.filters, "layer_1", strides=2)
    x = LeakyReLU(0.2, name="layer_1_relu")(x)
    for layer in range(2, options.layers + 2):
        name = f"layer_{layer}"
        filters = options.filters * min(2 ** (layer - 1), _WIDEST)
        strides = 2 if layer <= options.layers else 1
        x = padded_convolution(x, filters, name, strides=strides, use_bias=biased)
        x = normalization(options.normalization, affine=options.affine, name=f"{name}_norm")(x)
        x = LeakyReLU(0.2, name=f"{name}_relu")(x)
    return keras.Model(image, padded_convolution(x, 1, "logits", strides=1), name="patchgan")


def receptive_field(options: PatchGANOptions) -> int:
    """Return height and width, in pixels, of the patch that one logit judges: 16, 34, 70, 142 for 1, 2, 3, 4 layers."""
    pixels = 1
    for stride in (1, 1, *[2] * options.layers):
        pixels = (pixels - 1) * stride + 4
    return pixels
