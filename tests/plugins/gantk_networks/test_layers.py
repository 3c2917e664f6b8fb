"""The layers of the networks against float64 NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from reference_arithmetic import channels_first, channels_last, gradient, normalize

from gantk_networks.half_turn import HalfTurn
from gantk_networks.instance_normalization import InstanceNormalization
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.pixel_shuffle import PixelShuffle, from_pytorch_order

RANDOM = np.random.default_rng(1)


def to_numpy(tensor: object) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def test_a_half_turn_reverses_rows_and_columns() -> None:
    image = np.arange(6, dtype="float32").reshape(1, 2, 3, 1)
    assert to_numpy(HalfTurn()(image)).ravel().tolist() == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("batch", [1, 3, 20])
def test_instance_normalization_normalizes_each_image_by_itself(batch: int) -> None:
    images = RANDOM.normal(2.0, 3.0, size=(batch, 6, 5, 4)).astype("float32")
    expected = channels_last(normalize(channels_first(images.astype("float64"))))
    np.testing.assert_allclose(to_numpy(InstanceNormalization()(images)), expected, rtol=1e-5, atol=2e-6)


def test_instance_normalization_of_a_batch_of_unknown_size() -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("JAX has no unknown sizes")
    import tensorflow as tf

    layer = InstanceNormalization(affine=True)
    images = RANDOM.normal(2.0, 3.0, size=(5, 6, 4, 2)).astype("float32")
    layer.build(images.shape)
    layer.scale.assign([2.0, 0.5])
    layer.offset.assign([-1.0, 3.0])
    dynamic = tf.function(lambda x: layer(x), input_signature=[tf.TensorSpec((None, None, None, 2))])
    expected = channels_last(normalize(channels_first(images.astype("float64")))) * [2.0, 0.5] + [-1.0, 3.0]
    np.testing.assert_allclose(dynamic(images).numpy(), expected, rtol=1e-5, atol=5e-6)


@pytest.mark.parametrize("batch", [1, 2, 17])
def test_scale_and_offset_are_by_channel(batch: int) -> None:
    images = RANDOM.normal(size=(batch, 4, 4, 2)).astype("float32")
    layer = InstanceNormalization(affine=True)
    layer.build(images.shape)
    assert to_numpy(layer.scale).tolist() == [1, 1]
    assert to_numpy(layer.offset).tolist() == [0, 0]
    layer.scale.assign([2.0, -1.0])
    layer.offset.assign([0.25, 1.0])
    expected = channels_last(normalize(channels_first(images.astype("float64")))) * [2.0, -1.0] + [0.25, 1.0]
    np.testing.assert_allclose(to_numpy(layer(images)), expected, rtol=1e-5, atol=5e-6)


@pytest.mark.parametrize("batch", [1, 2, 17])
def test_the_gradient_of_instance_normalization(batch: int) -> None:
    images = RANDOM.normal(1.0, 2.0, size=(batch, 5, 4, 3)).astype("float32")
    weights = RANDOM.normal(size=images.shape).astype("float32")
    layer = InstanceNormalization()
    found = gradient(lambda x: ops.sum(layer(x) * weights), images)
    # With y = (x - m) / s: dx = (g - mean(g) - y mean(g y)) / s, means over height and width.
    x, g = images.astype("float64"), weights.astype("float64")
    deviation = np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5)
    y = (x - x.mean(axis=(1, 2), keepdims=True)) / deviation
    mean = lambda value: value.mean(axis=(1, 2), keepdims=True)  # noqa: E731
    np.testing.assert_allclose(found, (g - mean(g) - y * mean(g * y)) / deviation, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 17])
@pytest.mark.parametrize("level", [0.0, 0.1, -1.0, 1000.0])
def test_a_flat_image_becomes_zero_and_has_a_finite_gradient(batch: int, level: float) -> None:
    images = np.full((batch, 8, 8, 3), level, "float32")
    layer = InstanceNormalization()
    np.testing.assert_allclose(to_numpy(layer(images)), 0.0, atol=1e-2 if level == 1000.0 else 1e-4)
    found = gradient(lambda x: ops.sum(ops.square(layer(x) - 1.0)), images)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_statistics_of_16_bit_images_are_float32(dtype: str) -> None:
    # Far from zero and with many pixels: sums in 16 bits would be off by whole units.
    images = ops.cast(RANDOM.normal(20.0, 1.0, size=(2, 32, 32, 3)), dtype)
    exact = ops.convert_to_numpy(ops.cast(images, "float32")).astype("float64")
    expected = channels_last(normalize(channels_first(exact)))
    normalized = InstanceNormalization(dtype=f"mixed_{dtype}")(images)
    assert keras.backend.standardize_dtype(normalized.dtype) == dtype
    assert np.abs(to_numpy(normalized) - expected).max() < (0.02 if dtype == "bfloat16" else 0.003)


@pytest.mark.parametrize(
    "layer",
    [HalfTurn(), InstanceNormalization(epsilon=1e-3, affine=True)],
    ids=lambda x: x.name,
)
def test_a_layer_comes_back_from_its_configuration(layer: keras.Layer) -> None:
    images = RANDOM.normal(size=(1, 4, 4, 2)).astype("float32")
    expected = to_numpy(layer(images))
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    np.testing.assert_array_equal(to_numpy(copy(images)), expected)


def test_the_leaky_rectifier_multiplies_negative_values_by_its_slope() -> None:
    values = np.array([[-2.0, -0.5, 0.0, 3.0]], "float32")
    layer = LeakyReLU(0.2)
    np.testing.assert_allclose(np.asarray(layer(values)), [[-0.4, -0.1, 0.0, 3.0]], rtol=1e-6)
    assert LeakyReLU.from_config(layer.get_config()).slope == 0.2


def test_at_zero_the_leaky_rectifier_has_the_derivative_of_its_negative_side_on_both_backends() -> None:
    # Of the maximum of x and slope · x, TensorFlow takes 1 there and JAX the mean of both. Whole features can be zero: a
    # flat image after instance normalization.
    found = gradient(lambda x: ops.sum(LeakyReLU(0.2)(x)), np.array([[-2.0, 0.0, 3.0]]))
    np.testing.assert_allclose(found, [[0.2, 0.2, 1.0]], rtol=1e-6)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_pixel_shuffle_is_its_formula(factor: int) -> None:
    images = RANDOM.normal(size=(2, 3, 4, 5 * factor**2)).astype("float32")
    found = to_numpy(PixelShuffle(factor)(images))
    assert found.shape == (2, 3 * factor, 4 * factor, 5)
    for i in range(factor):
        for j in range(factor):
            for c in range(5):
                # The channels as TensorFlow's depth_to_space reads them.
                expected = images[..., (i * factor + j) * 5 + c]
                np.testing.assert_array_equal(found[:, i::factor, j::factor, c], expected)
                # What PyTorch's PixelShuffle would take there.
                assert from_pytorch_order(5, factor)[(i * factor + j) * 5 + c] == c * factor**2 + i * factor + j


def test_a_pixel_shuffle_of_other_channels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"multiple of 4\. Received: 6"):
        PixelShuffle(2)(np.zeros((1, 2, 2, 6), "float32"))
