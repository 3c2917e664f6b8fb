"""Learned perceptual image patch similarity."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from gantk import Component, RunFailed
from gantk_metrics.options import LPIPSOptions
from gantk_metrics.pairs import PairedMetric
from gantk_metrics.picture_levels import to_rgb

LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
"""The layers whose features are compared, one head each."""


class PerceptualDistance:
    """The distance LPIPS with VGG16.

    Zhang 2018, equation 1: at each of five layers the features of both pictures are scaled to unit length at every
    position, their squared difference is weighed by channel, summed over channels and averaged over positions; the five
    numbers are added up.

    Args:
        features: `vgg16`, from a .npz file that also has the weights of the channels, `lin0/kernel`
            (1 × 1 × channels × 1) to `lin4/kernel`.

    Raises:
        RunFailed: The file does not hold these weights.
    """

    def __init__(self, features: Component) -> None:
        source: Any = features.create()
        self._preprocessing = source.preprocessing
        self._smallest = max(features.options.layers[layer] for layer in LAYERS)
        network = source.build(LAYERS)
        first, second = keras.Input((None, None, 3)), keras.Input((None, None, 3))
        distance: Any = 0.0
        for number, (one, other) in enumerate(zip(network(first), network(second), strict=True)):
            head = source.further_weights(f"lin{number}/kernel", (1, 1, one.shape[-1], 1), needed_by="lpips")
            difference = ops.square(_unit_length(one) - _unit_length(other)) * head.reshape(-1)
            distance = distance + ops.mean(ops.sum(difference, axis=-1), axis=(1, 2))
        self._network = keras.Model([first, second], distance)
        self.description = {
            **source.description,
            "network": f"{source.description['network']} with LPIPS heads",
            "layers": ", ".join(LAYERS),
        }

    def __call__(self, first: NDArray[Any], second: NDArray[Any], batch_size: int) -> NDArray[np.float64]:
        """Return the distance of each pair.

        Args:
            first: Levels in 0 … 255, batch × height × width × 3, sides of at least 16 pixels.
            second: Of the same shape.
            batch_size: Most pairs in one call of the network.

        Raises:
            RunFailed: The pictures are too small.
        """
        if min(first.shape[1:3]) < self._smallest:
            raise RunFailed(
                f"lpips: pictures must have sides of at least {self._smallest} pixels. "
                f"Received: {first.shape[2]} × {first.shape[1]}"
            )
        distances = []
        for start in range(0, len(first), batch_size):
            batch = slice(start, start + batch_size)
            pair = [self._preprocessing(images[batch].astype(np.float32)) for images in (first, second)]
            distances.append(np.asarray(self._network.predict_on_batch(pair), np.float64))
        return np.concatenate(distances)


def _unit_length(features: Any) -> Any:
    return features / (ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True)) + 1e-10)


class LPIPS(PairedMetric[LPIPSOptions]):
    """The mean over pairs of their perceptual distance."""

    name = "lpips"
    better = "lower"

    @cached_property
    def _distance(self) -> PerceptualDistance:
        return PerceptualDistance(self.options.features)

    def batch_pairs(self, pixels: int) -> int:
        """Return the option, or fewer of large photographs, whose features take hundreds of times their size."""
        return min(self.options.batch_size, super().batch_pairs(pixels))

    def scores(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return each pair's distance."""
        return self._distance(to_rgb(first, "a picture"), to_rgb(second, "a picture"), self.options.batch_size)

    def protocol(self) -> Mapping[str, Any]:
        """Say which weights were used, and that nothing was resized."""
        return {"features": self._distance.description, "resizer": "none: pictures have their own size"}
