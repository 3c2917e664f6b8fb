"""EfficientNet-lite0, from a file of PyTorch's names and layout (Tan 2019; the lite variant without squeeze and excitation)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gantk_metrics.weight_file import WeightFile

MEAN = (127.0, 127.0, 127.0)
SCALE = (128.0, 128.0, 128.0)
"""The lite networks' own normalisation; it is not ImageNet's mean and deviation."""

_BLOCKS = 16
_HALVING = frozenset((1, 3, 5, 11))
"""Blocks that halve height and width, beside the stem."""

_EPSILON = 1e-3


def build(path: str, *, classes: bool = False) -> tuple[keras.Model, dict[str, str]]:
    """Build the network.

    Args:
        path: A .npz file: `_conv_stem.weight` (out × in × height × width), `_bn0.weight`, …,
            `_blocks.0._depthwise_conv.weight`, …, `_conv_head.weight`, `_bn1.…`, and `_fc.weight` (classes × features).
        classes: End with the classifier's logits in place of the averaged features.

    Returns:
        The model, from batch × height × width × 3, normalised by `MEAN` and `SCALE`; and its description for protocols.

    Raises:
        RunFailed: The file does not hold these weights. Their widths may be any.
    """
    weights = WeightFile(path, "efficientnet_lite0")
    image = keras.Input((None, None, 3))
    features = _convolution(image, weights, "_conv_stem", "_bn0", strides=2, activation="relu6")
    for number in range(_BLOCKS):
        features = _block(features, weights, f"_blocks.{number}.", 2 if number in _HALVING else 1)
    features = _convolution(features, weights, "_conv_head", "_bn1", activation="relu6")
    features = keras.layers.GlobalAveragePooling2D()(features)
    layer = "average of the head convolution"
    if classes:
        width = features.shape[-1]
        kernel = weights.take("_fc.weight", (None, width))
        classifier = keras.layers.Dense(kernel.shape[0])
        features = classifier(features)
        classifier.set_weights([kernel.T, weights.take("_fc.bias", (kernel.shape[0],))])
        layer = "logits of the classes"
    network = keras.Model(image, features)
    network.trainable = False
    return network, {"network": "EfficientNet-lite0", **weights.description, "layer": layer}


def _block(features: Any, weights: WeightFile, name: str, strides: int) -> Any:
    """Apply an inverted residual block: expand, depthwise, project."""
    inputs = features
    if f"{name}_expand_conv.weight" in weights:
        features = _convolution(features, weights, f"{name}_expand_conv", f"{name}_bn0", activation="relu6")
    features = _depthwise(features, weights, f"{name}_depthwise_conv", f"{name}_bn1", strides)
    features = _convolution(features, weights, f"{name}_project_conv", f"{name}_bn2")
    if strides == 1 and features.shape[-1] == inputs.shape[-1]:
        features = keras.layers.Add()([features, inputs])
    return features


def _convolution(
    features: Any, weights: WeightFile, name: str, norm: str, *, strides: int = 1, activation: str | None = None
) -> Any:
    kernel = weights.take(f"{name}.weight", (None, features.shape[-1], None, None))
    factor, bias = _folded(weights, norm, kernel.shape[0])
    layer = keras.layers.Conv2D(
        kernel.shape[0],
        kernel.shape[2:],
        strides=strides,
        padding="same",
        activation=activation,
        kernel_initializer="zeros",
    )
    outputs = layer(features)
    layer.set_weights([kernel.transpose(2, 3, 1, 0) * factor, bias])
    return outputs


def _depthwise(features: Any, weights: WeightFile, name: str, norm: str, strides: int) -> Any:
    channels = features.shape[-1]
    kernel = weights.take(f"{name}.weight", (channels, 1, None, None))
    factor, bias = _folded(weights, norm, channels)
    layer = keras.layers.DepthwiseConv2D(
        kernel.shape[2:], strides=strides, padding="same", activation="relu6", depthwise_initializer="zeros"
    )
    outputs = layer(features)
    layer.set_weights([kernel.transpose(2, 3, 0, 1) * factor[:, None], bias])
    return outputs


def _folded(weights: WeightFile, norm: str, channels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the factor and bias that the batch norm after a convolution without bias comes to."""
    scale, shift, mean, variance = (
        weights.take(f"{norm}.{name}", (channels,)).astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(variance + _EPSILON)
    return factor.astype(np.float32), (shift - mean * factor).astype(np.float32)
