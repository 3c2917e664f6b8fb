"""Dense networks against matrix products in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from gantk_networks import mlp_discriminator, mlp_generator
from gantk_networks.mlp_options import MLPDiscriminatorOptions, MLPGeneratorOptions

RANDOM = np.random.default_rng(3)


def through(weights: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Dense layers with ReLU behind all but the last."""
    for number in range(0, len(weights), 2):
        rows = rows @ weights[number].astype("f8") + weights[number + 1]
        rows = np.maximum(rows, 0) if number < len(weights) - 2 else rows
    return rows


def test_a_generator_of_points_and_one_with_labels() -> None:
    network = mlp_generator.build(MLPGeneratorOptions(width=7, depth=2), latents=3, output_shape=(1, 2, 1))
    vectors = RANDOM.normal(size=(5, 3)).astype("f4")
    expected = np.tanh(through(network.get_weights(), vectors)).reshape(5, 1, 2, 1)
    np.testing.assert_allclose(np.asarray(network(vectors)), expected, atol=1e-5)
    labelled = mlp_generator.build(MLPGeneratorOptions(width=7), latents=3, output_shape=(2, 3, 2), classes=4)
    labels = np.eye(4, dtype="f4")[[0, 1, 2, 3, 0]]
    expected = np.tanh(through(labelled.get_weights(), np.concatenate([vectors, labels], axis=1)))
    np.testing.assert_allclose(np.asarray(labelled([vectors, labels])), expected.reshape(5, 2, 3, 2), atol=1e-5)


def test_a_discriminator_of_points() -> None:
    network = mlp_discriminator.build(MLPDiscriminatorOptions(width=6, depth=1), input_shape=(1, 2, 1))
    images = RANDOM.normal(size=(5, 1, 2, 1)).astype("f4")
    expected = through(network.get_weights(), images.reshape(5, 2))
    np.testing.assert_allclose(np.asarray(network(images)), expected, atol=1e-5)


@pytest.mark.parametrize("spectral", [False, True])
def test_it_judges_classes_too(spectral: bool) -> None:
    options = MLPDiscriminatorOptions(width=6, spectral=spectral)
    assert options.bounds_slope == spectral
    assert not options.mixes_samples
    network = mlp_discriminator.build(options, input_shape=(4, 4, 3), outputs=11)
    assert network(np.zeros((2, 4, 4, 3), "f4")).shape == (2, 11)
