import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as safetensors

from gantk.artifacts.bundle_file import write_members
from gantk.artifacts.metadata import BundleMetadata
from gantk.report import write_report
from gantk.report.curves import draw_curves


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """A run directory with a model of one network."""

    def make(**facts: str) -> Path:
        (tmp_path / "train").mkdir()
        stage = {"type": "train", "status": "done", "seconds": 1.0, "skipped": False, "error": "", "outputs": {}}
        (tmp_path / "run.json").write_text(
            json.dumps({"name": "r", "status": "done", "started": 0, "stages": {"train": stage}})
        )
        network = {
            "file": "AtoB.safetensors",
            "sha256": "0" * 64,
            "component": {"kind": "generator", "name": "resnet"},
            "input_channels": 3,
            "output_channels": 1,
            "size_multiple": 4,
            "smallest_size": 8,
            "parameters": 1234567,
        }
        about = {
            "format": "gantk-model-bundle",
            "format_version": 1,
            "model": "cyclegan",
            "networks": {"AtoB": network},
        }
        weights = safetensors({"kernel": np.zeros(1, np.float32)})
        write_members(
            tmp_path / "train" / "model.gantk",
            BundleMetadata.model_validate({**about, **facts}),
            {"AtoB.safetensors": weights},
        )
        return tmp_path

    return make


def test_the_page_tells_the_model_and_its_licence(run: Callable[..., Path]) -> None:
    text = write_report(run(licence="CC <BY> 4.0")).read_text()
    assert "Licence: CC &lt;BY&gt; 4.0." in text
    assert "<td>resnet</td>" in text
    assert "1,234,567" in text
    assert "multiples of 4, at least 8" in text


def test_a_licence_that_is_not_known_is_not_made_up(run: Callable[..., Path]) -> None:
    assert "Licence: not stated." in write_report(run()).read_text()


def test_a_damaged_model_is_left_out(run: Callable[..., Path]) -> None:
    folder = run()
    (folder / "train" / "model.gantk").write_bytes(b"PK\x03\x04")
    assert 'id="model"' not in write_report(folder).read_text()


def test_equal_histories_give_equal_curves() -> None:
    history = [{"step": step, "cycle_a": 1.0 / step} for step in (1, 2, 3)]
    first, second = (draw_curves(history, ["cycle_a"], "cycle") for _ in range(2))
    assert first == second
    assert "<dc:date>" not in first
