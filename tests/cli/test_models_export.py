"""`gantk models export`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as safetensors

from gantk.artifacts import export as exporting
from gantk.artifacts.bundle_file import write_members
from gantk.artifacts.metadata import BundleMetadata
from gantk.cli import export as command


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose networks nobody builds."""
    network = {
        "file": "AtoB.safetensors",
        "sha256": "0" * 64,
        "component": {"kind": "generator", "name": "resnet"},
        "input_channels": 3,
        "output_channels": 3,
        "size_multiple": 4,
        "smallest_size": 8,
    }
    about = {"format": "gantk-model-bundle", "format_version": 1, "model": "cyclegan", "networks": {"AtoB": network}}
    path = tmp_path / "model.gantk"
    write_members(
        path, BundleMetadata.model_validate(about), {"AtoB.safetensors": safetensors({"x": np.zeros(1, np.float32)})}
    )
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "out"], "--format must say what to write. Received: the output out"),
        (["-o", "m.onnx", "--height", "16"], "--height and --width must be given together"),
        (["-o", "m.onnx", "--height", "16", "--width", "18"], "multiples of 4 and at least 8. Received: 16 × 18"),
        (["-o", "m.onnx", "--direction", "BtoA"], "direction must be one of AtoB. Received: 'BtoA'"),
        (["-o", "m.onnx", "--opset", "9"], "9 is not in the range 13<=x<=18"),
        (["-o", "m.onnx", "--format", "tflite"], "'tflite' is not one of 'onnx', 'savedmodel'"),
        (["-o", "taken.onnx"], "The output must not be there yet. Received: taken.onnx"),
        (["-o", "folder", "--format", "savedmodel", "--overwrite"], "folder, which is something else"),
        ([], "Missing option '-o'"),
    ],
)
def test_wrong_usage_is_told(gantk, model, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    Path("taken.onnx").touch()
    Path("folder").mkdir()
    outcome = gantk("models", "export", model, *arguments)
    assert outcome.code == 2, outcome.err
    assert message in outcome.err
    assert sorted(os.listdir(tmp_path)) == ["folder", "model.gantk", "taken.onnx"]


def test_missing_packages_and_plugins_are_told(gantk, model, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "onnx" else found(name, *rest))
    outcome = gantk("models", "export", model, "-o", tmp_path / "m.onnx")
    assert outcome.code == 5
    assert "without onnx" in outcome.err
    assert "pip install 'gantk[onnx]'" in outcome.err
    outcome = gantk("-p", "no:networks", "models", "export", model, "-o", tmp_path / "m", "--format", "savedmodel")
    assert outcome.code == 5
    assert "needs a plugin" in outcome.err


def test_the_help_page_says_what_is_so():
    assert command.OPSETS == (exporting.OLDEST_OPSET, exporting.NEWEST_OPSET)
    assert command.DEFAULT_OPSET == exporting.DEFAULT_OPSET
    assert command.TOLERANCE == exporting.TOLERANCE


def test_a_model_is_exported_whatever_backend_is_configured(tmp_path: Path) -> None:
    from gantk.artifacts import save_bundle
    from gantk.config.components import Component
    from gantk.registry import default_registry

    spec = default_registry().find("generator", "unet")
    component = Component("unet", spec, spec.options.model_validate({"downs": 2, "filters": 2}))
    network = component.create(input_shape=(None, None, 3), output_channels=3)
    save_bundle(
        tmp_path / "run" / "train" / "model.gantk",
        networks={"BtoA": network},
        components={"BtoA": component},
        model="pix2pix",
    )

    result = subprocess.run(
        [sys.executable, "-m", "gantk", "models", "export", "run", "-o", "out/m.onnx", "--json"],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == "exporting with TensorFlow, not jax: the weights are the same\n"
    summary = json.loads(result.stdout)
    assert (summary["path"], summary["format"], summary["direction"]) == ("out/m.onnx", "onnx", "BtoA")
    assert [comparison["shape"] for comparison in summary["comparisons"]] == [[1, 64, 64, 3], [2, 80, 96, 3]]
    assert 0 <= summary["difference"] < 1e-5
    assert os.listdir(tmp_path / "out") == ["m.onnx"]
