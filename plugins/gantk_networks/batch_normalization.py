"""Batch normalization that uses an image's own statistics at test."""

from __future__ import annotations

from typing import Any

import keras

from gantk_networks.instance_normalization import normalize_each_image


@keras.saving.register_keras_serializable(package="gantk_networks")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalization, with a choice of the statistics at test.

    pix2pix tests in training mode, one image at a time, so each image is normalized by its own mean and variance.
    Here they are each image's own in a batch of any size, so that what an image becomes does not depend on
    its neighbours. Scale and offset are the learned ones. After training with batches of one or a few images the
    moving averages of `moving` fit badly.

    Args:
        statistics_at_test: `image`, or `moving`: the averages kept while training.
        options: Further arguments of `keras.layers.BatchNormalization`.

    Reference:
        Isola 2017, section 3.4.
    """

    def __init__(self, *, statistics_at_test: str = "image", **options: Any) -> None:
        super().__init__(**options)
        self.statistics_at_test = statistics_at_test

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if training or self.statistics_at_test == "moving":
            return super().call(inputs, training=training, mask=mask)
        return normalize_each_image(inputs, self.gamma, self.beta, epsilon=self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "statistics_at_test": self.statistics_at_test}
