"""The residual generator of CycleGAN (Johnson 2016; Zhu 2017, appendix 7.2).

Reflect-pad 3, 7×7 convolution; convolutions of stride 2; residual blocks; as many upsamplings; reflect-pad 3, 7×7
convolution, tanh.

Orientation of the kernels. The original's convolutions of stride 2 pad one pixel on both sides, of which only the one
before the image is ever read; TensorFlow's `same` padding puts its one pixel after the image. Seen upside down they
are one and the same, for even sizes. So the network works on an image turned by 180 degrees, and turns its result
back: it equals the original exactly when every kernel is the original's turned by 180 degrees, and needs no padding
and cropping of large tensors. From a PyTorch kernel (either kind of convolution):
`kernel.transpose(2, 3, 1, 0)[::-1, ::-1]`. Biases in front of a normalization have no effect and do not exist here.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from gantk_networks.convolutions import convolution, normalization, reflected_convolution, transposed_convolution
from gantk_networks.enlargement import Enlargement
from gantk_networks.half_turn import HalfTurn
from gantk_networks.input_size import check_input_size
from gantk_networks.options import ResNetOptions


def build(
    options: ResNetOptions, *, input_shape: tuple[int | None, int | None, int], output_channels: int
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
        ConfigError: Height or width is no such multiple, or too small to be padded by reflection.
    """
    check_input_size(
        "resnet",
        input_shape,
        multiple=options.size_multiple,
        smallest=options.smallest_size,
    )
    biased = options.normalization == "none"

    def normalized(x: Any, name: str) -> Any:
        return normalization(options.normalization, affine=options.affine, name=f"{name}_norm")(x)

    def reflected(filters: int, size: int, name: str, *, use_bias: bool = biased) -> layers.Layer:
        return reflected_convolution(filters, size, use_bias=use_bias, algorithm=options.convolution, name=name)

    def residual_block(x: Any, name: str) -> Any:
        y = reflected(x.shape[-1], 3, f"{name}_first")(x)
        y = layers.ReLU(name=f"{name}_relu")(normalized(y, f"{name}_first"))
        if options.dropout:
            y = layers.Dropout(options.dropout, name=f"{name}_dropout")(y)
        y = reflected(x.shape[-1], 3, f"{name}_second")(y)
        return layers.Add(name=f"{name}_sum")([x, normalized(y, f"{name}_second")])

    def upsample(x: Any, filters: int, name: str) -> Any:
        if options.upsampling == "transposed":
            return transposed_convolution(filters, 3, strides=2, padding="same", use_bias=biased, name=name)(x)
        x = Enlargement(2, interpolation=options.interpolation, name=f"{name}_resize")(x)
        return reflected(filters, 3, name)(x)

    image = layers.Input((None, None, input_shape[-1]), name="image")
    x = HalfTurn(name="turn")(image)
    x = reflected(options.filters, 7, "first")(x)
    x = layers.ReLU(name="first_relu")(normalized(x, "first"))
    widths = [options.filters * 2**level for level in range(options.downsamplings + 1)]
    for level, width in enumerate(widths[1:], start=1):
        name = f"down_{level}"
        x = convolution(width, 3, strides=2, padding="same", use_bias=biased, name=name)(x)
        x = layers.ReLU(name=f"{name}_relu")(normalized(x, name))
    for block in range(1, options.blocks + 1):
        x = residual_block(x, f"block_{block}")
    for level, width in enumerate(reversed(widths[:-1]), start=1):
        x = upsample(x, width, f"up_{level}")
        x = layers.ReLU(name=f"up_{level}_relu")(normalized(x, f"up_{level}"))
    x = reflected(output_channels, 7, "last", use_bias=True)(x)
    # 16 bits would leave steps of 1/256 near black and white.
    x = layers.Activation("tanh", dtype="float32", name="tanh")(x)
    return keras.Model(image, HalfTurn(dtype="float32", name="turn_back")(x), name="resnet")
