"""The residual generator against the original's arithmetic in float64 NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from reference_arithmetic import (
    channels_first,
    channels_last,
    convolve,
    convolve_transposed,
    kernels,
    normalize,
    randomize,
    reflect,
    relu,
)

from gantk import ConfigError
from gantk_networks import resnet
from gantk_networks.instance_normalization import InstanceNormalization
from gantk_networks.options import ResNetOptions

RANDOM = np.random.default_rng(2)


def build(size: tuple[int | None, int | None] = (None, None), *, channels: int = 3, **options: object) -> keras.Model:
    given = {"blocks": 1, "filters": 2, **options}
    return resnet.build(ResNetOptions(**given), input_shape=(*size, 3), output_channels=channels)


def original(network: keras.Model, images: np.ndarray, blocks: int) -> np.ndarray:
    """The generator of the original code, with its kernels and paddings; NHWC to NHWC."""
    kernel = kernels(network, turned=True)
    x = channels_first(images.astype("float64"))
    x = relu(normalize(convolve(reflect(x, 3), kernel["first"])))
    for level in (1, 2):
        x = relu(normalize(convolve(x, kernel[f"down_{level}"], stride=2, padding=1)))
    for block in range(1, blocks + 1):
        y = relu(normalize(convolve(reflect(x, 1), kernel[f"block_{block}_first"])))
        x = x + normalize(convolve(reflect(y, 1), kernel[f"block_{block}_second"]))
    for level in (1, 2):
        x = relu(normalize(convolve_transposed(x, kernel[f"up_{level}"], output_padding=1)))
    bias = keras.ops.convert_to_numpy(network.get_layer("last").bias).reshape(1, -1, 1, 1)
    return channels_last(np.tanh(convolve(reflect(x, 3), kernel["last"]) + bias))


@pytest.mark.parametrize(("size", "blocks"), [((8, 12), 2), ((12, 8), 0)])
def test_it_is_the_original_with_kernels_turned_by_180_degrees(size: tuple[int, int], blocks: int) -> None:
    network = build(blocks=blocks)
    randomize(network)
    images = RANDOM.uniform(-1, 1, (2, *size, 3)).astype("float32")
    found = keras.ops.convert_to_numpy(network(images))
    assert np.abs(found).max() > 0.3
    np.testing.assert_allclose(found, original(network, images, blocks), atol=2e-5)


def test_the_papers_network_has_the_originals_parameters() -> None:
    # 11,378,179 in the original, of which 5,248 are biases in front of a normalization: 64 + 128 + 256, 18 × 256, 128 + 64.
    network = resnet.build(ResNetOptions(), input_shape=(256, 256, 3), output_channels=3)
    assert network.count_params() == 11_378_179 - 5_248


@pytest.mark.parametrize(("upsampling", "interpolation"), [("resize", "nearest"), ("resize", "bilinear")])
def test_upsampling_by_resizing(upsampling: str, interpolation: str) -> None:
    network = build(upsampling=upsampling, interpolation=interpolation, downsamplings=1, blocks=0)
    randomize(network)
    images = RANDOM.uniform(-1, 1, (1, 8, 6, 3)).astype("float32")
    kernel = kernels(network, turned=True)
    x = channels_first(images.astype("float64"))
    x = relu(normalize(convolve(reflect(x, 3), kernel["first"])))
    x = relu(normalize(convolve(x, kernel["down_1"], stride=2, padding=1)))
    x = nearest(x) if interpolation == "nearest" else bilinear(x)
    x = relu(normalize(convolve(reflect(x, 1), kernel["up_1"])))
    bias = keras.ops.convert_to_numpy(network.get_layer("last").bias).reshape(1, -1, 1, 1)
    expected = channels_last(np.tanh(convolve(reflect(x, 3), kernel["last"]) + bias))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(network(images)), expected, atol=2e-5)


def nearest(images: np.ndarray) -> np.ndarray:
    return images.repeat(2, axis=2).repeat(2, axis=3)


def bilinear(images: np.ndarray) -> np.ndarray:
    # Each output pixel lies a quarter pixel from the nearest input pixel: ¾ of it and ¼ of the next, clamped at the border.
    for axis in (2, 3):
        before = np.take(images, np.maximum(np.arange(images.shape[axis]) - 1, 0), axis)
        after = np.take(images, np.minimum(np.arange(images.shape[axis]) + 1, images.shape[axis] - 1), axis)
        pair = np.stack([0.75 * images + 0.25 * before, 0.75 * images + 0.25 * after], axis=axis + 1)
        shape = list(images.shape)
        shape[axis] *= 2
        images = pair.reshape(shape)
    return images


@pytest.mark.parametrize("downsamplings", [0, 1, 3])
def test_any_number_of_downsamplings(downsamplings: int) -> None:
    options = ResNetOptions(blocks=1, filters=2, downsamplings=downsamplings)
    assert options.size_multiple == 2**downsamplings
    network = resnet.build(options, input_shape=(16, 32, 1), output_channels=4)
    assert tuple(network(np.zeros((1, 16, 32, 1), "float32")).shape) == (1, 16, 32, 4)


def test_first_weights_are_normal_with_deviation_002_and_zero_biases() -> None:
    keras.utils.set_random_seed(0)
    network = build(filters=16, blocks=2, normalization="none")
    values = [keras.ops.convert_to_numpy(variable) for variable in network.trainable_variables]
    matrices = [value for value in values if value.ndim == 4]
    vectors = [value for value in values if value.ndim == 1]
    assert len(matrices) == 10
    assert len(vectors) == 10
    assert all(not vector.any() for vector in vectors)
    largest = max(matrices, key=lambda value: value.size)
    assert largest.std() == pytest.approx(0.02, rel=0.03)
    assert abs(largest.mean()) < 0.001
    blocks = [network.get_layer(f"block_{block}_first").kernel for block in (1, 2)]
    first, second = (keras.ops.convert_to_numpy(kernel) for kernel in blocks)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


def test_the_seed_decides_the_weights() -> None:
    images = RANDOM.uniform(-1, 1, (1, 8, 8, 3)).astype("float32")
    results = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        results.append(keras.ops.convert_to_numpy(build()(images)))
    np.testing.assert_array_equal(results[0], results[1])
    assert np.abs(results[0] - results[2]).max() > 1e-3


def test_dropout_is_live_in_training_only() -> None:
    network = build(dropout=0.5)
    randomize(network)
    images = RANDOM.uniform(-1, 1, (1, 8, 8, 3)).astype("float32")
    first, second = (keras.ops.convert_to_numpy(network(images, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    first, second = (keras.ops.convert_to_numpy(network(images, training=False)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", ["instance", "batch", "none"])
def test_the_normalization_can_be_chosen(kind: str) -> None:
    network = build(normalization=kind, affine=True)
    layers = {
        "instance": [layer for layer in network.layers if isinstance(layer, InstanceNormalization)],
        "batch": [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)],
    }
    assert {name: len(found) for name, found in layers.items()} == {
        "instance": 7 if kind == "instance" else 0,
        "batch": 7 if kind == "batch" else 0,
    }
    assert network.get_layer("down_1").use_bias == (kind == "none")
    assert network.get_layer("last").use_bias


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_in_16_bits_the_result_is_float32_in_finer_steps(policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        network = build(filters=4)
    finally:
        keras.config.set_dtype_policy("float32")
    assert network.get_layer("block_1_first").compute_dtype == policy.removeprefix("mixed_")
    images = RANDOM.uniform(-1, 1, (1, 16, 16, 3)).astype("float32")
    result = network(images)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    # tanh in 16 bits could only give values that 16 bits can hold.
    result = keras.ops.convert_to_numpy(result)
    in_16_bits = keras.ops.convert_to_numpy(
        keras.ops.cast(keras.ops.cast(result, network.layers[3].compute_dtype), "float32")
    )
    assert (result != in_16_bits).mean() > 0.5


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        ((30, 32), {}, "at least 8 pixels and a multiple of 4.\nReceived: height 30, width 32"),
        ((4, 4), {}, "at least 8 pixels and a multiple of 4.\nReceived: height 4, width 4"),
        ((8, 2), {"downsamplings": 0, "blocks": 0}, "at least 4 pixels.\nReceived: height 8, width 2"),
    ],
)
def test_a_size_it_cannot_take_is_refused(size: tuple[int, int], options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(size, **options)
    assert message in caught.value.message


def test_the_smallest_size_it_promises_works() -> None:
    assert tuple(build((8, 8))(np.zeros((1, 8, 8, 3), "float32")).shape) == (1, 8, 8, 3)
    network = build((4, 4), downsamplings=0, blocks=0)
    assert tuple(network(np.zeros((1, 4, 4, 3), "float32")).shape) == (1, 4, 4, 3)


def test_it_is_saved_and_loaded_by_keras(tmp_path) -> None:
    network = build(affine=True, upsampling="resize")
    randomize(network)
    images = RANDOM.uniform(-1, 1, (1, 12, 8, 3)).astype("float32")
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", compile=False)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(loaded(images)), keras.ops.convert_to_numpy(network(images))
    )


@pytest.mark.parametrize("wrong", [{"blocks": -1}, {"filters": 0}, {"dropout": 1.0}, {"upsampling": "nearest"}])
def test_options_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ResNetOptions(**wrong)
