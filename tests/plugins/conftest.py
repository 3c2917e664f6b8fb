"""Small files of feature networks' weights, in the real layouts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent

if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import float64_networks  # noqa: E402


@pytest.fixture
def vgg16_arrays() -> dict[str, np.ndarray]:
    """VGG16 with LPIPS heads, of random weights."""
    return float64_networks.vgg_arrays(float64_networks.VGG16)


@pytest.fixture
def vgg16_file(tmp_path: Path, vgg16_arrays: dict[str, np.ndarray]) -> str:
    path = tmp_path / "vgg16_lpips.npz"
    np.savez(path, **vgg16_arrays)
    return str(path)


@pytest.fixture
def vgg19_arrays() -> dict[str, np.ndarray]:
    """VGG19 of random weights."""
    return float64_networks.vgg_arrays(float64_networks.VGG19)


@pytest.fixture
def vgg19_file(tmp_path: Path, vgg19_arrays: dict[str, np.ndarray]) -> str:
    path = tmp_path / "vgg19.npz"
    np.savez(path, **vgg19_arrays)
    return str(path)


@pytest.fixture
def efficientnet_arrays() -> dict[str, np.ndarray]:
    """EfficientNet-lite0 with its classifier, of random weights, under PyTorch's names."""
    return float64_networks.efficientnet_arrays()


@pytest.fixture
def efficientnet_file(tmp_path: Path, efficientnet_arrays: dict[str, np.ndarray]) -> str:
    path = tmp_path / "efficientnet_lite0.npz"
    np.savez(path, **efficientnet_arrays)
    return str(path)
