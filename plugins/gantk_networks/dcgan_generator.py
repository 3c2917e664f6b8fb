"""The generator of DCGAN (Radford 2016, figure 1).

A dense layer to 4 × 4, then transposed 4×4 convolutions of stride 2, each doubling the resolution and halving the channels,
the last to the image. Batch normalization and ReLU behind all but the last; tanh at the end. Weights from N(0, 0.02). An
image whose shorter side is no power of two times 4 begins with some more pixels.
"""

from __future__ import annotations

import keras
from keras import initializers, layers

from gantk_networks.convolutions import DEVIATION, normalization, transposed_convolution
from gantk_networks.image_size import halvings
from gantk_networks.latent_inputs import latent_inputs, with_labels
from gantk_networks.synthesis_options import DCGANGeneratorOptions

_SMALLEST = 4


def build(
    options: DCGANGeneratorOptions, *, latents: int, output_shape: tuple[int, int, int], classes: int = 0
) -> keras.Model:
    """Build the generator.

    Args:
        options: The network's options.
        latents: Length of a latent vector.
        output_shape: `(height, width, channels)` of the images.
        classes: Labels; their one-hot vectors are laid behind the latent ones.

    Returns:
        A model from latent vectors (and labels) to float32 images in [-1, 1].

    Raises:
        ConfigError: The network cannot make images of this size.
    """
    doublings, height, width = halvings("dcgan", output_shape, smallest=_SMALLEST)
    biased = options.normalization == "none"
    inputs, vectors, labels = latent_inputs(latents, classes)
    x = with_labels(vectors, labels)
    filters = min(options.widest, options.filters * 2 ** max(0, doublings - 1))
    first = initializers.RandomNormal(stddev=DEVIATION)
    x = layers.Dense(height * width * filters, use_bias=biased, kernel_initializer=first, name="dense")(x)
    x = layers.Reshape((height, width, filters), name="grid")(x)
    x = normalization(options.normalization, name="dense_norm")(x)
    x = layers.ReLU(name="dense_relu")(x)
    for number in range(1, doublings):
        filters = min(options.widest, options.filters * 2 ** (doublings - 1 - number))
        name = f"up_{number}"
        x = transposed_convolution(filters, 4, strides=2, padding="same", use_bias=biased, name=name)(x)
        x = normalization(options.normalization, name=f"{name}_norm")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
    x = transposed_convolution(
        output_shape[-1], 4 if doublings else 3, strides=2 if doublings else 1, padding="same", name="image"
    )(x)
    return keras.Model(inputs, layers.Activation("tanh", dtype="float32", name="colours")(x), name="dcgan_generator")
