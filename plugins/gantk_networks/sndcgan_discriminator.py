"""The convolutional discriminator of SNGAN (Miyato 2018, https://arxiv.org/abs/1802.05957, table 3).

3×3 convolutions of stride 1 and 4×4 ones of stride 2 in turn, down to 4 × 4, LeakyReLU 0.1 behind each, and a dense layer
to the logit. Weights from N(0, 0.02). The channels are doubled by each convolution of stride 2, as the authors' code and
Kurach 2019 (compare_gan) have it; the paper's table doubles them one layer later.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import initializers, layers

from gantk_networks.convolutions import DEVIATION, convolution
from gantk_networks.critic_normalization import critic_normalization
from gantk_networks.image_size import halvings
from gantk_networks.judgements import judgements
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.synthesis_options import SNDCGANDiscriminatorOptions

_SMALLEST = 4
_SLOPE = 0.1


def build(
    options: SNDCGANDiscriminatorOptions, *, input_shape: tuple[int | None, int | None, int], outputs: int = 1
) -> keras.Model:
    """Build the discriminator.

    Args:
        options: The network's options.
        input_shape: `(height, width, channels)`, the only size it takes.
        outputs: Numbers for each image.

    Returns:
        A model from float images to batch × outputs.

    Raises:
        ConfigError: The network cannot judge images of this size.
    """
    count, _, _ = halvings("sndcgan", input_shape, smallest=_SMALLEST)

    def layer(x: Any, filters: int, name: str, *, size: int, strides: int) -> Any:
        x = layers.ZeroPadding2D(1, name=f"{name}_padding")(x)
        filters = min(options.widest, filters)
        biased = name == "same_0" or options.normalization != "batch"
        x = convolution(filters, size, spectral=options.spectral, strides=strides, use_bias=biased, name=name)(x)
        if name != "same_0":
            x = critic_normalization(options.normalization, name=f"{name}_norm")(x)
        return LeakyReLU(_SLOPE, name=f"{name}_relu")(x)

    image = layers.Input(input_shape, name="image")
    x = layer(image, options.filters, "same_0", size=3, strides=1)
    for number in range(1, count + 1):
        filters = options.filters * 2**number
        x = layer(x, filters, f"down_{number}", size=4, strides=2)
        x = layer(x, filters, f"same_{number}", size=3, strides=1)
    judged = judgements(
        layers.Flatten(name="features")(x),
        outputs,
        spectral=options.spectral,
        kernel_initializer=lambda: initializers.RandomNormal(stddev=DEVIATION),
    )
    return keras.Model(image, judged, name="sndcgan_discriminator")
