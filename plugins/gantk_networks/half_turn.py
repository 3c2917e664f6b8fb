"""Turning an image by 180 degrees."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gantk import exporting


@keras.saving.register_keras_serializable(package="gantk_networks")
class HalfTurn(keras.layers.Layer):
    """Reverses rows and columns of a batch of images."""

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: Any) -> Any:
        # Other runtimes turn by the first way with one slice, by the second with transpositions of the whole image.
        return inputs[:, ::-1, ::-1] if exporting() else ops.flip(inputs, axis=(1, 2))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
