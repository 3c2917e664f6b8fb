"""VGG16 and VGG19 against NumPy in float64, from .npz files and from Keras' own."""

from __future__ import annotations

from pathlib import Path

import float64_networks
import keras
import numpy as np
import pytest
from float64_networks import VGG16 as VGG16_COUNTS
from float64_networks import VGG19 as VGG19_COUNTS
from float64_networks import VGG_WIDTHS, caffe, torchvision, vgg_layers
from pydantic import ValidationError

from gantk import RunFailed
from gantk_features.options import VGG16Options, VGG19Options, VGGOptions
from gantk_features.vgg import CAFFE, VGG, VGG16, VGG19

LEVELS = np.random.default_rng(0).integers(0, 256, (37, 34, 3)).astype(float)


def assert_layers(network: VGG, options: VGGOptions, expected: dict[str, np.ndarray]) -> None:
    assert list(options.layers) == list(expected)
    built = network.build(list(expected))
    assert not built.trainable_weights
    for name, found in zip(expected, built(network.preprocessing(LEVELS)[None].astype("float32")), strict=True):
        # float32 through up to 16 layers.
        largest = np.abs(expected[name]).max()
        np.testing.assert_allclose(np.asarray(found)[0], expected[name], atol=2e-5 * largest, rtol=2e-4, err_msg=name)
        assert min(np.asarray(found).shape[1:3]) == 34 // options.layers[name]


def test_every_layer_of_vgg16(vgg16_file: str, vgg16_arrays: dict[str, np.ndarray]) -> None:
    options = VGG16Options(path=vgg16_file)
    assert_layers(VGG16(options), options, vgg_layers(torchvision(LEVELS), vgg16_arrays, VGG16_COUNTS))


def test_every_layer_of_vgg19(vgg19_file: str, vgg19_arrays: dict[str, np.ndarray]) -> None:
    options = VGG19Options(weights=vgg19_file)
    assert_layers(VGG19(options), options, vgg_layers(torchvision(LEVELS), vgg19_arrays, VGG19_COUNTS))


def test_other_preprocessing_of_the_same_weights(vgg19_file: str, vgg19_arrays: dict[str, np.ndarray]) -> None:
    options = VGG19Options(weights=vgg19_file, preprocessing="caffe")
    network = VGG19(options)
    assert str(network.preprocessing) == "(level - [123.68, 116.779, 103.939]) / 1, RGB, then in the order BGR"
    assert_layers(network, options, vgg_layers(caffe(LEVELS), vgg19_arrays, VGG19_COUNTS))


def test_preprocessing_is_keras_own() -> None:
    expected = keras.applications.vgg19.preprocess_input(LEVELS[None].copy())[0]
    np.testing.assert_allclose(CAFFE(LEVELS), expected, atol=1e-4)


def narrow_application(counts: tuple[int, ...], weights: str | None) -> keras.Model:
    """Make a VGG as `keras.applications` does, with its names, but narrow; `weights` is a file or None."""
    features = image = keras.Input((None, None, 3))
    for stage, (count, width) in enumerate(zip(counts, VGG_WIDTHS, strict=True), 1):
        for place in range(1, count + 1):
            features = keras.layers.Conv2D(
                width, 3, padding="same", activation="relu", name=f"block{stage}_conv{place}",
                bias_initializer=keras.initializers.RandomNormal(stddev=0.1, seed=place),
            )(features)  # fmt: skip
        features = keras.layers.MaxPooling2D(2, name=f"block{stage}_pool")(features)
    network = keras.Model(image, features)
    if weights is not None:
        network.load_weights(weights)
    return network


@pytest.fixture
def narrow_vgg19(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Put a narrow network into the place of Keras' VGG19; return weights by the names of a .npz."""

    def application(include_top: bool, weights: str) -> keras.Model:
        assert not include_top
        if weights == "imagenet":
            raise Exception("URL fetch failure on https://storage: None -- [Errno -3] Temporary failure")
        return narrow_application(VGG19_COUNTS, weights)

    monkeypatch.setattr(keras.applications, "VGG19", application)
    return float64_networks.vgg_arrays(VGG19_COUNTS)


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_weights_that_keras_has_written(tmp_path: Path, narrow_vgg19: dict[str, np.ndarray], suffix: str) -> None:
    written = narrow_application(VGG19_COUNTS, None)
    convolutions = [layer for layer in written.layers if isinstance(layer, keras.layers.Conv2D)]
    for number, layer in enumerate(convolutions):
        layer.set_weights([narrow_vgg19[f"conv{number}/kernel"], narrow_vgg19[f"conv{number}/bias"]])
    path = tmp_path / f"notop{suffix}"
    written.save(path) if suffix == ".h5" else written.save_weights(path)
    options = VGG19Options(weights=str(path))
    network = VGG19(options)
    assert network.description["file"] == path.name
    assert len(network.description["sha256"]) == 64
    assert_layers(network, options, vgg_layers(caffe(LEVELS), narrow_vgg19, VGG19_COUNTS))


def test_without_network_it_says_what_to_do(narrow_vgg19: dict[str, np.ndarray]) -> None:
    with pytest.raises(RunFailed, match=r"vgg19: its weights are downloaded by Keras.* Received: URL fetch") as raised:
        VGG19(VGG19Options())
    assert "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5 into ~/.keras/models" in raised.value.hint
    assert "{type: vgg19, weights: FILE}" in raised.value.hint


def test_files_that_are_none(tmp_path: Path, narrow_vgg19: dict[str, np.ndarray]) -> None:
    with pytest.raises(RunFailed, match=r"vgg19: expected a file of weights. Received: no.h5, which does not exist"):
        VGG19(VGG19Options(weights="no.h5"))
    with pytest.raises(RunFailed, match=r"expected a file of weights, .npz, .h5 or .weights.h5. Received: w.pth"):
        VGG19(VGG19Options(weights="w.pth"))
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    with pytest.raises(RunFailed, match="expected weights of VGG19 without its top"):
        VGG19(VGG19Options(weights=str(text)))
    with pytest.raises(ValidationError, match="two names of one thing"):
        VGG19Options(weights="a.npz", path="b.npz")


def test_it_stops_at_the_last_layer_asked_for_in_any_order(vgg16_file: str) -> None:
    built = VGG16(VGG16Options(path=vgg16_file)).build(["relu2_1", "conv1_2"])
    assert [shape[-1] for shape in built.output_shape] == [5, 4]
    assert [layer.name for layer in built.layers if isinstance(layer, keras.layers.Conv2D)] == [
        "conv1_1", "conv1_2", "conv2_1"
    ]  # fmt: skip


def test_it_computes_in_float32_whatever_the_policy(vgg16_file: str) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        built = VGG16(VGG16Options(path=vgg16_file)).build(["relu1_1"])
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.dtype_policy.name for layer in built.layers} == {"float32"}


def test_further_weights(vgg16_file: str, vgg16_arrays: dict[str, np.ndarray]) -> None:
    network = VGG16(VGG16Options(path=vgg16_file))
    found = network.further_weights("lin0/kernel", (1, 1, 4, 1), needed_by="lpips")
    np.testing.assert_array_equal(found, vgg16_arrays["lin0/kernel"])
    with pytest.raises(RunFailed, match="expected the array 'lin9/kernel', which lpips needs"):
        network.further_weights("lin9/kernel", (1,), needed_by="lpips")
