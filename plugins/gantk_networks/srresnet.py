"""The generator of SRGAN, SRResNet (Ledig 2017, section 2.1, figure 4), and its successor without normalization.

With `normalization: batch`: 9×9 convolution, PReLU; residual blocks of 3×3 convolution, BatchNorm, PReLU, 3×3
convolution, BatchNorm; 3×3 convolution, BatchNorm, plus the features before the blocks; for each doubling a 3×3
convolution to four times the channels, pixel shuffle, PReLU; 9×9 convolution. The paper's figure ends there; public code
adds tanh, and so does this. Biases in front of a normalization teach nothing and are there only if asked for.

With `normalization: none`, MSRResNet of BasicSR: 3×3 ends, ReLU in the blocks and LeakyReLU 0.1 elsewhere, a further
3×3 convolution after the enlargement, and the bilinear enlargement of the input added at the end.

Both see colours from 0 to 1, as the paper says (section 3.2): what lies outside the image, zero, is black.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from gantk_networks.batch_normalization import BatchNormalization
from gantk_networks.enlarged_base import add_enlarged
from gantk_networks.kaiming import kaiming_convolution, prelu
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.pixel_shuffle import PixelShuffle
from gantk_networks.super_resolution_options import SRResNetOptions


def build(
    options: SRResNetOptions, *, input_shape: tuple[int | None, int | None, int], output_channels: int
) -> keras.Model:
    """Build the generator.

    Args:
        options: The network's options.
        input_shape: `(height | None, width | None, channels)`. The network takes images of any size.
        output_channels: Channels of the result.

    Returns:
        A model from float images in [-1, 1] to float32 images of `factor` times their height and width: in [-1, 1]
        with `normalization: batch`, otherwise about in [-1, 1] and not cut off.

    Raises:
        ConfigError: With `normalization: none`, another number of channels in the result than in the input.
    """
    image = layers.Input((None, None, input_shape[-1]), name="image")
    x = layers.Rescaling(0.5, 0.5, name="from_0_to_1")(image)
    if options.normalization == "batch":
        return keras.Model(image, _normalized(options, x, output_channels), name="srresnet")
    details = _unnormalized(options, x, output_channels)
    result = add_enlarged("srresnet", image, details, options.factor, interpolation="bilinear")
    return keras.Model(image, result, name="srresnet")


def _normalized(options: SRResNetOptions, x: Any, output_channels: int) -> Any:
    def convolution(x: Any, name: str) -> Any:
        x = kaiming_convolution(options.filters, 3, use_bias=options.biased, name=name)(x)
        return BatchNormalization(
            momentum=0.9, epsilon=options.epsilon, statistics_at_test="moving", name=f"{name}_norm"
        )(x)

    x = prelu("first_relu")(kaiming_convolution(options.filters, 9, name="first")(x))
    before = x
    for block in range(1, options.blocks + 1):
        name = f"block_{block}"
        y = prelu(f"{name}_relu")(convolution(x, f"{name}_first"))
        x = layers.Add(name=f"{name}_sum")([x, convolution(y, f"{name}_second")])
    x = layers.Add(name="blocks_sum")([before, convolution(x, "after_blocks")])
    for step, factor in enumerate(options.enlargements, start=1):
        x = kaiming_convolution(options.filters * factor**2, 3, name=f"up_{step}")(x)
        x = prelu(f"up_{step}_relu")(PixelShuffle(factor, name=f"up_{step}_shuffle")(x))
    x = kaiming_convolution(output_channels, 9, name="last")(x)
    # 16 bits would leave steps of 1/256 near black and white.
    return layers.Activation("tanh", dtype="float32", name="tanh")(x)


def _unnormalized(options: SRResNetOptions, x: Any, output_channels: int) -> Any:
    def convolution(x: Any, filters: int, name: str) -> Any:
        return kaiming_convolution(filters, 3, factor=0.1, name=name)(x)

    x = LeakyReLU(0.1, name="first_relu")(convolution(x, options.filters, "first"))
    for block in range(1, options.blocks + 1):
        name = f"block_{block}"
        y = layers.ReLU(name=f"{name}_relu")(convolution(x, options.filters, f"{name}_first"))
        x = layers.Add(name=f"{name}_sum")([x, convolution(y, options.filters, f"{name}_second")])
    for step, factor in enumerate(options.enlargements, start=1):
        x = convolution(x, options.filters * factor**2, f"up_{step}")
        x = LeakyReLU(0.1, name=f"up_{step}_relu")(PixelShuffle(factor, name=f"up_{step}_shuffle")(x))
    x = LeakyReLU(0.1, name="enlarged_relu")(convolution(x, options.filters, "enlarged"))
    return convolution(x, output_channels, "last")
