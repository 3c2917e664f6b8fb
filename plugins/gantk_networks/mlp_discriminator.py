"""A discriminator of dense layers, as for the toys of Gulrajani 2017, section 4 (https://arxiv.org/abs/1704.00028).

Hidden layers with ReLU and one to the logit. Weights as He 2015 draws them.
"""

from __future__ import annotations

import keras
from keras import initializers, layers

from gantk_networks.judgements import judgements
from gantk_networks.mlp_options import MLPDiscriminatorOptions
from gantk_networks.spectral_dense import SpectralDense


def build(
    options: MLPDiscriminatorOptions, *, input_shape: tuple[int | None, int | None, int], outputs: int = 1
) -> keras.Model:
    """Build the discriminator.

    Args:
        options: The network's options.
        input_shape: `(height, width, channels)`, the only size it takes.
        outputs: Numbers for each image.

    Returns:
        A model from float images to batch × outputs.
    """
    dense = SpectralDense if options.spectral else layers.Dense
    image = layers.Input(input_shape, name="image")
    x = layers.Flatten(name="numbers")(image)
    for number in range(1, options.depth + 1):
        x = dense(options.width, kernel_initializer=initializers.HeNormal(), name=f"dense_{number}")(x)
        x = layers.ReLU(name=f"dense_{number}_relu")(x)
    judged = judgements(x, outputs, spectral=options.spectral, kernel_initializer=initializers.GlorotUniform)
    return keras.Model(image, judged, name="mlp_discriminator")
