"""Spectral normalization against singular values and the paper's gradient in float64 NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from gantk import AdversarialModel, ModelContext
from gantk.engine.options import TrainingOptions
from gantk.engine.sample_independence import samples_independent
from gantk_networks import patchgan, pixel
from gantk_networks.options import PatchGANOptions, PixelOptions
from gantk_networks.spectral_convolution import SpectralConvolution2D

RANDOM = np.random.default_rng(7)


def layer_with_kernel(shape: tuple[int, int, int, int] = (2, 2, 3, 5), **options: object) -> SpectralConvolution2D:
    layer = SpectralConvolution2D(shape[3], shape[0], **options)
    layer.build((None, None, None, shape[2]))
    layer.kernel.assign(RANDOM.normal(size=shape))
    return layer


def matrix(layer: SpectralConvolution2D) -> np.ndarray:
    """The paper's W, output channels × all else."""
    return ops.convert_to_numpy(layer.kernel).reshape(-1, layer.filters).T.astype("f8")


def used_kernel(layer: SpectralConvolution2D, **options: object) -> np.ndarray:
    """The kernel that a call uses, as a matrix: a convolution of images with a single 1."""
    size, _, channels, filters = layer.kernel.shape
    images = np.zeros((size * size * channels, size, size, channels), "f4")
    images.reshape(size * size * channels, -1)[:] = np.eye(size * size * channels)
    bias = 0.0 if layer.bias is None else ops.convert_to_numpy(layer.bias)
    return (ops.convert_to_numpy(layer(images, **options)).reshape(-1, filters) - bias).T.astype("f8")


def test_the_kernel_is_divided_by_its_largest_singular_value() -> None:
    layer = layer_with_kernel()
    for _ in range(60):
        layer(np.zeros((1, 2, 2, 3), "f4"), training=True)
    expected = matrix(layer) / np.linalg.svd(matrix(layer), compute_uv=False)[0]
    np.testing.assert_allclose(used_kernel(layer), expected, atol=1e-5)
    assert np.linalg.svd(used_kernel(layer), compute_uv=False)[0] == pytest.approx(1.0, abs=1e-5)


def test_each_call_in_training_takes_one_step_of_the_papers_iteration() -> None:
    layer = layer_with_kernel()
    weights, left = matrix(layer), np.full(5, 5**-0.5)
    for _ in range(3):
        right = weights.T @ left
        right /= np.linalg.norm(right)
        left = weights @ right
        left /= np.linalg.norm(left)
        np.testing.assert_allclose(
            used_kernel(layer, training=True), weights / (left @ weights @ right), rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(ops.convert_to_numpy(layer.left_vector), left, rtol=1e-5, atol=1e-6)


def test_inference_changes_nothing_and_the_kernel_never_changes() -> None:
    layer = layer_with_kernel()
    before = matrix(layer)
    first = used_kernel(layer)
    np.testing.assert_array_equal(used_kernel(layer), first)
    np.testing.assert_allclose(ops.convert_to_numpy(layer.left_vector), 5**-0.5, rtol=1e-6)
    np.testing.assert_allclose(used_kernel(layer, training=True), first, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(matrix(layer), before)


def test_the_gradient_is_that_of_the_papers_equation() -> None:
    layer = layer_with_kernel(use_bias=False)
    network = keras.Sequential([keras.Input((2, 2, 3)), layer])
    other = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model = AdversarialModel(
        ModelContext({"x": (1,)}, TrainingOptions()),
        networks={"critic": network, "other": other},
        trained_by={"critics": ["critic"]},
        losses=["loss"],
        directions={"AtoB": "other"},
    )
    images = RANDOM.normal(size=(4, 2, 2, 3)).astype("f4")
    factors = RANDOM.normal(size=(4, 1, 1, 5)).astype("f4")
    weights = matrix(layer)
    _, _, (found,) = model.gradients(
        lambda: (ops.sum(network(images, training=True) * factors), None), model.variables_of("critics")
    )
    # The vectors after that call are those that it used.
    left = ops.convert_to_numpy(layer.left_vector).astype("f8")
    right = np.full(5, 5**-0.5) @ weights
    right /= np.linalg.norm(right)
    largest = left @ weights @ right
    plain = factors.reshape(4, 5).T.astype("f8") @ images.reshape(4, -1)
    # Equation 12: (E[δ hᵀ] - λ u vᵀ) / σ, with λ the mean of δᵀ W h over σ.
    expected = (plain - np.sum(plain * weights / largest) * np.outer(left, right)) / largest
    np.testing.assert_allclose(
        ops.convert_to_numpy(found).reshape(-1, 5).T, expected, atol=2e-5 * np.abs(expected).max()
    )


def test_a_kernel_of_zeros_gives_zeros() -> None:
    layer = layer_with_kernel()
    layer.kernel.assign(np.zeros(layer.kernel.shape))
    assert not used_kernel(layer, training=True).any()
    assert np.isfinite(ops.convert_to_numpy(layer.left_vector)).all()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_singular_value_is_computed_in_32_bits(dtype: str) -> None:
    layer = layer_with_kernel(dtype=f"mixed_{dtype}")
    # A sum of squares beyond float16's 65,504.
    layer.kernel.assign(300 * matrix(layer).T.reshape(layer.kernel.shape))
    outputs = layer(np.ones((1, 2, 2, 3), "f4"), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype
    for _ in range(40):
        layer(np.ones((1, 2, 2, 3), "f4"), training=True)
    assert np.linalg.svd(used_kernel(layer), compute_uv=False)[0] == pytest.approx(1.0, abs=0.02)


def test_the_layer_comes_back_from_its_configuration() -> None:
    layer = SpectralConvolution2D(3, 2, strides=2, use_bias=False, kernel_initializer="ones", name="layer")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    images = RANDOM.normal(size=(2, 7, 6, 3)).astype("f4")
    np.testing.assert_array_equal(ops.convert_to_numpy(copy(images)), ops.convert_to_numpy(layer(images)))
    assert layer.compute_output_shape(images.shape) == tuple(layer(images).shape) == (2, 3, 3, 3)


@pytest.mark.parametrize(("build", "options"), [(patchgan.build, PatchGANOptions), (pixel.build, PixelOptions)])
def test_the_option_normalizes_every_convolution_of_a_discriminator(build, options) -> None:
    plain = build(options(filters=4), input_shape=(32, 32, 3))
    spectral = build(options(filters=4, spectral=True, normalization="none"), input_shape=(32, 32, 3))
    assert not any(isinstance(layer, SpectralConvolution2D) for layer in plain.layers)
    convolutions = [layer for layer in spectral.layers if isinstance(layer, SpectralConvolution2D)]
    assert [layer.name for layer in convolutions] == [
        layer.name for layer in plain.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    assert samples_independent(spectral)
    images = RANDOM.uniform(-1, 1, (1, 32, 32, 3)).astype("f4")
    assert spectral(images).shape == plain(images).shape
    for _ in range(50):
        spectral(images, training=True)
    norms = [np.linalg.svd(used_kernel(layer), compute_uv=False)[0] for layer in convolutions]
    assert norms == pytest.approx([1.0] * len(norms), abs=0.05)
