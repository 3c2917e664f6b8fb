"""The residual generator of WGAN-GP and SNGAN.

A dense layer to 4 × 4, then residual blocks that each double the resolution, batch normalization, ReLU, and a 3×3 convolution
to the image with tanh. A block is

    x ↦ conv(relu(norm(conv(enlarged(relu(norm(x))))))) + enlarged(conv1×1(x)),

enlarged by repeating pixels, with 3×3 convolutions. The shortcut is convolved before it is enlarged, which is the same and
four times cheaper. First weights are Glorot's, √2 times as large inside the blocks.

Reference:
    Gulrajani 2017, https://arxiv.org/abs/1704.00028, appendix F; Miyato 2018, https://arxiv.org/abs/1802.05957, tables 4 to 6
    and figure 8; conditional: Miyato 2018, https://arxiv.org/abs/1802.05637, figure 14.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from gantk_networks.conditional_batch_normalization import ConditionalBatchNormalization
from gantk_networks.glorot import glorot
from gantk_networks.image_size import halvings
from gantk_networks.latent_inputs import latent_inputs, with_labels
from gantk_networks.synthesis_options import ResNetGANGeneratorOptions

_SMALLEST = 4
_STATISTICS = {"momentum": 0.9, "epsilon": 2e-5}
_Normalization = Callable[[Any, str], Any]


def build(
    options: ResNetGANGeneratorOptions, *, latents: int, output_shape: tuple[int, int, int], classes: int = 0
) -> keras.Model:
    """Build the generator.

    Args:
        options: The network's options.
        latents: Length of a latent vector.
        output_shape: `(height, width, channels)` of the images.
        classes: Labels; what they do the options say.

    Returns:
        A model from latent vectors (and labels) to float32 images in [-1, 1].

    Raises:
        ConfigError: The network cannot make images of this size.
    """
    doublings, height, width = halvings("resnet_gan", output_shape, smallest=_SMALLEST)
    inputs, vectors, labels = latent_inputs(latents, classes)
    conditional = labels is not None and options.labels == "normalization"
    x = vectors if conditional else with_labels(vectors, labels)

    def normalized(x: Any, name: str) -> Any:
        if conditional:
            return ConditionalBatchNormalization(**_STATISTICS, name=name)([x, labels])
        return layers.BatchNormalization(**_STATISTICS, name=name)(x)

    filters = min(options.widest, options.filters * 2**doublings)
    x = layers.Dense(height * width * filters, kernel_initializer=glorot(), name="dense")(x)
    x = layers.Reshape((height, width, filters), name="grid")(x)
    for number in range(1, doublings + 1):
        filters = min(options.widest, options.filters * 2 ** (doublings - number))
        x = _enlarging_block(x, filters, normalized, f"up_{number}")
    x = layers.ReLU(name="image_relu")(layers.BatchNormalization(**_STATISTICS, name="image_norm")(x))
    x = layers.Conv2D(output_shape[-1], 3, padding="same", kernel_initializer=glorot(), name="image")(x)
    return keras.Model(
        inputs, layers.Activation("tanh", dtype="float32", name="colours")(x), name="resnet_gan_generator"
    )


def _enlarging_block(x: Any, filters: int, normalized: _Normalization, name: str) -> Any:
    shortcut = layers.Conv2D(filters, 1, kernel_initializer=glorot(), name=f"{name}_shortcut")(x)
    shortcut = layers.UpSampling2D(2, name=f"{name}_shortcut_enlarged")(shortcut)
    x = layers.ReLU(name=f"{name}_relu_1")(normalized(x, f"{name}_norm_1"))
    x = layers.UpSampling2D(2, name=f"{name}_enlarged")(x)
    # No bias in front of a normalization.
    x = _convolution(filters, f"{name}_conv_1", use_bias=False)(x)
    x = layers.ReLU(name=f"{name}_relu_2")(normalized(x, f"{name}_norm_2"))
    return layers.Add(name=f"{name}_sum")([_convolution(filters, f"{name}_conv_2")(x), shortcut])


def _convolution(filters: int, name: str, *, use_bias: bool = True) -> layers.Conv2D:
    kernel = glorot(gain=2**0.5)
    return layers.Conv2D(filters, 3, padding="same", use_bias=use_bias, kernel_initializer=kernel, name=name)
