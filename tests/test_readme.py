"""The README's examples work as they stand."""

import re
from pathlib import Path

import numpy as np
import pytest

from gantk.config import load_pipeline
from gantk.registry import Registry, load_factory

README = Path(__file__).parents[1] / "README.md"


def block(language: str, containing: str) -> str:
    (found,) = [
        text for text in re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL) if containing in text
    ]
    return found


def test_the_pipeline_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(block("yaml", "name: my_zebras"))
    assert list(load_pipeline(path).stages) == ["prepare", "train", "evaluate", "translate", "report"]


def test_the_preparation_of_classes_is_valid(tmp_path: Path) -> None:
    stage = block("yaml", "labels: folders").replace("\n", "\n  ")
    path = tmp_path / "pipeline.yaml"
    path.write_text(f"name: digits\nstages:\n  {stage}")
    options = load_pipeline(path).stages["prepare"].options
    assert options.pyramid.smallest == 4
    assert options.layout == "single"


def test_the_plugin_is_a_whole_plugin(tmp_path: Path) -> None:
    path = tmp_path / "soft_hinge.py"
    path.write_text(block("python", "SoftHinge"))
    registry = Registry({})
    registry.extend([str(path)])
    loss = load_factory(registry.find("loss", "soft_hinge/soft_hinge", role="adversarial"))(None)
    logits = np.zeros((2, 3, 3, 1), np.float32)
    assert float(loss.discriminator_loss(logits, logits)) == pytest.approx(2 * np.log1p(np.e), rel=1e-5)
    assert float(loss.generator_loss(logits + 2)) == pytest.approx(-2)


def test_the_files_it_points_to_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        assert (README.parent / target).exists(), target
