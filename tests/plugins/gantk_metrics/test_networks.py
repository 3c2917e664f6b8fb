"""Networks whose features metrics compare, and LPIPS against NumPy in float64, on both backends."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import float64_networks
import keras
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from gantk import Choice, Component, FeatureNetworkOptions, FeatureNetworkSpec, PluginError, RunFailed
from gantk.config.schema import json_schema
from gantk_metrics.feature_network import load_features, resized
from gantk_metrics.feature_options import Features, PictureFeatures
from gantk_metrics.lpips import LPIPS, PerceptualDistance
from gantk_metrics.options import LPIPSOptions, OutputDiversityOptions


def chosen(**features: object) -> Component:
    return TypeAdapter(Features).validate_python(features)


def heads_of(path: str) -> Component:
    return LPIPSOptions(features={"type": "vgg16", "path": path}).features


def lpips_by_hand(first: np.ndarray, second: np.ndarray, arrays: dict[str, np.ndarray]) -> float:
    total = 0.0
    maps = [
        float64_networks.vgg_layers(float64_networks.torchvision(levels), arrays, float64_networks.VGG16)
        for levels in (first, second)
    ]
    for number, layer in enumerate(("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")):
        one, other = (layers[layer] for layers in maps)
        units = [features / (np.sqrt((features**2).sum(-1, keepdims=True)) + 1e-10) for features in (one, other)]
        weighted = (units[0] - units[1]) ** 2 @ arrays[f"lin{number}/kernel"][0, 0].astype(np.float64)
        total += float(weighted.mean())
    return total


def test_lpips(vgg16_file: str, vgg16_arrays: dict[str, np.ndarray]) -> None:
    random = np.random.default_rng(2)
    first, second = random.integers(0, 256, (2, 3, 32, 36, 3), dtype=np.uint8)
    metric = LPIPS(LPIPSOptions(features={"type": "vgg16", "path": vgg16_file}, batch_size=2))
    expected = [lpips_by_hand(one, other, vgg16_arrays) for one, other in zip(first, second, strict=True)]
    np.testing.assert_allclose(metric.scores(first, second), expected, rtol=1e-4)
    assert metric.scores(first, first) == pytest.approx([0, 0, 0], abs=1e-12)  # XLA may round the two differently
    assert metric.batch_pairs(100) == 2
    assert metric.protocol()["features"]["layers"] == "relu1_2, relu2_2, relu3_3, relu4_3, relu5_3"


def test_lpips_needs_16_pixels(vgg16_file: str) -> None:
    image = np.zeros((1, 15, 20, 3), np.uint8)
    with pytest.raises(RunFailed, match=r"at least 16 pixels. Received: 20 × 15"):
        PerceptualDistance(heads_of(vgg16_file))(image, image, 1)


def test_lpips_needs_its_heads(tmp_path: Path, vgg16_arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "plain.npz"
    np.savez(path, **{name: array for name, array in vgg16_arrays.items() if not name.startswith("lin")})
    with pytest.raises(RunFailed, match=r"expected the array 'lin0/kernel', which lpips needs"):
        PerceptualDistance(heads_of(str(path)))


@pytest.mark.parametrize("resizer", ["bicubic", "bilinear", "lanczos"])
def test_resizing_is_antialiased_and_does_not_round(resizer: str) -> None:
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * 201
    picture = np.repeat(checkers[..., None], 3, axis=2).astype(np.uint8)
    small = resized(picture, 16, resizer)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small[4:12, 4:12], 100.5, atol=1e-3)
    assert resized(picture, 64, resizer).tolist() == picture.tolist()


def test_networks_are_chosen_by_their_options(vgg16_file: str, efficientnet_file: str) -> None:
    loaded = load_features(chosen(type="efficientnet_lite0", path=efficientnet_file, size=64))
    assert (loaded.dimension, loaded.size) == (9, 64)
    assert loaded.protocol["preprocessing"] == "(level - 127) / 128, RGB"
    assert loaded.protocol["layer"] == "head, averaged over the picture"
    assert load_features(chosen(type="efficientnet_lite0", path=efficientnet_file, layer="logits")).dimension == 3
    tapped = load_features(chosen(type="vgg16", path=vgg16_file, layer="relu2_2"))
    assert (tapped.dimension, tapped.size) == (5, 224)
    with pytest.raises(TypeError, match="options of PictureFeatures"):
        load_features(heads_of(vgg16_file))


def test_a_layer_is_averaged_over_the_picture(vgg16_file: str, vgg16_arrays: dict[str, np.ndarray]) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (37, 34, 3)).astype(float)
    layers = float64_networks.vgg_layers(float64_networks.torchvision(levels), vgg16_arrays, float64_networks.VGG16)
    for layer in ("relu1_2", "conv3_3", "relu5_3"):
        loaded = load_features(chosen(type="vgg16", path=vgg16_file, layer=layer))
        found = np.asarray(loaded.network(loaded.preprocessing(levels)[None].astype("float32")))[0]
        np.testing.assert_allclose(found, layers[layer].mean(axis=(0, 1)), rtol=2e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("features", "place", "kind"),
    [
        ({"type": "vgg16", "layer": "relu6_1"}, ("layer",), "literal_error"),
        ({"type": "inception_v3", "size": 74}, ("size",), "greater_than_equal"),
        ({"type": "vgg16", "size": 31}, ("size",), "greater_than_equal"),
        ({"type": "vgg16", "resizer": "nearest"}, ("resizer",), "literal_error"),
        ({"type": "vgg16", "layr": "relu5_3"}, ("layr",), "extra_forbidden"),
        ({"type": "efficientnet_lite0"}, ("path",), "missing"),
    ],
)
def test_wrong_choices_are_told_at_their_place(features: dict[str, object], place: tuple[str], kind: str) -> None:
    with pytest.raises(ValidationError) as raised:
        chosen(**features)
    assert [(error["loc"], error["type"]) for error in raised.value.errors()] == [(place, kind)]


def test_what_is_chosen_is_written_as_it_is_read() -> None:
    features = chosen(type="vgg16", path="w.npz", layer="relu3_3", size=64, resizer="lanczos")
    plain = features.to_plain()
    assert plain == {
        "type": "vgg16", "path": "w.npz", "weights": "imagenet", "preprocessing": None,
        "layer": "relu3_3", "size": 64, "resizer": "lanczos",
    }  # fmt: skip
    assert chosen(**plain) == features


@pytest.mark.parametrize("options", [(LPIPSOptions, "features"), (OutputDiversityOptions, "perceptual")])
def test_lpips_is_of_vgg16_alone(options: tuple[type, str]) -> None:
    model, field = options
    with pytest.raises(ValidationError, match=r"lpips has heads for `vgg16` alone\. Received: vgg19"):
        model.model_validate({field: "vgg19"})
    assert model.model_validate({field: {"type": "vgg16", "path": "w.npz"}})


def forward(vgg16_file: str) -> list[list[float]]:
    images = np.random.default_rng(7).uniform(0, 255, (2, 2, 32, 32, 3))
    return [np.asarray(PerceptualDistance(heads_of(vgg16_file))(*images, 2)).tolist()]


PROGRAM = """
import importlib.util, json, sys
sys.path.insert(0, sys.argv[1])
spec = importlib.util.spec_from_file_location("networks", sys.argv[2])
networks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(networks)
print(json.dumps(networks.forward(*sys.argv[3:])))
"""


def test_both_backends_agree(vgg16_file: str) -> None:
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    environment = {**os.environ, "KERAS_BACKEND": other, "TF_CPP_MIN_LOG_LEVEL": "3"}
    folder = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", PROGRAM, folder, __file__, vgg16_file]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    elsewhere = json.loads(output.splitlines()[-1])
    for rows, expected in zip(elsewhere, forward(vgg16_file), strict=True):
        np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)
        assert np.abs(expected).max() > 0.01


class Sized(FeatureNetworkOptions):
    """Options of a third party's network, one of which is also the metrics'."""

    layers: ClassVar[Mapping[str, int]] = {"conv": 1}
    size: int = 3


def test_a_network_with_an_option_of_the_metrics_is_refused_by_name() -> None:
    sized = FeatureNetworkSpec(name="sized", factory="a:b", summary="s", options=Sized)
    with pytest.raises(PluginError, match=r"Sized must not have options that PictureFeatures adds\. Received: size"):
        Choice("feature_network", beside=PictureFeatures).options_of(sized)


def test_an_editor_knows_the_options_of_both() -> None:
    definitions = json_schema()["$defs"]
    reference = definitions["metric:fid"]["properties"]["features"]["$ref"].removeprefix("#/$defs/")
    members = [
        member["$ref"].removeprefix("#/$defs/") for member in definitions[reference]["oneOf"] if "$ref" in member
    ]
    vgg16 = next(definitions[member] for member in members if member.endswith(":vgg16"))
    assert {"type", "path", "weights", "layer", "size", "resizer"} <= vgg16["properties"].keys()
    assert "relu5_3" in vgg16["properties"]["layer"]["anyOf"][0]["enum"]
    assert "layer" not in definitions["feature_network:vgg16"]["properties"]
