"""Small weight files of the real layouts, and small prepared data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gantk.errors import RunFailed

# Widths of VGG16's 13 convolutions, and of EfficientNet-lite0's 16 blocks, much reduced.
VGG_WIDTHS = (4, 4, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8)
BLOCK_WIDTHS = (2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 7, 8)
BLOCK_SIDES = (3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3)


@pytest.fixture
def vgg16_arrays() -> dict[str, np.ndarray]:
    """VGG16 with LPIPS heads, of random weights."""
    random = np.random.default_rng(11)
    arrays: dict[str, np.ndarray] = {}
    channels = 3
    for number, width in enumerate(VGG_WIDTHS):
        arrays[f"conv{number}/kernel"] = random.normal(0, 0.4, (3, 3, channels, width)).astype("float32")
        arrays[f"conv{number}/bias"] = random.normal(0, 0.1, width).astype("float32")
        channels = width
    for number, layer in enumerate((1, 3, 6, 9, 12)):
        arrays[f"lin{number}/kernel"] = random.uniform(0.1, 1, (1, 1, VGG_WIDTHS[layer], 1)).astype("float32")
    return arrays


@pytest.fixture
def vgg16_file(tmp_path: Path, vgg16_arrays: dict[str, np.ndarray]) -> str:
    path = tmp_path / "vgg16_lpips.npz"
    np.savez(path, **vgg16_arrays)
    return str(path)


@pytest.fixture
def efficientnet_arrays() -> dict[str, np.ndarray]:
    """EfficientNet-lite0 with its classifier, of random weights, under PyTorch's names."""
    random = np.random.default_rng(12)
    arrays: dict[str, np.ndarray] = {}

    def convolution(name: str, norm: str, outputs: int, inputs: int, side: int) -> None:
        deviation = 1.5 / np.sqrt(inputs * side * side)
        arrays[f"{name}.weight"] = random.normal(0, deviation, (outputs, inputs, side, side)).astype("float32")
        arrays[f"{norm}.weight"] = random.uniform(0.5, 1.5, outputs).astype("float32")
        arrays[f"{norm}.bias"] = random.normal(0, 0.2, outputs).astype("float32")
        arrays[f"{norm}.running_mean"] = random.normal(0, 0.2, outputs).astype("float32")
        arrays[f"{norm}.running_var"] = random.uniform(0.5, 2, outputs).astype("float32")
        arrays[f"{norm}.num_batches_tracked"] = np.array(7)

    convolution("_conv_stem", "_bn0", 4, 3, 3)
    channels = 4
    for number, (width, side) in enumerate(zip(BLOCK_WIDTHS, BLOCK_SIDES, strict=True)):
        block = f"_blocks.{number}."
        inner = channels * (1 if number == 0 else 2)
        if number > 0:
            convolution(f"{block}_expand_conv", f"{block}_bn0", inner, channels, 1)
        convolution(f"{block}_depthwise_conv", f"{block}_bn1", inner, 1, side)
        convolution(f"{block}_project_conv", f"{block}_bn2", width, inner, 1)
        channels = width
    convolution("_conv_head", "_bn1", 9, channels, 1)
    arrays["_fc.weight"] = random.normal(0, 1, (3, 9)).astype("float32")
    arrays["_fc.bias"] = random.normal(0, 1, 3).astype("float32")
    return arrays


@pytest.fixture
def efficientnet_file(tmp_path: Path, efficientnet_arrays: dict[str, np.ndarray]) -> str:
    path = tmp_path / "efficientnet_lite0.npz"
    np.savez(path, **efficientnet_arrays)
    return str(path)


class Held:
    """Images held by (domain, field). Implements `gantk.EvaluationData`."""

    seed = 0

    def __init__(self, **images: np.ndarray) -> None:
        """Keys are `A` and `B` for unpaired images, `AB_A` and `AB_B` for the fields of aligned ones."""
        self._images = {tuple(key.split("_")) if "_" in key else (key, "image"): value for key, value in images.items()}

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        return tuple(field for owner, field in self._images if owner == domain)

    def images(self, split: str, domain: str, field: str = "image", limit: int | None = None) -> np.ndarray:
        if (domain, field) not in self._images:
            raise RunFailed(f"no {field} of {domain} in {split}")
        return self._images[domain, field][:limit]


@pytest.fixture
def held() -> type[Held]:
    return Held


class Pictures:
    """Pictures by name. Implements `gantk.PictureSet`; None stands for one that cannot be read."""

    def __init__(self, **pictures: np.ndarray | None) -> None:
        self._pictures = pictures
        self.description = {"folder": "made"}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._pictures)

    def read(self, name: str) -> np.ndarray | None:
        return self._pictures[name]


@pytest.fixture
def picture_set() -> type[Pictures]:
    return Pictures


class Translating:
    """A translator of given directions that applies a function."""

    def __init__(self, function: Callable[[np.ndarray], np.ndarray], directions: tuple[str, ...] = ("AtoB",)) -> None:
        self.directions = directions
        self._function = function

    def __call__(self, direction: str, images: np.ndarray) -> np.ndarray:
        return self._function(images)


@pytest.fixture
def translating() -> type[Translating]:
    return Translating
