"""The generator of ESRGAN (Wang 2018, section 3.1, and its code): residual-in-residual dense blocks.

3×3 convolutions throughout, LeakyReLU 0.2. A dense block is five of them, each of which sees the block's input and the
results of all before it; the last, without activation, is scaled by 0.2 and added to the block's input. Three dense
blocks, scaled and added likewise, make one block. A convolution after all blocks is added to the features before them.
Then, for each doubling, enlargement by nearest neighbour and a convolution; one more; and one to the result.
A factor of 3 is one enlargement, as in the authors' code.

It sees colours from 0 to 1 and makes such: what lies outside the image, zero, is black.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from gantk_networks.enlargement import Enlargement
from gantk_networks.kaiming import kaiming_convolution, uniform_convolution
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.super_resolution_options import RRDBOptions

_DENSE_BLOCKS = 3
_CONVOLUTIONS = 5
_FIRST_WEIGHTS = 0.1


def build(
    options: RRDBOptions, *, input_shape: tuple[int | None, int | None, int], output_channels: int
) -> keras.Model:
    """Build the generator.

    Args:
        options: The network's options.
        input_shape: `(height | None, width | None, channels)`. The network takes images of any size.
        output_channels: Channels of the result.

    Returns:
        A model from float images in [-1, 1] to float32 images of `factor` times their height and width, about in
        [-1, 1] and not cut off.
    """

    def scaled_sum(x: Any, y: Any, name: str) -> Any:
        y = layers.Rescaling(options.residual_scale, name=f"{name}_scale")(y)
        return layers.Add(name=f"{name}_sum")([x, y])

    def dense_block(x: Any, name: str) -> Any:
        features = [x]
        for index in range(1, _CONVOLUTIONS):
            seen = features[0] if index == 1 else layers.Concatenate(name=f"{name}_seen_{index}")(features)
            y = kaiming_convolution(options.growth, 3, factor=_FIRST_WEIGHTS, name=f"{name}_{index}")(seen)
            features.append(LeakyReLU(0.2, name=f"{name}_{index}_relu")(y))
        seen = layers.Concatenate(name=f"{name}_seen_{_CONVOLUTIONS}")(features)
        y = kaiming_convolution(options.filters, 3, factor=_FIRST_WEIGHTS, name=f"{name}_{_CONVOLUTIONS}")(seen)
        return scaled_sum(x, y, name)

    image = layers.Input((None, None, input_shape[-1]), name="image")
    x = layers.Rescaling(0.5, 0.5, name="from_0_to_1")(image)
    x = uniform_convolution(options.filters, 3, name="first")(x)
    before = x
    for block in range(1, options.blocks + 1):
        y = x
        for dense in range(1, _DENSE_BLOCKS + 1):
            y = dense_block(y, f"block_{block}_dense_{dense}")
        x = scaled_sum(x, y, f"block_{block}")
    x = layers.Add(name="blocks_sum")([before, uniform_convolution(options.filters, 3, name="after_blocks")(x)])
    for step, factor in enumerate(options.enlargements, start=1):
        x = Enlargement(factor, interpolation="nearest", name=f"up_{step}_resize")(x)
        x = LeakyReLU(0.2, name=f"up_{step}_relu")(uniform_convolution(options.filters, 3, name=f"up_{step}")(x))
    x = LeakyReLU(0.2, name="enlarged_relu")(uniform_convolution(options.filters, 3, name="enlarged")(x))
    x = uniform_convolution(output_channels, 3, name="last")(x)
    return keras.Model(image, layers.Rescaling(2.0, -1.0, dtype="float32", name="colours")(x), name="rrdb")
