"""The discriminator of Real-ESRGAN (Wang 2021, section 3.3, and its code): a U-Net with spectral normalization.

A 3×3 convolution; three 4×4 convolutions of stride 2; three times a bilinear doubling and a 3×3 convolution, plus the
features of the same resolution from the way down; two 3×3 convolutions, and one to the logits. LeakyReLU 0.2. All but
the first and the last convolution have their kernel divided by its largest singular value, and no bias.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from gantk_networks.enlargement import Enlargement
from gantk_networks.input_size import check_input_size
from gantk_networks.kaiming import pytorch_uniform, uniform_convolution
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.spectral_convolution import SpectralConvolution2D
from gantk_networks.super_resolution_options import SpectralUNetOptions

_DOWNS = 3


def build(options: SpectralUNetOptions, *, input_shape: tuple[int | None, int | None, int]) -> keras.Model:
    """Build the discriminator.

    Args:
        options: The network's options.
        input_shape: `(height | None, width | None, channels)`. The network takes images of every size that is a
            multiple of 8; the size given here is only checked.

    Returns:
        A model from float images to logits, one for each pixel: batch × height × width × 1.

    Raises:
        ConfigError: Height or width is no such multiple.
    """
    check_input_size("unet_sn", input_shape, multiple=2**_DOWNS, smallest=2**_DOWNS)

    def spectral(x: Any, filters: int, name: str, *, size: int = 3, strides: int = 1) -> Any:
        x = layers.ZeroPadding2D(1, name=f"{name}_padding")(x)
        x = SpectralConvolution2D(
            filters, size, strides=strides, use_bias=False, kernel_initializer=pytorch_uniform(), name=name
        )(x)
        return LeakyReLU(0.2, name=f"{name}_relu")(x)

    image = layers.Input((None, None, input_shape[-1]), name="image")
    x = LeakyReLU(0.2, name="first_relu")(uniform_convolution(options.filters, 3, name="first")(image))
    features = [x]
    for down in range(1, _DOWNS + 1):
        x = spectral(x, options.filters * 2**down, f"down_{down}", size=4, strides=2)
        features.append(x)
    features.pop()
    for up in range(1, _DOWNS + 1):
        x = Enlargement(2, interpolation="bilinear", name=f"up_{up}_resize")(x)
        x = spectral(x, options.filters * 2 ** (_DOWNS - up), f"up_{up}")
        skipped = features.pop()
        if options.skips:
            x = layers.Add(name=f"up_{up}_skip")([x, skipped])
    for layer in (1, 2):
        x = spectral(x, options.filters, f"last_{layer}")
    return keras.Model(image, uniform_convolution(1, 3, name="logits")(x), name="unet_sn")
