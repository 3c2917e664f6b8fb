from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import gantk
from gantk.engine.exporting import exporting_networks
from gantk_networks import reflected_convolution
from gantk_networks.enlargement import Enlargement
from gantk_networks.half_turn import HalfTurn
from gantk_networks.instance_normalization import InstanceNormalization
from gantk_networks.leaky_relu import LeakyReLU
from gantk_networks.pixel_shuffle import PixelShuffle
from gantk_networks.reflected_convolution import ReflectedConvolution2D

LAYERS: dict[str, Callable[[], keras.layers.Layer]] = {
    "half turn": HalfTurn,
    "instance normalization": lambda: InstanceNormalization(affine=True),
    "leaky rectifier": LeakyReLU,
    "pixel shuffle": lambda: PixelShuffle(2),
    "Winograd": lambda: ReflectedConvolution2D(32, 3),
    "groups of pixels": lambda: ReflectedConvolution2D(3, 7),
}


def images(*shape: int) -> Any:
    return keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_the_same_when_it_is_exported(name: str) -> None:
    layer, x = LAYERS[name](), images(2, 8, 12, 32)
    usual = np.asarray(layer(x))
    with exporting_networks():
        plain = np.asarray(layer(x))
    assert np.abs(usual).max() > 0.5
    assert np.abs(usual - plain).max() < 2e-5


def test_an_exported_convolution_is_by_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = ReflectedConvolution2D(32, 3), images(1, 8, 8, 32)
    expected = np.asarray(layer(x))

    def refused(*arguments: Any) -> None:
        raise AssertionError("Winograd's algorithm")

    monkeypatch.setattr(reflected_convolution.winograd, "convolve_reflected", refused)
    monkeypatch.setattr(reflected_convolution, "_on_a_processor", lambda: True)
    with pytest.raises(AssertionError, match="Winograd"):
        layer(x)
    with exporting_networks():
        assert np.abs(np.asarray(layer(x)) - expected).max() < 2e-5


def test_the_scope_ends_with_its_block() -> None:
    assert not gantk.exporting()
    with pytest.raises(KeyError), exporting_networks():
        assert gantk.exporting()
        raise KeyError
    assert not gantk.exporting()


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_images_of_unknown_size_are_enlarged_as_known_ones(interpolation: str) -> None:
    layer, x = Enlargement(2, interpolation=interpolation), images(2, 3, 5, 4)
    known = np.asarray(layer(x))
    if interpolation == "nearest":
        assert np.array_equal(known, np.asarray(x).repeat(2, axis=1).repeat(2, axis=2))
    else:
        # Half-pixel centres: a quarter of the way from one pixel to the next, and three quarters.
        row = np.asarray(x)[:, 0]
        assert np.allclose(known[:, 0, 1], 0.75 * row[:, 0] + 0.25 * row[:, 1], atol=1e-6)
        assert np.allclose(known[:, 0, 2], 0.25 * row[:, 0] + 0.75 * row[:, 1], atol=1e-6)
    assert known.shape == (2, 6, 10, 4)
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    unknown = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 4))])(x)
    assert np.allclose(known, unknown.numpy(), atol=1e-6)
