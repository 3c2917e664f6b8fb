"""The convolutional generator of SNGAN (Miyato 2018, https://arxiv.org/abs/1802.05957, table 3).

A dense layer to 4 × 4, then transposed 4×4 convolutions of stride 2, each doubling the resolution and halving the channels,
and a 3×3 convolution to the image. Batch normalization and ReLU behind each convolution of stride 2, none behind the dense
layer; tanh at the end. Weights from N(0, 0.02). Often called SNDCGAN (Kurach 2019).
"""

from __future__ import annotations

import keras
from keras import initializers, layers

from gantk_networks.convolutions import DEVIATION, convolution, transposed_convolution
from gantk_networks.image_size import halvings
from gantk_networks.latent_inputs import latent_inputs, with_labels
from gantk_networks.synthesis_options import SNDCGANGeneratorOptions

_SMALLEST = 4


def build(
    options: SNDCGANGeneratorOptions, *, latents: int, output_shape: tuple[int, int, int], classes: int = 0
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
    doublings, height, width = halvings("sndcgan", output_shape, smallest=_SMALLEST)
    inputs, vectors, labels = latent_inputs(latents, classes)
    x = with_labels(vectors, labels)
    filters = min(options.widest, options.filters * 2**doublings)
    first = initializers.RandomNormal(stddev=DEVIATION)
    x = layers.Dense(height * width * filters, kernel_initializer=first, name="dense")(x)
    x = layers.Reshape((height, width, filters), name="grid")(x)
    for number in range(1, doublings + 1):
        filters = min(options.widest, options.filters * 2 ** (doublings - number))
        name = f"up_{number}"
        x = transposed_convolution(filters, 4, strides=2, padding="same", use_bias=False, name=name)(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=2e-5, name=f"{name}_norm")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
    x = convolution(output_shape[-1], 3, padding="same", name="image")(x)
    return keras.Model(inputs, layers.Activation("tanh", dtype="float32", name="colours")(x), name="sndcgan_generator")
