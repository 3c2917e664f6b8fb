"""Imported checkpoints against PyTorch itself, where there is one: in this environment, or by GANTK_TORCH_PYTHON.

GANTK_TORCH_PYTHON names an interpreter with PyTorch and NumPy, which need not be this one: gantk does without.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import gantk_networks
from gantk.artifacts.foreign import import_network, read_foreign_weights
from gantk.registry import Registry

VARIABLE = "GANTK_TORCH_PYTHON"
TORCH = os.environ.get(VARIABLE) or (sys.executable if importlib.util.find_spec("torch") else "")
pytestmark = pytest.mark.skipif(not TORCH, reason=f"PyTorch is not here; {VARIABLE} names an interpreter that has it")

SMALL = (
    "resnet_6_dropout",
    "resnet_2_old",
    "resnet_2_affine",
    "resnet_2_batch",
    "resnet_2_none",
    "unet_small_5_batch",
    "unet_small_5_instance",
    "unet_small_5_none",
)
REGISTRY = Registry({"networks": gantk_networks})


def written(folder: Path, *names: str) -> Path:
    script = Path(__file__).with_name("original_networks.py")
    subprocess.run([TORCH, str(script), str(folder), *names], check=True)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("torch"), *SMALL)


def compare(folder: Path, name: str, form: str) -> None:
    weights = read_foreign_weights(folder / f"{name}.{form}.pth")
    results = np.load(folder / f"{name}.npz")
    nested = name.startswith("unet")
    ways: dict[str, dict[str, Any]] = {"moving": {}}
    if nested:
        ways["moving"] = {"dropout": 0}
        if "batch" in name:
            ways = {
                "moving": {"dropout": 0, "statistics_at_test": "moving"},
                "image": {"dropout": 0, "statistics_at_test": "image"},
            }
    for way, options in ways.items():
        found = import_network(
            weights, "pix2pix/unet" if nested else "cyclegan/resnet", options=options, registry=REGISTRY
        )
        for index in (0, 1):
            expected = results[f"{way}_{index}"].transpose(0, 2, 3, 1)
            images = results[f"images_{index}"].transpose(0, 2, 3, 1)
            assert expected.std() > 0.2
            result = keras.ops.convert_to_numpy(found.network(images))
            np.testing.assert_allclose(result, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.parametrize("name", SMALL)
def test_small_networks(small: Path, name: str, form: str) -> None:
    compare(small, name, form)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet_9_instance", "unet_8_batch"])
def test_the_papers_networks(tmp_path: Path, name: str) -> None:
    written(tmp_path, name)
    for form in ("zip", "legacy"):
        compare(tmp_path, name, form)
