"""A small classifier of labelled pictures, learnt from real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gantk_metrics.class_entropy import softmax
from gantk_metrics.ruined_pictures import ruined

_SMALLEST_MAP = 4
_SHARE_RUINED = 0.25


def build_label_classifier(shape: Sequence[int], classes: int, filters: int, seed: int) -> keras.Model:
    """Build a convolutional classifier of images in [-1, 1].

    Args:
        shape: Height, width and channels.
        classes: How many answers.
        filters: Width of the first layer, doubled twice.
        seed: Decides the initial weights.

    Returns:
        A model from batch × height × width × channels to batch × classes, logits.
    """
    seeds = iter(range(seed, seed + 64))
    width = filters
    images = features = keras.Input(tuple(shape))
    features = _convolution(width, 1, next(seeds))(features)
    while min(features.shape[1:3]) > _SMALLEST_MAP:
        width = min(2 * width, 4 * filters)
        features = _convolution(width, 2, next(seeds))(features)
    features = keras.layers.Flatten()(features)
    features = keras.layers.Dense(
        8 * filters, activation="relu", kernel_initializer=keras.initializers.HeNormal(seed=next(seeds))
    )(features)
    logits = keras.layers.Dense(classes, kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)))(
        features
    )
    return keras.Model(images, logits)


def _convolution(width: int, stride: int, seed: int) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        width,
        3,
        strides=stride,
        padding="same",
        activation="relu",
        kernel_initializer=keras.initializers.HeNormal(seed=seed),
    )


class LabelClassifier:
    """Tells the class of a picture, or that it is none.

    It learns from real pictures and, as one more answer, from ruined ones (`gantk_metrics.ruined_pictures`), so that what
    is no picture at all is not taken for the class it resembles least badly. It sees no generator's images.

    Args:
        images: Real pictures in [-1, 1], batch × height × width × channels.
        labels: The class number of each.
        classes: How many classes there are.
        filters: Width of its first layer.
        steps: Training steps.
        batch_size: Real pictures of a step; a quarter as many ruined ones stand beside them.
        seed: Decides its weights and what it sees when.
    """

    def __init__(
        self,
        images: NDArray[np.float32],
        labels: NDArray[np.int32],
        classes: int,
        *,
        filters: int,
        steps: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self.classes = classes
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float32")
        try:
            self._network = build_label_classifier(images.shape[1:], classes + 1, filters, seed)
        finally:
            keras.config.set_dtype_policy(before)
        self._network.compile(
            optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self._batch_size = batch_size
        random = np.random.default_rng(seed)
        broken = max(1, round(batch_size * _SHARE_RUINED))
        for _ in range(steps):
            chosen = random.integers(len(images), size=batch_size)
            models = images[random.integers(len(images), size=broken)]
            self._network.train_on_batch(
                np.concatenate([images[chosen], ruined(models, random)]),
                np.concatenate([labels[chosen], np.full(broken, classes)]),
            )

    def probabilities(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class and, last, of none of them; float64, batch × (classes + 1).

        Args:
            images: In [-1, 1], of the size that it has learnt from.
        """
        rows = []
        for start in range(0, len(images), self._batch_size):
            part = np.zeros((self._batch_size, *images.shape[1:]), np.float32)
            given = images[start : start + self._batch_size]
            part[: len(given)] = given
            rows.append(softmax(np.asarray(self._network.predict_on_batch(part)))[: len(given)])
        return np.concatenate(rows) if rows else np.zeros((0, self.classes + 1))
