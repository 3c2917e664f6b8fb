"""Learned perceptual image patch similarity."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from gantk import RunFailed
from gantk_metrics import vgg16
from gantk_metrics.options import LPIPSOptions
from gantk_metrics.pairs import PairedMetric
from gantk_metrics.picture_levels import to_rgb
from gantk_metrics.weight_file import WeightFile


class PerceptualDistance:
    """The distance LPIPS with VGG16.

    Zhang 2018, equation 1: at each of five layers the features of both pictures are scaled to unit length at every
    position, their squared difference is weighed by channel, summed over channels and averaged over positions; the five
    numbers are added up.

    Args:
        path: A .npz file of VGG16 with the weights of the channels, `lin0/kernel` (1 × 1 × channels × 1) to `lin4/kernel`.

    Raises:
        RunFailed: The file does not hold these weights.
    """

    def __init__(self, path: str) -> None:
        weights = WeightFile(path, "lpips")
        network = vgg16.taps(weights)
        first, second = keras.Input((None, None, 3)), keras.Input((None, None, 3))
        distance: Any = 0.0
        for number, (one, other) in enumerate(zip(network(first), network(second), strict=True)):
            head = weights.take(f"lin{number}/kernel", (1, 1, one.shape[-1], 1)).reshape(-1)
            difference = ops.square(_unit_length(one) - _unit_length(other)) * head
            distance = distance + ops.mean(ops.sum(difference, axis=-1), axis=(1, 2))
        self._network = keras.Model([first, second], distance)
        self.description = {
            "network": "VGG16 with LPIPS heads",
            **weights.description,
            "layers": ", ".join(vgg16.LAYERS),
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
        if min(first.shape[1:3]) < vgg16.SMALLEST:
            raise RunFailed(
                f"lpips: pictures must have sides of at least {vgg16.SMALLEST} pixels. "
                f"Received: {first.shape[2]} × {first.shape[1]}"
            )
        distances = []
        for start in range(0, len(first), batch_size):
            pair = [_prepared(images[start : start + batch_size]) for images in (first, second)]
            distances.append(np.asarray(self._network.predict_on_batch(pair), np.float64))
        return np.concatenate(distances)


def _prepared(images: NDArray[Any]) -> NDArray[np.float32]:
    return (images.astype(np.float32) - np.float32(vgg16.MEAN)) / np.float32(vgg16.SCALE)


def _unit_length(features: Any) -> Any:
    return features / (ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True)) + 1e-10)


class LPIPS(PairedMetric[LPIPSOptions]):
    """The mean over pairs of their perceptual distance."""

    name = "lpips"
    better = "lower"

    @cached_property
    def _distance(self) -> PerceptualDistance:
        return PerceptualDistance(self.options.features.path)

    def batch_pairs(self, pixels: int) -> int:
        """Return the option."""
        return self.options.batch_size

    def scores(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return each pair's distance."""
        return self._distance(to_rgb(first, "a picture"), to_rgb(second, "a picture"), self.options.batch_size)

    def protocol(self) -> Mapping[str, Any]:
        """Say which weights were used, and that nothing was resized."""
        return {"features": self._distance.description, "resizer": "none: pictures have their own size"}
