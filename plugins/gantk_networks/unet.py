"""The U-Net generator of pix2pix (Isola 2017, section 6.1.1 and its code).

Every kernel is 4×4 with stride 2. Going down: convolution, normalization, LeakyReLU 0.2; going up: transposed
convolution, normalization, dropout, ReLU, with the features of the same resolution from the way down beside them. The
first and the innermost convolution have no normalization. The original tests one image at a time in training mode; so
does this network with batch normalization, in a form that can be repeated: each image is normalized by its own
statistics, and dropout has a fixed pattern. For sizes that are multiples of 2^downs the original's
padding of one pixel is exactly `same`; from a PyTorch kernel (either kind): `kernel.transpose(2, 3, 1, 0)`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from gantk_networks.convolutions import convolution, normalization, transposed_convolution
from gantk_networks.fixed_dropout import FixedDropout
from gantk_networks.input_size import check_input_size
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.options import UNetOptions

_WIDEST = 8


def build(
    options: UNetOptions, *, input_shape: tuple[int | None, int | None, int], output_channels: int
) -> keras.Model:
    """Build the generator.

    Args:
        options: The network's options.
        input_shape: `(height | None, width | None, channels)`. The network takes images of every size that is a
            multiple of `options.size_multiple`; the size given here is only checked.
        output_channels: Channels of the result.

    Returns:
        A model from float images in [-1, 1] to float32 images in [-1, 1] of the same height and width.

    Raises:
        ConfigError: Height or width is no such multiple.
    """
    check_input_size("unet", input_shape, multiple=options.size_multiple, smallest=options.size_multiple)
    # A convolution in front of a normalization needs no bias; the original gives the others one with
    # instance normalization only.
    biased = options.normalization != "batch"

    def normalized(x: Any, name: str) -> Any:
        return normalization(
            options.normalization,
            affine=options.affine,
            statistics_at_test=options.statistics_at_test,
            name=f"{name}_norm",
        )(x)

    def down(x: Any, level: int) -> Any:
        unnormalized = level in (1, options.downs) or options.normalization == "none"
        name = f"down_{level}"
        if level > 1:
            x = LeakyReLU(0.2, name=f"{name}_relu")(x)
        filters = options.filters * min(2 ** (level - 1), _WIDEST)
        use_bias = biased and unnormalized
        x = convolution(filters, 4, strides=2, padding="same", use_bias=use_bias, name=name)(x)
        return x if level in (1, options.downs) else normalized(x, name)

    image = layers.Input((None, None, input_shape[-1]), name="image")
    x = image
    skips = []
    for level in range(1, options.downs + 1):
        x = down(x, level)
        skips.append(x)
    x = skips.pop()
    for level in range(options.downs, 1, -1):
        name = f"up_{level}"
        filters = options.filters * min(2 ** (level - 2), _WIDEST)
        x = layers.ReLU(name=f"{name}_relu")(x)
        use_bias = options.normalization == "none"
        x = transposed_convolution(filters, 4, strides=2, padding="same", use_bias=use_bias, name=name)(x)
        x = normalized(x, name)
        # Levels between two of full width, as the original's code has them (the paper counts the innermost too).
        if options.dropout and 2 ** (level - 2) >= _WIDEST and level < options.downs:
            dropout = FixedDropout(
                options.dropout, at_test=options.drops_at_test, pattern=level, name=f"{name}_dropout"
            )
            x = dropout(x)
        x = layers.Concatenate(name=f"{name}_skip")([skips.pop(), x])
    x = layers.ReLU(name="last_relu")(x)
    x = transposed_convolution(output_channels, 4, strides=2, padding="same", name="last")(x)
    # 16 bits would leave steps of 1/256 near black and white.
    x = layers.Activation("tanh", dtype="float32", name="tanh")(x)
    return keras.Model(image, x, name="unet")
