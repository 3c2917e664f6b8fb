"""The bicubic enlargement against Pillow's in floating point, and under the compact network."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image

from gantk.artifacts.image_translator import ImageTranslator
from gantk_networks import compact
from gantk_networks.bicubic_enlargement import REACH, BicubicEnlargement, cubic_weights
from gantk_networks.super_resolution_options import CompactOptions


def test_weights_by_hand() -> None:
    # Twice as large: centres a quarter pixel to either side. Keys at ¾, ¼, 5/4 and 7/4 with a = -½.
    near, far = 1.5 / 64 - 2.5 / 16 + 1, 1.5 * 27 / 64 - 2.5 * 9 / 16 + 1
    third, fourth = (-0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 for d in (1.25, 1.75))
    np.testing.assert_allclose(cubic_weights(2), [[fourth, far, near, third, 0], [0, third, near, far, fourth]])


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_it_is_pillows_away_from_the_edge(factor: int) -> None:
    np.testing.assert_allclose(cubic_weights(factor).sum(axis=1), 1)
    image = np.random.default_rng(factor).uniform(-1, 1, (1, 9, 7, 3)).astype("float32")
    result = ops.convert_to_numpy(BicubicEnlargement(factor)(image))
    assert result.shape == (1, 9 * factor, 7 * factor, 3)
    inner = slice(REACH * factor, -REACH * factor)
    for channel in range(3):
        plane = Image.fromarray(image[0, ..., channel])
        expected = np.asarray(plane.resize((7 * factor, 9 * factor), Image.Resampling.BICUBIC))
        np.testing.assert_allclose(result[0, inner, inner, channel], expected[inner, inner], atol=2e-6)


def test_what_lies_outside_is_the_edge() -> None:
    image = np.random.default_rng(0).uniform(-1, 1, (1, 4, 5, 1)).astype("float32")
    wide = np.pad(image, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="edge")
    layer = BicubicEnlargement(2)
    np.testing.assert_allclose(layer(image), ops.convert_to_numpy(layer(wide))[:, 6:-6, 6:-6], atol=1e-6)


def test_it_is_restored_from_its_configuration() -> None:
    layer = BicubicEnlargement(3, name="base")
    assert keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer)).factor == 3
    assert layer.compute_output_shape((None, None, 5, 3)) == (None, None, 15, 3)


def test_compact_adds_to_it_at_any_size() -> None:
    options = CompactOptions(depth=1, width=4, factor=2, base="bicubic")
    network = compact.build(options, input_shape=(None, None, 3), output_channels=3)
    network.get_layer("last").kernel.assign(np.zeros((3, 3, 4, 12)))
    translator = ImageTranslator(network, scale=2)
    for height, width in ((16, 20), (23, 17)):
        image = np.random.default_rng(height).uniform(-1, 1, (1, height, width, 3)).astype("float32")
        expected = ops.convert_to_numpy(BicubicEnlargement(2)(image))
        inner = slice(0, -2 * REACH)
        np.testing.assert_allclose(translator(image)[:, inner, inner], expected[:, inner, inner], atol=1e-6)
