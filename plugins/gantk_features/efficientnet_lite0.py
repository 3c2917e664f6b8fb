"""EfficientNet-lite0, from a file of PyTorch's names and layout (Tan 2019; the lite variant without squeeze and excitation)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gantk import FeaturePreprocessing
from gantk_features.float32_layers import float32_layers
from gantk_features.options import EfficientNetLite0Options
from gantk_features.weight_file import WeightFile

_BLOCKS = 16
_HALVING = frozenset((1, 3, 5, 11))
"""Blocks that halve height and width, beside the stem."""

_EPSILON = 1e-3


class EfficientNetLite0:
    """Outputs of the stem, of the sixteen blocks, of the convolution at the head, and the classifier's logits.

    The file holds `_conv_stem.weight` (out × in × height × width), `_bn0.weight`, …,
    `_blocks.0._depthwise_conv.weight`, …, `_conv_head.weight`, `_bn1.…`, and for the logits `_fc.weight`
    (classes × features). Widths may be any.

    Args:
        options: Where the weights are.

    Raises:
        RunFailed: There is no such file.
    """

    # The lite networks' own normalisation; it is not ImageNet's mean and deviation.
    preprocessing = FeaturePreprocessing((127.0,) * 3, (128.0,) * 3)

    def __init__(self, options: EfficientNetLite0Options) -> None:
        self._weights = WeightFile(options.path, "efficientnet_lite0")
        self.description: Mapping[str, str] = {"network": "EfficientNet-lite0", **self._weights.description}

    def build(self, layers: Sequence[str]) -> keras.Model:
        """Return the network as far as these layers.

        Raises:
            RunFailed: The file does not hold their weights.
        """
        with float32_layers():
            image = keras.Input((None, None, 3))
            outputs = self._outputs(image, set(layers))
            network = keras.Model(image, [outputs[name] for name in layers])
        network.trainable = False
        return network

    def _outputs(self, image: Any, wanted: set[str]) -> dict[str, Any]:
        """Build layer after layer until those wanted are there."""
        weights = self._weights
        features = _convolution(image, weights, "_conv_stem", "_bn0", strides=2, activation="relu6")
        outputs = {"stem": features}
        for number in range(_BLOCKS):
            if wanted <= outputs.keys():
                return outputs
            features = _block(features, weights, f"_blocks.{number}.", 2 if number in _HALVING else 1)
            outputs[f"block{number}"] = features
        outputs["head"] = _convolution(features, weights, "_conv_head", "_bn1", activation="relu6")
        if "logits" in wanted:
            averaged = keras.layers.GlobalAveragePooling2D()(outputs["head"])
            kernel = weights.take("_fc.weight", (None, averaged.shape[-1]))
            classifier = keras.layers.Dense(kernel.shape[0])
            outputs["logits"] = classifier(averaged)
            classifier.set_weights([kernel.T, weights.take("_fc.bias", (kernel.shape[0],))])
        return outputs


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
