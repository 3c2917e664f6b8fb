"""Keras' SRResNet weights in HDF5: the network that is found, and its arithmetic in float64 NumPy, up to the border."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import gantk_networks
from gantk.artifacts.foreign import ImportedNetwork, full_name, import_network, read_foreign_weights, recognised_by
from gantk.errors import PluginError, RunFailed, UsageError
from gantk.inference.upscaling import upscale
from gantk.registry import Registry

Arrays = dict[str, np.ndarray]
REGISTRY = Registry({"networks": gantk_networks})
EPSILON = 1e-3


def numbered(stem: str, *, first: int = 0) -> Iterator[str]:
    """Yield the names that Keras gives: without a number, then with 1, 2, …"""
    number = first
    while True:
        yield f"{stem}_{number}" if number else stem
        number += 1


def srresnet(
    *, blocks: int = 2, filters: int = 3, channels: int = 3, steps: tuple[int, ...] = (2, 2), biased: bool = True,
    first: int = 0, seed: int = 8,
) -> Arrays:  # fmt: skip
    """Make up weights, each layer with its own, by the name Keras gives it."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {}
    convolutions, normalizations, rectifiers = (
        numbered(stem, first=first) for stem in ("conv2d", "batch_normalization_v1", "p_re_lu")
    )

    def convolution(size: int, inputs: int, outputs: int, *, bias: bool = True) -> None:
        name = next(convolutions)
        deviation = (2 / (size * size * inputs)) ** 0.5
        arrays[f"{name}/kernel"] = random.normal(0, deviation, (size, size, inputs, outputs))
        if bias:
            arrays[f"{name}/bias"] = random.normal(0, 0.2, outputs)

    def normalized() -> None:
        convolution(3, filters, filters, bias=biased)
        name = next(normalizations)
        arrays[f"{name}/gamma"] = random.normal(1, 0.2, filters)
        arrays[f"{name}/beta"] = random.normal(0, 0.2, filters)
        arrays[f"{name}/moving_mean"] = random.normal(0, 0.5, filters)
        # Small ones, where epsilon tells.
        arrays[f"{name}/moving_variance"] = random.uniform(0.002, 0.5, filters)

    def rectifier() -> None:
        arrays[f"{next(rectifiers)}/alpha"] = random.uniform(-0.5, 0.5, (1, 1, filters))

    convolution(9, channels, filters)
    rectifier()
    for _ in range(blocks):
        normalized()
        rectifier()
        normalized()
    normalized()
    for step in steps:
        convolution(3, filters, filters * step**2)
        rectifier()
    convolution(9, filters, channels)
    return {name: array.astype("float32") for name, array in arrays.items()}


def forward(arrays: Arrays, levels: np.ndarray, *, blocks: int, steps: tuple[int, ...], first: int = 0) -> np.ndarray:
    """Enlarge one picture as the original says.

    Args:
        levels: Height × width × channels, from 0 to 255.

    Returns:
        The result, from 0 to 255.
    """
    names = [numbered(stem, first=first) for stem in ("conv2d", "batch_normalization_v1", "p_re_lu")]
    convolutions, normalizations, rectifiers = names

    def convolve(x: np.ndarray) -> np.ndarray:
        name = next(convolutions)
        kernel = arrays[f"{name}/kernel"].astype(np.float64)
        border = kernel.shape[0] // 2
        padded = np.pad(x, ((border, border), (border, border), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))
        return np.einsum("yxcij,ijco->yxo", windows, kernel) + arrays.get(f"{name}/bias", 0.0)

    def normalize(x: np.ndarray) -> np.ndarray:
        name = next(normalizations)
        gamma, beta, mean, variance = (
            arrays[f"{name}/{weight}"].astype(np.float64)
            for weight in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta

    def rectify(x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, arrays[f"{next(rectifiers)}/alpha"].astype(np.float64) * x)

    def squares(x: np.ndarray, factor: int) -> np.ndarray:
        height, width, channels = x.shape
        parts = x.reshape(height, width, factor, factor, channels // factor**2)
        return parts.transpose(0, 2, 1, 3, 4).reshape(height * factor, width * factor, -1)

    x = before = rectify(convolve(levels / 255))
    for _ in range(blocks):
        x = x + normalize(convolve(rectify(normalize(convolve(x)))))
    x = before + normalize(convolve(x))
    for step in steps:
        x = rectify(squares(convolve(x), step))
    return (np.tanh(convolve(x)) + 1) * 127.5


def old_file(path: Path, arrays: Arrays) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in dict.fromkeys(name.split("/")[0] for name in arrays)]
        for name, array in arrays.items():
            file[f"{name.split('/')[0]}/{name}:0"] = array
    return path


def new_file(path: Path, arrays: Arrays) -> Path:
    seen: dict[str, int] = {}
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            layer = name.split("/")[0]
            seen[layer] = seen.get(layer, -1) + 1
            file[f"layers/{layer}/vars/{seen[layer]}"] = array
        file["optimizer/vars/0"] = np.array(3, "int64")
    return path


def imported(path: Path, **options: Any) -> ImportedNetwork:
    return import_network(read_foreign_weights(path), "srgan/srresnet", options=options, registry=REGISTRY)


@pytest.mark.parametrize("write", [old_file, new_file])
@pytest.mark.parametrize(
    ("made", "factor"),
    [
        # More than ten convolutions: `conv2d_10` comes behind `conv2d_9`, and in the file before `conv2d_2`.
        ({"blocks": 4}, 4),
        ({"blocks": 1, "steps": (3,), "biased": False, "first": 37}, 3),
        ({"blocks": 0, "steps": (2, 2, 2), "channels": 1}, 8),
    ],
)
def test_an_enlargement_is_the_originals(tmp_path: Path, write: Any, made: dict[str, Any], factor: int) -> None:
    arrays = srresnet(**made)
    foreign = read_foreign_weights(write(tmp_path / "generator.h5", arrays))
    assert recognised_by(foreign, REGISTRY) == "srgan/srresnet"
    network = import_network(foreign, "srgan/srresnet", registry=REGISTRY)
    options = network.component.options.model_dump()
    assert options == {
        "factor": factor, "normalization": "batch", "blocks": made["blocks"], "filters": 3, "epsilon": EPSILON,
        "biased": made.get("biased", True),
    }  # fmt: skip
    channels = made.get("channels", 3)
    levels = np.random.default_rng(2).integers(0, 256, (9, 7, channels)).astype(np.float64)
    steps = made.get("steps", (2, 2))
    expected = forward(arrays, levels, blocks=made["blocks"], steps=steps, first=made.get("first", 0))
    found = np.asarray(network.network((levels[None] / 127.5 - 1).astype("float32")))[0]
    # The whole of it, with the border, where zero padding must be black.
    assert expected.std() > 10
    np.testing.assert_allclose((found + 1) * 127.5, expected, atol=0.02)


def test_pictures_are_enlarged_as_by_the_original(tmp_path: Path) -> None:
    arrays = srresnet(blocks=1, filters=2, steps=(2,))
    bundle = imported(old_file(tmp_path / "net.h5", arrays)).save(tmp_path / "net.gantk")
    assert bundle.metadata.networks["AtoB"].scale == 2
    levels = np.random.default_rng(5).integers(0, 256, (45, 70, 3), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "small.png")
    # In several tiles, whose margins must hold all that the network sees.
    summary = upscale(bundle, [tmp_path / "small.png"], tmp_path / "large", tile=64)
    assert (summary.done, summary.failed) == (1, 0)
    found = np.asarray(Image.open(tmp_path / "large" / "small.png")).astype(np.float64)
    expected = forward(arrays, levels.astype(np.float64), blocks=1, steps=(2,))
    assert expected.std() > 10
    np.testing.assert_allclose(found, expected, atol=0.52)


def test_what_the_file_does_not_tell_can_be_said(tmp_path: Path) -> None:
    path = old_file(tmp_path / "net.h5", srresnet())
    assert dict(imported(path).assumed) == {"epsilon": EPSILON}
    told = imported(path, epsilon=1e-5)
    assert (told.component.options.model_dump()["epsilon"], dict(told.assumed)) == (1e-5, {})
    with pytest.raises(UsageError, match=r"blocks: 2 by the weights\. Received: 16"):
        imported(path, blocks=16)


def test_all_that_does_not_fit_is_told(tmp_path: Path) -> None:
    arrays = srresnet()
    del arrays["conv2d_3/bias"]
    arrays["conv2d_7/kernel"] = np.zeros((3, 3, 3, 13), "float32")
    arrays["p_re_lu_1/alpha"] = np.full((1, 1, 3), np.nan, "float32")
    del arrays["batch_normalization_v1_2/gamma"]
    with pytest.raises(RunFailed) as caught:
        imported(old_file(tmp_path / "net.h5", arrays))
    for told in (
        "missing: conv2d_3/bias, (3,)",
        "missing: batch_normalization_v1_2/gamma, (3,)",
        "other shape: conv2d_7/kernel, (3, 3, 3, 13) in place of (3, 3, 3, 12)",
        "not finite: p_re_lu_1/alpha",
    ):
        assert told in caught.value.message


def test_other_networks(tmp_path: Path) -> None:
    without = {name: array for name, array in srresnet().items() if "p_re_lu" not in name}
    with pytest.raises(UsageError, match=r"2B \+ 1 batch normalizations and B \+ E \+ 1 PReLU. Received: 9, 5 and 0"):
        imported(old_file(tmp_path / "a.h5", without))
    dense = {**srresnet(), "dense/kernel": np.zeros((4, 4), "float32")}
    with pytest.raises(UsageError, match=r"Received: a layer 'dense' with kernel \(4, 4\)"):
        imported(old_file(tmp_path / "b.h5", dense))
    many = srresnet(blocks=0, steps=(2, 2, 2, 2))
    with pytest.raises(UsageError, match="Received: 4 enlargements"):
        imported(old_file(tmp_path / "c.h5", many))
    with pytest.raises(UsageError, match="the original's residual generator has") as caught:
        recognised_by(read_foreign_weights(old_file(tmp_path / "d.h5", dense)), REGISTRY)
    assert "srgan/srresnet: the SRResNet of Keras has" in caught.value.message


def test_the_last_word_of_a_name_is_enough() -> None:
    assert full_name("srresnet", REGISTRY) == full_name("srgan/srresnet", REGISTRY) == "srgan/srresnet"
    with pytest.raises(PluginError, match="srresnett"):
        full_name("srresnett", REGISTRY)
