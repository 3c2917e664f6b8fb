"""The layers of ProGAN against their formulas in float64 NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from gantk.engine.sample_independence import samples_independent
from gantk_progan.activation import LeakyReLU, PixelNorm
from gantk_progan.equalized import EqualizedConvolution2D, EqualizedDense
from gantk_progan.minibatch_deviation import MinibatchDeviation
from gantk_progan.resolutions import blended, enlarged, halved

RANDOM = np.random.default_rng(7)


def convolved(images, kernel):
    """A convolution with zeros around, pixel by pixel, in float64."""
    count, height, width, _ = images.shape
    reach = kernel.shape[0] // 2
    padded = np.pad(images.astype("f8"), ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    result = np.zeros((count, height, width, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            window = padded[:, row : row + kernel.shape[0], column : column + kernel.shape[1]]
            result[:, row, column] = np.tensordot(window, kernel.astype("f8"), axes=3)
    return result


def values(layer):
    return [ops.convert_to_numpy(weight) for weight in layer.weights]


def with_biases(layer, shape):
    layer.build(shape)
    layer.bias.assign(RANDOM.normal(size=layer.bias.shape))
    return layer


def test_dense_weights_are_scaled_when_used():
    layer = with_biases(EqualizedDense(4, gain=3.0), (None, 5))
    inputs = RANDOM.normal(size=(2, 5))
    kernel, bias = values(layer)
    expected = inputs @ (kernel.astype("f8") * 3.0 / np.sqrt(5)) + bias
    np.testing.assert_allclose(ops.convert_to_numpy(layer(inputs.astype("f4"))), expected, rtol=1e-5, atol=1e-6)


def test_dense_to_a_grid_has_one_bias_a_channel():
    layer = with_biases(EqualizedDense(3, grid=(2, 2)), (None, 5))
    inputs = RANDOM.normal(size=(2, 5))
    kernel, bias = values(layer)
    assert (kernel.shape, bias.shape) == ((5, 12), (3,))
    expected = (inputs @ (kernel.astype("f8") * np.sqrt(2 / 5))).reshape(2, 2, 2, 3) + bias
    np.testing.assert_allclose(ops.convert_to_numpy(layer(inputs.astype("f4"))), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1, 3])
def test_convolution_weights_are_scaled_by_their_fan_in(size):
    layer = with_biases(EqualizedConvolution2D(4, size), (None, 4, 4, 3))
    images = RANDOM.normal(size=(2, 4, 4, 3))
    kernel, bias = values(layer)
    scale = np.sqrt(2) / np.sqrt(size * size * 3)
    expected = convolved(images, kernel * scale) + bias
    np.testing.assert_allclose(ops.convert_to_numpy(layer(images.astype("f4"))), expected, rtol=1e-4, atol=1e-5)


def test_enlarging_is_nearest_neighbour_and_then_the_convolution():
    layer = with_biases(EqualizedConvolution2D(2, 3, resampling="enlarge"), (None, 4, 4, 3))
    images = RANDOM.normal(size=(2, 4, 4, 3))
    kernel, bias = values(layer)
    large = images.repeat(2, axis=1).repeat(2, axis=2)
    expected = convolved(large, kernel * np.sqrt(2 / 27)) + bias
    found = ops.convert_to_numpy(layer(images.astype("f4")))
    assert found.shape == layer.compute_output_shape((2, 4, 4, 3)) == (2, 8, 8, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_halving_is_the_convolution_and_then_a_box_filter():
    layer = with_biases(EqualizedConvolution2D(2, 3, resampling="halve"), (None, 8, 8, 3))
    images = RANDOM.normal(size=(2, 8, 8, 3))
    kernel, bias = values(layer)
    large = convolved(images, kernel * np.sqrt(2 / 27))
    expected = large.reshape(2, 4, 2, 4, 2, 2).mean(axis=(2, 4)) + bias
    found = ops.convert_to_numpy(layer(images.astype("f4")))
    assert found.shape == layer.compute_output_shape((2, 8, 8, 3)) == (2, 4, 4, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_resampling_needs_a_kernel_of_three():
    with pytest.raises(ValueError, match=r"needs a kernel of size 3\. Received: size=1"):
        EqualizedConvolution2D(2, 1, resampling="halve")


def test_weights_begin_with_unit_variance_and_biases_at_zero():
    layer = EqualizedConvolution2D(64, 3)
    layer.build((None, 4, 4, 64))
    kernel, bias = values(layer)
    assert kernel.std() == pytest.approx(1.0, abs=0.02)
    assert not bias.any()


def test_pixel_norm_by_hand():
    # (3, 4): mean of squares 12.5, root 3.5355; a zero vector stays zero.
    found = ops.convert_to_numpy(PixelNorm()(np.array([[[[3.0, 4.0], [0.0, 0.0]]]], "f4")))
    np.testing.assert_allclose(found, [[[[0.848528, 1.131371], [0.0, 0.0]]]], rtol=1e-5)


def test_leaky_relu_by_hand():
    found = ops.convert_to_numpy(LeakyReLU()(np.array([-2.0, 0.0, 3.0], "f4")))
    np.testing.assert_allclose(found, [-0.4, 0.0, 3.0], rtol=1e-6)


def test_minibatch_deviation_by_hand():
    # Eight samples of one pixel and one feature, in groups of four: 0, 2, 4, 6 and 1, 3, 5, 7.
    images = np.array([0.0, 10.0, 2.0, 10.0, 4.0, 10.0, 8.0, 10.0], "f4").reshape(8, 1, 1, 1)
    found = ops.convert_to_numpy(MinibatchDeviation(4)(images))
    np.testing.assert_array_equal(found[..., 0], images[..., 0])
    # Of 0, 2, 4, 8: mean 3.5, variance (12.25 + 2.25 + 0.25 + 20.25) / 4 = 8.75; the others are alike: √1e-8.
    expected = np.tile([np.sqrt(8.75), 1e-4], 4)
    np.testing.assert_allclose(found[:, 0, 0, 1], expected, rtol=1e-4)


def test_minibatch_deviation_is_the_mean_over_features_and_positions():
    images = RANDOM.normal(size=(8, 3, 2, 5))
    found = ops.convert_to_numpy(MinibatchDeviation(4)(images.astype("f4")))
    assert found.shape == (8, 3, 2, 6)
    for group in (0, 1):
        expected = np.sqrt(images[group::2].var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(found[group::2, ..., 5], np.full((4, 3, 2), expected), rtol=1e-5)


def test_a_batch_smaller_than_a_group_is_one_group():
    images = RANDOM.normal(size=(3, 2, 2, 1))
    found = ops.convert_to_numpy(MinibatchDeviation(4)(images.astype("f4")))
    np.testing.assert_allclose(found[..., 1], np.sqrt(images.var(axis=0) + 1e-8).mean(), rtol=1e-5)


def test_a_batch_that_does_not_divide_into_groups_is_refused():
    with pytest.raises(ValueError, match=r"divide into groups of 4.*Received: 6 samples"):
        MinibatchDeviation(4)(np.zeros((6, 2, 2, 1), "f4"))


def test_a_batch_of_unknown_size_is_grouped_alike():
    image = keras.Input((2, 2, 3))
    network = keras.Model(image, MinibatchDeviation(4)(image))
    assert network.output_shape == (None, 2, 2, 4)
    images = RANDOM.normal(size=(8, 2, 2, 3)).astype("f4")
    np.testing.assert_allclose(
        network.predict(images, verbose=0), ops.convert_to_numpy(MinibatchDeviation(4)(images)), rtol=1e-5, atol=1e-6
    )
    assert not samples_independent(network)


def test_resampling_of_images_by_hand():
    images = np.array([[1.0, 3.0], [5.0, 7.0]], "f4").reshape(1, 2, 2, 1)
    assert ops.convert_to_numpy(halved(images)).tolist() == [[[[4.0]]]]
    assert ops.convert_to_numpy(enlarged(images))[0, :, :, 0].tolist() == [
        [1.0, 1.0, 3.0, 3.0],
        [1.0, 1.0, 3.0, 3.0],
        [5.0, 5.0, 7.0, 7.0],
        [5.0, 5.0, 7.0, 7.0],
    ]


@pytest.mark.parametrize(("fade", "expected"), [(0.0, 0.1), (1.0, 0.7), (0.25, 0.25)])
def test_blending_reaches_both_ends(fade, expected):
    assert float(blended(np.float32(0.1), np.float32(0.7), np.float32(fade))) == pytest.approx(expected, rel=1e-6)
    assert fade not in (0.0, 1.0) or blended(np.float32(0.1), np.float32(0.7), np.float32(fade)) == np.float32(expected)
