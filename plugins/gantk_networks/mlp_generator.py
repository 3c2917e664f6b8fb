"""A generator of dense layers, as for the toys of Gulrajani 2017, section 4 (https://arxiv.org/abs/1704.00028).

Hidden layers with ReLU, one to the image's numbers, tanh. Weights as He 2015 draws them.
"""

from __future__ import annotations

import math

import keras
from keras import initializers, layers

from gantk_networks.latent_inputs import latent_inputs, with_labels
from gantk_networks.mlp_options import MLPGeneratorOptions


def build(
    options: MLPGeneratorOptions, *, latents: int, output_shape: tuple[int, int, int], classes: int = 0
) -> keras.Model:
    """Build the generator.

    Args:
        options: The network's options.
        latents: Length of a latent vector.
        output_shape: `(height, width, channels)` of the images.
        classes: Labels; their one-hot vectors are laid behind the latent ones.

    Returns:
        A model from latent vectors (and labels) to float32 images in [-1, 1].
    """
    inputs, vectors, labels = latent_inputs(latents, classes)
    x = with_labels(vectors, labels)
    for number in range(1, options.depth + 1):
        x = layers.Dense(options.width, kernel_initializer=initializers.HeNormal(), name=f"dense_{number}")(x)
        x = layers.ReLU(name=f"dense_{number}_relu")(x)
    x = layers.Dense(math.prod(output_shape), name="numbers")(x)
    x = layers.Reshape(output_shape, name="image")(x)
    return keras.Model(inputs, layers.Activation("tanh", dtype="float32", name="colours")(x), name="mlp_generator")
