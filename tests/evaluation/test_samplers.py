"""A network of latent vectors as metrics see it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from gantk import LatentOptions, Sampler, latent_vectors
from gantk.evaluation import NetworkSampler

LATENTS = LatentOptions(size=3)


def network(classes: int = 0) -> keras.Model:
    """Images of 2 × 2 pixels that hold a linear map of vector and label."""
    vectors = keras.Input((3,))
    labels = [keras.Input((classes,))] if classes else []
    joined = keras.layers.Concatenate()([vectors, *labels]) if labels else vectors
    images = keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4, kernel_initializer="ones", use_bias=False)(joined))
    return keras.Model([vectors, *labels] if labels else vectors, images)


def test_an_image_follows_from_its_number_alone():
    sampler = NetworkSampler(network(), LATENTS, batch_size=4)
    assert isinstance(sampler, Sampler)
    assert (sampler.shape, sampler.classes) == ((2, 2, 1), ())
    images = sampler.sample(10, seed=3)
    assert images.dtype == np.float32
    expected = latent_vectors(LATENTS, 10, seed=3).sum(axis=1)
    np.testing.assert_allclose(images[:, 0, 0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(sampler.sample(3, seed=3, first=5), images[5:8], rtol=1e-6)
    assert sampler.sample(0, seed=3).shape == (0, 2, 2, 1)


def test_it_follows_weights_that_change():
    changing = network()
    sampler = NetworkSampler(changing, LATENTS)
    before = sampler.sample(2, seed=0)
    changing.layers[-2].kernel.assign(2 * np.ones((3, 4), np.float32))
    np.testing.assert_allclose(sampler.sample(2, seed=0), 2 * before, rtol=1e-5)


def test_labels_are_given_one_hot():
    sampler = NetworkSampler(network(4), LATENTS, "abcd", batch_size=4)
    sampler._network.layers[-2].kernel.assign(np.repeat([[0.0], [0], [0], [0], [1], [2], [3]], 4, axis=1))
    assert sampler.sample(3, seed=0, labels=[3, 0, 1])[:, 0, 0, 0].tolist() == [3, 0, 1]
    # Without labels image number k has the class k modulo their number.
    assert sampler.sample(6, seed=0, first=1)[:, 0, 0, 0].tolist() == [1, 2, 3, 0, 1, 2]
    with pytest.raises(ValueError, match=r"each of 2 images needs one label. Received: 1"):
        sampler.sample(2, seed=0, labels=[1])
    with pytest.raises(ValueError, match="labels for one without"):
        NetworkSampler(network(), LATENTS).sample(1, seed=0, labels=[0])
