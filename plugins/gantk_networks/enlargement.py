"""Enlarging images to twice their size."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="gantk_networks")
class Enlargement(keras.layers.UpSampling2D):
    """Keras' enlargement to whole multiples, also for images whose size a TensorFlow graph does not know.

    Keras 3.15 asks such a size whether it is positive, which a graph cannot answer.

    Args:
        size: How many times higher and wider.
        interpolation: `nearest` or `bilinear`.
    """

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def call(self, inputs: Any) -> Any:
        unknown = None in inputs.shape[1:3]
        if not (unknown and self.interpolation == "bilinear" and keras.backend.backend() == "tensorflow"):
            return super().call(inputs)
        import tensorflow as tf

        size = tf.shape(inputs)[1:3] * tf.constant(self.size)
        return tf.cast(tf.image.resize(inputs, size, method="bilinear"), inputs.dtype)
