"""The discriminator of DCGAN (Radford 2016, section 3): the generator's mirror image.

4×4 convolutions of stride 2 down to 4 × 4, LeakyReLU 0.2 behind each, batch normalization behind all but the first, and a
dense layer to the logit. Weights from N(0, 0.02).
"""

from __future__ import annotations

import keras
from keras import initializers, layers

from gantk_networks.convolutions import DEVIATION, convolution
from gantk_networks.critic_normalization import critic_normalization
from gantk_networks.image_size import halvings
from gantk_networks.judgements import judgements
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.synthesis_options import DCGANDiscriminatorOptions

_SMALLEST = 4


def build(
    options: DCGANDiscriminatorOptions, *, input_shape: tuple[int | None, int | None, int], outputs: int = 1
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
    count, _, _ = halvings("dcgan", input_shape, smallest=_SMALLEST)
    image = layers.Input(input_shape, name="image")
    x = image
    for number in range(1, count + 1):
        name = f"down_{number}"
        filters = min(options.widest, options.filters * 2 ** (number - 1))
        biased = number == 1 or options.normalization in ("none", "layer")
        # One zero on every side, as PyTorch's padding of 1; Keras' `same` pads no otherwise here.
        x = layers.ZeroPadding2D(1, name=f"{name}_padding")(x)
        x = convolution(filters, 4, spectral=options.spectral, strides=2, use_bias=biased, name=name)(x)
        if number > 1:
            x = critic_normalization(options.normalization, name=f"{name}_norm")(x)
        x = LeakyReLU(0.2, name=f"{name}_relu")(x)
    judged = judgements(
        layers.Flatten(name="features")(x),
        outputs,
        spectral=options.spectral,
        kernel_initializer=lambda: initializers.RandomNormal(stddev=DEVIATION),
    )
    return keras.Model(image, judged, name="dcgan_discriminator")
