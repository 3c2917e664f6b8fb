"""Latent vectors: their distributions, and that a number of a seed is always the same vector."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from pydantic import ValidationError

from gantk import LatentOptions, draw_latents
from gantk.engine.latents import latent_vectors

MANY = 4000
DISTRIBUTIONS = ("normal", "uniform", "hypersphere")


def drawn(distribution, size=8, count=MANY):
    """By `draw_latents` and by `latent_vectors`."""
    options = LatentOptions(size=size, distribution=distribution)
    in_step = ops.convert_to_numpy(draw_latents(options, count, keras.random.SeedGenerator(1)))
    return in_step, latent_vectors(options, count, seed=1)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_vectors_are_float32_rows(distribution):
    for vectors in drawn(distribution, count=3):
        assert (vectors.shape, vectors.dtype) == ((3, 8), np.float32)


def test_normal_vectors_have_the_moments_of_the_standard_normal():
    for vectors in drawn("normal"):
        assert vectors.mean(axis=0) == pytest.approx(np.zeros(8), abs=0.08)
        assert np.cov(vectors.T) == pytest.approx(np.eye(8), abs=0.12)
        assert np.mean(vectors**4) == pytest.approx(3.0, abs=0.15)


def test_uniform_vectors_fill_the_cube_evenly():
    for vectors in drawn("uniform"):
        assert vectors.min() >= -1
        assert vectors.max() < 1
        shares, _ = np.histogram(vectors, bins=8, range=(-1, 1))
        assert shares / vectors.size == pytest.approx(np.full(8, 1 / 8), abs=0.01)
        assert np.cov(vectors.T) == pytest.approx(np.eye(8) / 3, abs=0.05)


def test_vectors_of_the_hypersphere_are_of_one_length_in_all_directions():
    for vectors in drawn("hypersphere"):
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.full(MANY, 8**0.5), rel=1e-5)
        # A random direction: mean 0, and the same variance along each axis.
        assert vectors.mean(axis=0) == pytest.approx(np.zeros(8), abs=0.08)
        assert np.cov(vectors.T) == pytest.approx(np.eye(8), abs=0.1)


def test_the_hyperspheres_vector_is_the_normal_one_normalized():
    normal = latent_vectors(LatentOptions(size=5), 4, seed=2).astype("f8")
    sphere = latent_vectors(LatentOptions(size=5, distribution="hypersphere"), 4, seed=2)
    expected = normal / np.sqrt(np.mean(normal**2, axis=1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(sphere, expected, rtol=1e-6)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_number_of_a_seed_is_one_vector_however_many_are_asked_for(distribution):
    options = LatentOptions(size=6, distribution=distribution)
    whole = latent_vectors(options, 9, seed=3)
    np.testing.assert_array_equal(latent_vectors(options, 4, seed=3, first=5), whole[5:])
    assert len({row.tobytes() for row in whole}) == 9
    assert not np.array_equal(latent_vectors(options, 9, seed=4), whole)


def test_draws_in_a_step_differ_from_each_other_and_follow_the_generator():
    options = LatentOptions(size=4)
    generator = keras.random.SeedGenerator(5)
    first, second = (ops.convert_to_numpy(draw_latents(options, 2, generator)) for _ in range(2))
    assert not np.array_equal(first, second)
    again = ops.convert_to_numpy(draw_latents(options, 2, keras.random.SeedGenerator(5)))
    np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": 65537}, {"distribution": "gaussian"}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ValidationError):
        LatentOptions.model_validate(wrong)
