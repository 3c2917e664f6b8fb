"""Which networks may be given the samples of several calls as one batch."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from gantk.engine.sample_independence import samples_independent


def network_of(*layers: keras.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((4, 4, 3)), *layers])


def test_which_networks_keep_samples_apart() -> None:
    kinds = keras.layers
    assert samples_independent(network_of(kinds.Conv2D(2, 3), kinds.LayerNormalization(), kinds.Dropout(0.5)))
    assert not samples_independent(network_of(kinds.BatchNormalization()))
    assert not samples_independent(network_of(kinds.BatchNormalization(trainable=False)))
    assert not samples_independent(network_of(kinds.SpectralNormalization(kinds.Conv2D(2, 3))))
    assert not samples_independent(network_of(kinds.Lambda(lambda x: x - ops.mean(x, axis=0))))
    assert not samples_independent(network_of(network_of(kinds.BatchNormalization())))
    assert samples_independent(network_of(network_of(kinds.ReLU())))

    image = keras.Input((4, 4, 3))
    assert not samples_independent(keras.Model(image, image - ops.mean(image, axis=0)))

    class Unknown(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    class Promised(Unknown):
        samples_independent = True

    assert not samples_independent(network_of(Unknown()))
    assert samples_independent(network_of(Promised()))

    class OwnModel(keras.Model):
        def call(self, inputs):
            return inputs - ops.mean(inputs, axis=0)

    own = OwnModel()
    own(np.zeros((1, 4, 4, 3), "float32"))
    assert not samples_independent(own)
