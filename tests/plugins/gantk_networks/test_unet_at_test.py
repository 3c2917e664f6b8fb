"""What the U-Net does at test: statistics of each image, and dropout in a fixed pattern."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from reference_arithmetic import (
    channels_first,
    channels_last,
    convolve,
    convolve_transposed,
    kernels,
    normalize,
    randomize,
    relu,
)

from gantk import Component
from gantk.artifacts import load_bundle, save_bundle
from gantk.artifacts.compiled_network import compile_network
from gantk.engine.ema import copy_network
from gantk_networks import gantk_generators, unet
from gantk_networks.batch_normalization import BatchNormalization
from gantk_networks.fixed_dropout import FixedDropout, kept_positions
from gantk_networks.options import UNetOptions

RANDOM = np.random.default_rng(4)


def build(**options: object) -> keras.Model:
    network = unet.build(
        UNetOptions(**{"downs": 3, "filters": 2, **options}), input_shape=(None, None, 3), output_channels=3
    )
    randomize(network)
    return network


def images(batch: int, height: int = 16, width: int = 24) -> np.ndarray:
    # Each image of another brightness and contrast: statistics of the batch would not be those of an image.
    level = np.linspace(-0.8, 0.8, batch).reshape(-1, 1, 1, 1)
    noise = RANDOM.uniform(-1, 1, (batch, height, width, 3)) * np.linspace(0.1, 0.9, batch).reshape(-1, 1, 1, 1)
    return (level + noise).clip(-1, 1).astype("float32")


def numpy(tensor: object) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def mixed(number: int, key: int) -> int:
    return pow(number + key, 3, 46337)


def expected_pattern(height: int, width: int, channels: int, rate: float, pattern: int) -> np.ndarray:
    """The definition with Python's integers, one position at a time."""
    keys = [int(key) for key in np.random.default_rng(pattern).integers(46337, size=4)]
    kept = np.empty((height, width, channels), bool)
    for row, column, channel in np.ndindex(kept.shape):
        number = mixed(mixed(row, keys[0]) + column, keys[1])
        kept[row, column, channel] = mixed(mixed(number + channel, keys[2]), keys[3]) >= round(rate * 46337)
    return kept


def test_a_pattern_is_its_definition_and_does_not_depend_on_the_size() -> None:
    found = ops.convert_to_numpy(kept_positions(5, 4, 9, rate=0.3, pattern=6))
    np.testing.assert_array_equal(found, expected_pattern(5, 4, 9, 0.3, 6))
    larger = ops.convert_to_numpy(kept_positions(8, 16, 12, rate=0.3, pattern=6))
    np.testing.assert_array_equal(larger[:5, :4, :9], found)
    # Known forever: a bundle must give the same picture with every later version and on every backend.
    digest = hashlib.sha256(
        np.packbits(ops.convert_to_numpy(kept_positions(16, 16, 64, rate=0.5, pattern=7)))
    ).hexdigest()
    assert digest[:16] == "a7d0633909a7ec12"


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_a_pattern_looks_random(rate: float) -> None:
    patterns = [ops.convert_to_numpy(kept_positions(16, 16, 512, rate=rate, pattern=number)) for number in (5, 6, 7)]
    kept = np.stack(patterns).astype(float)
    assert np.abs(kept.mean(axis=(1, 2, 3)) - (1 - rate)).max() < 0.005
    # The spread of the channels' and of the positions' shares is that of independent draws, within a quarter.
    for axes, count in (((1, 2), 256), ((3,), 512)):
        spread = kept.mean(axis=axes).std(axis=tuple(range(1, 4 - len(axes)))).mean()
        assert spread == pytest.approx(np.sqrt(rate * (1 - rate) / count), rel=0.25)
    centred = (kept - kept.mean()) / kept.std()
    for one, other in (
        (centred[:, 1:], centred[:, :-1]),
        (centred[:, :, 1:], centred[:, :, :-1]),
        (centred[..., 1:], centred[..., :-1]),
        (centred[0], centred[1]),
    ):
        assert abs(float((one * other).mean())) < 0.01


def test_dropout_at_test_drops_by_its_pattern_and_scales_the_rest() -> None:
    layer = FixedDropout(0.25, at_test=True, pattern=3)
    features = RANDOM.normal(size=(2, 4, 5, 6)).astype("float32")
    expected = features * expected_pattern(4, 5, 6, 0.25, 3) / 0.75
    np.testing.assert_allclose(numpy(layer(features, training=False)), expected, rtol=1e-6)
    assert numpy(layer(ops.cast(features, "bfloat16"), training=False)).shape == features.shape
    np.testing.assert_array_equal(numpy(FixedDropout(0.25)(features, training=False)), features)
    np.testing.assert_array_equal(numpy(FixedDropout(0.0, at_test=True)(features, training=False)), features)


def test_dropout_in_training_is_random() -> None:
    layer = FixedDropout(0.5, at_test=True, pattern=3)
    features = np.ones((1, 8, 8, 16), "float32")
    first, second = numpy(layer(features, training=True)), numpy(layer(features, training=True))
    assert np.any(first != second)
    assert set(np.unique(first)) == {0.0, 2.0}


def test_statistics_at_test_are_each_images_own() -> None:
    network = build(normalization="batch", dropout=0.0)
    batch = images(3)
    kernel = kernels(network, turned=False)

    def normalized(x: np.ndarray, name: str) -> np.ndarray:
        layer = network.get_layer(f"{name}_norm")
        gamma, beta = (numpy(value).astype("float64").reshape(1, -1, 1, 1) for value in (layer.gamma, layer.beta))
        return normalize(x) * gamma + beta

    first = convolve(channels_first(batch.astype("float64")), kernel["down_1"], stride=2, padding=1)
    second = normalized(convolve(relu(first, 0.2), kernel["down_2"], stride=2, padding=1), "down_2")
    third = convolve(relu(second, 0.2), kernel["down_3"], stride=2, padding=1)
    x = normalized(convolve_transposed(relu(third), kernel["up_3"]), "up_3")
    x = normalized(convolve_transposed(relu(np.concatenate([second, x], axis=1)), kernel["up_2"]), "up_2")
    x = convolve_transposed(relu(np.concatenate([first, x], axis=1)), kernel["last"])
    x = x + numpy(network.get_layer("last").bias).astype("float64").reshape(1, -1, 1, 1)
    found = numpy(network(batch, training=False))
    np.testing.assert_allclose(found, channels_last(np.tanh(x)), atol=2e-5)


def test_at_test_one_image_is_translated_as_in_training_but_for_the_random_numbers() -> None:
    network = build(normalization="batch", dropout=0.0)
    one = images(1)
    np.testing.assert_allclose(numpy(network(one, training=False)), numpy(network(one, training=True)), atol=1e-5)


def test_moving_statistics_are_those_kept_while_training() -> None:
    layer = BatchNormalization(statistics_at_test="moving", momentum=0.0, epsilon=1e-5)
    batch = RANDOM.normal(2.0, 3.0, (4, 6, 5, 2)).astype("float32")
    layer(batch, training=True)
    mean, variance = batch.mean(axis=(0, 1, 2)), batch.var(axis=(0, 1, 2))
    one = batch[:1]
    expected = (one - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(numpy(layer(one, training=False)), expected, atol=1e-4)


@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_a_translation_does_not_depend_on_its_batch_and_can_be_repeated(normalization: str) -> None:
    network = build(downs=6, normalization=normalization, dropout_at_test=True)
    assert [layer.name for layer in network.layers if isinstance(layer, FixedDropout)] == ["up_5_dropout"]
    batch = images(3, 64, 128)
    translate = compile_network(network)
    together = translate(batch)
    assert together.std() > 0.1
    np.testing.assert_array_equal(translate(batch), together)
    apart = np.concatenate([translate(image[None]) for image in batch])
    np.testing.assert_allclose(apart, together, atol=1e-5)
    np.testing.assert_allclose(translate(batch[::-1])[::-1], together, atol=1e-5)
    np.testing.assert_allclose(numpy(network(batch, training=False)), together, atol=1e-5)
    np.testing.assert_array_equal(compile_network(copy_network(network))(batch), together)


def test_dropout_at_test_changes_the_translation() -> None:
    on, off = (build(downs=6, dropout_at_test=value) for value in (True, False))
    off.set_weights(on.get_weights())
    batch = images(1, 64, 64)
    assert np.abs(numpy(on(batch, training=False)) - numpy(off(batch, training=False))).max() > 0.01


def test_by_default_the_network_tests_as_pix2pix_with_its_normalization_only() -> None:
    assert UNetOptions().drops_at_test
    assert UNetOptions().statistics_at_test == "image"
    # CycleGAN's generators test without dropout.
    assert not UNetOptions(normalization="instance").drops_at_test
    assert not UNetOptions(normalization="none").drops_at_test
    assert not UNetOptions(dropout_at_test=False).drops_at_test
    assert UNetOptions(normalization="instance", dropout_at_test=True).drops_at_test


def test_a_bundle_gives_the_same_translation(tmp_path: Path) -> None:
    options = UNetOptions(downs=6, filters=2)
    network = build(downs=6)
    component = Component("unet", next(spec for spec in gantk_generators() if spec.name == "unet"), options)
    save_bundle(tmp_path / "model.gantk", networks={"AtoB": network}, components={"AtoB": component}, model="pix2pix")
    bundle = load_bundle(tmp_path / "model.gantk")
    batch = images(2, 64, 64)
    np.testing.assert_allclose(bundle("AtoB", batch), numpy(network(batch, training=False)), atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [BatchNormalization(statistics_at_test="moving", epsilon=1e-4), FixedDropout(0.3, at_test=True, pattern=4)],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_comes_back_from_its_configuration(layer: keras.Layer) -> None:
    features = RANDOM.normal(size=(1, 4, 4, 2)).astype("float32")
    expected = numpy(layer(features))
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    np.testing.assert_array_equal(numpy(copy(features)), expected)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="these are the tests on JAX")
def test_these_tests_on_jax() -> None:
    names = "definition or drops_by_its_pattern or depend_on_its_batch"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", names, __file__]
    done = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "4 passed" in done.stdout
