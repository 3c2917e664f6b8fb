"""VGG16's convolutions, from a file (Simonyan 2015, configuration D)."""

from __future__ import annotations

import keras

from gantk_metrics.weight_file import WeightFile

MEAN = (123.675, 116.28, 103.53)
SCALE = (58.395, 57.12, 57.375)
"""ImageNet's mean and deviation in levels, as torchvision has them: 255 × (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)."""

LAYERS = {"relu1_2": 2, "relu2_2": 4, "relu3_3": 7, "relu4_3": 10, "relu5_3": 13}
"""Convolutions up to the last layer before each pooling, that layer included."""

SMALLEST = 16
"""Sides below this leave nothing after four poolings."""


def taps(weights: WeightFile) -> keras.Model:
    """Build the network up to relu5_3, with an output at each of the five layers of `LAYERS`.

    Returns:
        A model from batch × height × width × 3, normalised by `MEAN` and `SCALE`, to five feature maps.

    Raises:
        RunFailed: The file does not hold these weights. Their widths may be any.
    """
    image = keras.Input((None, None, 3))
    features = image
    outputs = []
    channels = 3
    for number in range(max(LAYERS.values())):
        if number in LAYERS.values():
            features = keras.layers.MaxPooling2D(2)(features)
        kernel = weights.take(f"conv{number}/kernel", (3, 3, channels, None))
        channels = kernel.shape[-1]
        convolution = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", kernel_initializer="zeros")
        features = convolution(features)
        convolution.set_weights([kernel, weights.take(f"conv{number}/bias", (channels,))])
        if number + 1 in LAYERS.values():
            outputs.append(features)
    network = keras.Model(image, outputs)
    network.trainable = False
    return network


def build(path: str, layer: str) -> tuple[keras.Model, dict[str, str]]:
    """Build the network up to a layer, averaged over the picture.

    Args:
        path: A .npz file, `conv0/kernel` (3 × 3 × in × out) and `conv0/bias` to `conv12`.
        layer: A key of `LAYERS`.

    Returns:
        The model, and its description for protocols.
    """
    weights = WeightFile(path, "vgg16")
    maps = taps(weights)
    features = keras.layers.GlobalAveragePooling2D()(maps.outputs[list(LAYERS).index(layer)])
    return keras.Model(maps.inputs[0], features), {
        "network": "VGG16",
        **weights.description,
        "layer": f"{layer}, averaged over the picture",
    }
