"""The examples of docs/another_gan.md work as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "another_gan.md"
STEP = """
import numpy as np
from gantk.engine.batches import StepBatches
from gantk.engine.building import build_model
from gantk.engine.model_context import ModelContext
from gantk.config import load_pipeline
from gantk.registry import configure
from pathlib import Path

configure(("./pearson.py",))
train = load_pipeline(Path("pipeline.yaml")).stages["train"].options
random = np.random.default_rng(0)
model = build_model(train.model, ModelContext({"image": (8, 8, 1)}, train, classes=("a", "b")))
batch = {"image": random.uniform(-1, 1, (4, 8, 8, 1)).astype("f4"), "label": np.array([0, 1, 1, 0], "i4")}
history = model.fit(StepBatches(iter([batch])), steps_per_epoch=1, verbose=0).history
assert all(np.isfinite(value[0]) for value in history.values()), history
print(sorted(history))
"""


def block(language: str, containing: str) -> str:
    (found,) = [
        text for text in re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL) if containing in text
    ]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pearson.py").write_text(block("python", "# pearson.py"))
    (tmp_path / "test_pearson.py").write_text(block("python", "# test_pearson.py"))
    stage = block("yaml", "pearson/pearson").rstrip().replace("\n", "\n  ")
    prepare = "prepare:\n    source: {type: folder, root: data, pairing: single, labels: folders}"
    (tmp_path / "pipeline.yaml").write_text(f"name: pearson\nstages:\n  {prepare}\n  {stage}\n    batch_size: 2\n")
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_trains(folder: Path) -> None:
    assert "'discriminator', 'discriminator_accuracy', 'generator'" in run(folder, "-c", STEP)


def test_the_examples_test_passes(folder: Path) -> None:
    assert "1 passed" in run(
        folder, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "test_pearson.py"
    )


def test_the_files_it_points_to_are_there() -> None:
    root = PAGE.parents[1]
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE.read_text()):
        assert (PAGE.parent / target).exists(), target
    for target in re.findall(r"`((?:plugins|tests)/[\w/.]+)`", PAGE.read_text()):
        assert (root / target).exists(), target
