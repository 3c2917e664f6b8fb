"""The discriminators against the original's arithmetic in float64 NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from reference_arithmetic import channels_first, channels_last, convolve, gradient, kernels, normalize, randomize, relu

from gantk import ConfigError
from gantk_networks import patchgan, pixel
from gantk_networks.options import PatchGANOptions, PixelOptions

RANDOM = np.random.default_rng(4)


def build(size: tuple[int | None, int | None] = (None, None), **options: object) -> keras.Model:
    return patchgan.build(PatchGANOptions(**{"filters": 2, **options}), input_shape=(*size, 3))


def bias(network: keras.Model, layer: str) -> np.ndarray:
    return ops.convert_to_numpy(network.get_layer(layer).bias).reshape(1, -1, 1, 1)


@pytest.mark.parametrize("size", [(16, 24), (19, 13)])
def test_the_patch_discriminator_is_the_original_at_even_and_odd_sizes(size: tuple[int, int]) -> None:
    network = build(layers=2)
    randomize(network)
    images = RANDOM.uniform(-1, 1, (2, *size, 3)).astype("float32")
    kernel = kernels(network, turned=False)
    x = channels_first(images.astype("float64"))
    x = relu(convolve(x, kernel["layer_1"], stride=2, padding=1) + bias(network, "layer_1"), 0.2)
    x = relu(normalize(convolve(x, kernel["layer_2"], stride=2, padding=1)), 0.2)
    x = relu(normalize(convolve(x, kernel["layer_3"], padding=1)), 0.2)
    x = convolve(x, kernel["logits"], padding=1) + bias(network, "logits")
    found = ops.convert_to_numpy(network(images))
    assert found.shape[1:3] == (size[0] // 4 - 2, size[1] // 4 - 2)
    np.testing.assert_allclose(found, channels_last(x), atol=2e-5)


def test_the_papers_patch_discriminator_has_the_originals_widths_and_parameters() -> None:
    network = patchgan.build(PatchGANOptions(), input_shape=(256, 256, 3))
    # 2,764,737 in the original, of which 128 + 256 + 512 are biases in front of a normalization.
    assert network.count_params() == 2_764_737 - 896
    assert tuple(network(np.zeros((1, 256, 256, 3), "float32")).shape) == (1, 30, 30, 1)
    assert patchgan.build(PatchGANOptions(layers=5), input_shape=(96, 96, 3)).get_layer("layer_6").filters == 512


@pytest.mark.parametrize(("layers", "pixels"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_one_logit_sees_a_patch_of_the_papers_size(layers: int, pixels: int) -> None:
    options = PatchGANOptions(layers=layers, filters=1, normalization="none")
    assert patchgan.receptive_field(options) == pixels
    if layers == 4:
        return
    size = 2 * pixels
    network = patchgan.build(options, input_shape=(size, size, 3))
    randomize(network)
    middle = network(np.zeros((1, size, size, 3), "float32")).shape[1] // 2
    seen = gradient(lambda x: ops.sum(network(x)[:, middle, middle]), RANDOM.normal(size=(1, size, size, 3)))
    rows, columns = np.nonzero(np.abs(seen[0]).sum(axis=-1))
    assert rows.max() - rows.min() + 1 == pixels
    assert columns.max() - columns.min() + 1 == pixels


@pytest.mark.parametrize("kind", ["instance", "batch", "none"])
def test_the_first_layer_has_no_normalization(kind: str) -> None:
    network = build(normalization=kind, layers=2)
    names = [layer.name for layer in network.layers if "Normalization" in type(layer).__name__]
    assert names == ([] if kind == "none" else ["layer_2_norm", "layer_3_norm"])
    biased = {layer.name for layer in network.layers if getattr(layer, "use_bias", False)}
    assert biased == {"layer_1", "logits"} | ({"layer_2", "layer_3"} if kind == "none" else set())


def test_the_smallest_image_gives_one_logit_and_a_smaller_one_is_refused() -> None:
    assert tuple(build((12, 12), layers=2)(np.zeros((1, 12, 12, 3), "float32")).shape) == (1, 1, 1, 1)
    with pytest.raises(ConfigError, match=r"at least 24 pixels\.\nReceived: height 32, width 23"):
        build((32, 23), layers=3)


def test_the_pixel_discriminator_is_the_original() -> None:
    network = pixel.build(PixelOptions(filters=3), input_shape=(None, None, 3))
    randomize(network)
    images = RANDOM.uniform(-1, 1, (2, 5, 4, 3)).astype("float32")
    kernel = kernels(network, turned=False)
    x = relu(convolve(channels_first(images.astype("float64")), kernel["layer_1"]) + bias(network, "layer_1"), 0.2)
    x = relu(normalize(convolve(x, kernel["layer_2"])), 0.2)
    x = convolve(x, kernel["logits"]) + bias(network, "logits")
    np.testing.assert_allclose(ops.convert_to_numpy(network(images)), channels_last(x), atol=1e-5)


def test_discriminators_are_saved_and_loaded_by_keras(tmp_path) -> None:
    images = RANDOM.uniform(-1, 1, (1, 12, 12, 3)).astype("float32")
    for network in (build(layers=2, affine=True), pixel.build(PixelOptions(filters=2), input_shape=(12, 12, 3))):
        network.save(tmp_path / "network.keras")
        loaded = keras.models.load_model(tmp_path / "network.keras", compile=False)
        np.testing.assert_array_equal(ops.convert_to_numpy(loaded(images)), ops.convert_to_numpy(network(images)))
