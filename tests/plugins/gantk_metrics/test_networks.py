"""Feature networks against NumPy in float64, on the backend of the process and on the other one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics import efficientnet_lite0, vgg16
from gantk_metrics.feature_network import load_features, resized
from gantk_metrics.feature_options import EfficientNetLite0Features, InceptionV3Features, VGG16Features
from gantk_metrics.lpips import LPIPS, PerceptualDistance
from gantk_metrics.options import LPIPSOptions
from gantk_metrics.weight_file import WeightFile


def convolved(image: np.ndarray, kernel: np.ndarray, stride: int = 1, depthwise: bool = False) -> np.ndarray:
    """Convolve with zero padding as TensorFlow's SAME: kernel height × width × inputs × outputs (or × 1)."""
    side = kernel.shape[0]
    outputs = [-(-length // stride) for length in image.shape[:2]]
    padding = [max((out - 1) * stride + side - length, 0) for out, length in zip(outputs, image.shape[:2], strict=True)]
    around = np.pad(image, [(total // 2, total - total // 2) for total in padding] + [(0, 0)])
    result = np.zeros((*outputs, kernel.shape[2] if depthwise else kernel.shape[3]))
    for row in range(outputs[0]):
        for column in range(outputs[1]):
            patch = around[row * stride : row * stride + side, column * stride : column * stride + side]
            if depthwise:
                result[row, column] = (patch * kernel[..., 0]).sum(axis=(0, 1))
            else:
                result[row, column] = np.tensordot(patch, kernel, axes=3)
    return result


def vgg16_maps(image: np.ndarray, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    """VGG16 in float64: conv, conv, pool, conv, conv, pool, three times conv, conv, conv, pool."""
    features = image.astype(np.float64)
    maps = []
    number = 0
    for stage, count in enumerate((2, 2, 3, 3, 3)):
        if stage:
            height, width = (length // 2 * 2 for length in features.shape[:2])
            features = features[:height, :width].reshape(height // 2, 2, width // 2, 2, -1).max(axis=(1, 3))
        for _ in range(count):
            kernel, bias = arrays[f"conv{number}/kernel"], arrays[f"conv{number}/bias"]
            features = np.maximum(convolved(features, kernel.astype(np.float64)) + bias, 0)
            number += 1
        maps.append(features)
    return maps


def normalised(levels: np.ndarray) -> np.ndarray:
    return (levels / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])


def test_vgg16(vgg16_file: str, vgg16_arrays: dict[str, np.ndarray]) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (37, 34, 3)).astype(float)
    expected = vgg16_maps(normalised(levels), vgg16_arrays)
    given = ((levels - vgg16.MEAN) / vgg16.SCALE)[None].astype("float32")
    for layer, features in zip(vgg16.LAYERS, expected, strict=True):
        network, _ = vgg16.build(vgg16_file, layer)
        np.testing.assert_allclose(np.asarray(network(given))[0], features.mean(axis=(0, 1)), rtol=2e-4, atol=1e-4)


def test_efficientnet_lite0(efficientnet_file: str, efficientnet_arrays: dict[str, np.ndarray]) -> None:
    arrays = {name: array.astype(np.float64) for name, array in efficientnet_arrays.items()}
    levels = np.random.default_rng(1).integers(0, 256, (40, 44, 3)).astype(float)

    def normed(features: np.ndarray, name: str, relu6: bool = True) -> np.ndarray:
        scale = arrays[f"{name}.weight"] / np.sqrt(arrays[f"{name}.running_var"] + 1e-3)
        result = (features - arrays[f"{name}.running_mean"]) * scale + arrays[f"{name}.bias"]
        return np.clip(result, 0, 6) if relu6 else result

    def kernel(name: str) -> np.ndarray:
        return arrays[f"{name}.weight"].transpose(2, 3, 1, 0)

    features = normed(convolved((levels - 127) / 128, kernel("_conv_stem"), 2), "_bn0")
    for number in range(16):
        block, inputs, stride = f"_blocks.{number}.", features, 2 if number in (1, 3, 5, 11) else 1
        if number:
            features = normed(convolved(features, kernel(f"{block}_expand_conv")), f"{block}_bn0")
        depthwise = arrays[f"{block}_depthwise_conv.weight"].transpose(2, 3, 0, 1)
        features = normed(convolved(features, depthwise, stride, depthwise=True), f"{block}_bn1")
        features = normed(convolved(features, kernel(f"{block}_project_conv")), f"{block}_bn2", relu6=False)
        if stride == 1 and features.shape == inputs.shape:
            features = features + inputs
    features = normed(convolved(features, kernel("_conv_head")), "_bn1").mean(axis=(0, 1))
    logits = arrays["_fc.weight"] @ features + arrays["_fc.bias"]

    given = ((levels - efficientnet_lite0.MEAN) / efficientnet_lite0.SCALE)[None].astype("float32")
    network, description = efficientnet_lite0.build(efficientnet_file)
    np.testing.assert_allclose(np.asarray(network(given))[0], features, rtol=1e-4, atol=1e-5)
    classifier, _ = efficientnet_lite0.build(efficientnet_file, classes=True)
    np.testing.assert_allclose(np.asarray(classifier(given))[0], logits, rtol=1e-4, atol=1e-4)
    assert description["file"] == "efficientnet_lite0.npz"


def lpips_by_hand(first: np.ndarray, second: np.ndarray, arrays: dict[str, np.ndarray]) -> float:
    total = 0.0
    maps = (vgg16_maps(normalised(levels.astype(float)), arrays) for levels in (first, second))
    for number, (one, other) in enumerate(zip(*maps, strict=True)):
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
        PerceptualDistance(vgg16_file)(image, image, 1)


def test_lpips_needs_its_heads(tmp_path: Path, vgg16_arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "plain.npz"
    np.savez(path, **{name: array for name, array in vgg16_arrays.items() if not name.startswith("lin")})
    with pytest.raises(RunFailed, match=r"expected the array 'lin0/kernel', which lpips needs"):
        PerceptualDistance(str(path))


@pytest.mark.parametrize("resizer", ["bicubic", "bilinear", "lanczos"])
def test_resizing_is_antialiased_and_does_not_round(resizer: str) -> None:
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * 201
    picture = np.repeat(checkers[..., None], 3, axis=2).astype(np.uint8)
    small = resized(picture, 16, resizer)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small[4:12, 4:12], 100.5, atol=1e-3)
    assert resized(picture, 64, resizer).tolist() == picture.tolist()


def test_networks_are_chosen_by_their_options(vgg16_file: str, efficientnet_file: str) -> None:
    loaded = load_features(EfficientNetLite0Features(path=efficientnet_file, size=64))
    assert loaded.dimension == 9
    assert loaded.protocol["preprocessing"] == "(level - 127) / 128, RGB"
    assert load_features(VGG16Features(path=vgg16_file, layer="relu2_2")).dimension == 5
    with pytest.raises(TypeError, match="known feature network"):
        load_features(object())


def test_inception_without_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(**arguments: object) -> None:
        assert arguments["weights"] == "imagenet"
        raise Exception("URL fetch failure on https://storage: None -- [Errno -3] Temporary failure")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(RunFailed, match=r"downloaded by Keras.* Received: URL fetch failure") as raised:
        load_features(InceptionV3Features())
    assert "~/.keras/models" in raised.value.hint


def test_inception_from_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="which does not exist"):
        load_features(InceptionV3Features(path=str(tmp_path / "weights.h5")))


def test_weight_files_that_are_none(tmp_path: Path, vgg16_arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(RunFailed, match=r"vgg16: expected a .npz file of weights. Received: nowhere.npz: No such file"):
        WeightFile("nowhere.npz", "vgg16")
    text = tmp_path / "text.npz"
    text.write_text("not a zip file")
    with pytest.raises(RunFailed, match=r"expected a .npz file of plain arrays"):
        WeightFile(str(text), "vgg16")
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, **{"conv0/kernel": np.array([object()])})
    with pytest.raises(RunFailed, match=r"plain arrays. Received: Object arrays cannot be loaded"):
        WeightFile(str(pickled), "vgg16")
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, **{**vgg16_arrays, "conv3/kernel": np.zeros((3, 3, 9, 9), np.float32)})
    with pytest.raises(RunFailed, match=r"'conv3/kernel' to hold finite floats of shape 3 × 3 × 5 × any"):
        vgg16.build(str(wrong), "relu5_3")
    infinite = tmp_path / "infinite.npz"
    np.savez(infinite, **{**vgg16_arrays, "conv0/bias": np.full(4, np.nan, np.float32)})
    with pytest.raises(RunFailed, match="'conv0/bias' to hold finite floats"):
        vgg16.build(str(infinite), "relu5_3")


def forward(vgg16_file: str, efficientnet_file: str) -> list[list[list[float]]]:
    images = np.random.default_rng(7).uniform(0, 255, (2, 2, 32, 32, 3))
    given = (images[0] / 127.5 - 1).astype("float32")
    rows = (
        vgg16.build(vgg16_file, "relu5_3")[0].predict_on_batch(given),
        efficientnet_lite0.build(efficientnet_file)[0].predict_on_batch(given),
        PerceptualDistance(vgg16_file)(*images, 2)[:, None],
    )
    return [np.asarray(found).tolist() for found in rows]


PROGRAM = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("networks", sys.argv[1])
networks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(networks)
print(json.dumps(networks.forward(*sys.argv[2:])))
"""


def test_both_backends_agree(vgg16_file: str, efficientnet_file: str) -> None:
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    environment = {**os.environ, "KERAS_BACKEND": other, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", PROGRAM, __file__, vgg16_file, efficientnet_file]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    elsewhere = json.loads(output.splitlines()[-1])
    for rows, expected in zip(elsewhere, forward(vgg16_file, efficientnet_file), strict=True):
        np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)
        assert np.abs(expected).max() > 0.01
