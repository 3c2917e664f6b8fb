"""The pipeline edges2photo on tiny photographs: pairs derived, trained on, and drawings of one's own translated."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantk_transforms.canny import Canny
from gantk_transforms.options import CannyOptions

PIPELINE = Path(__file__).parents[2] / "pipelines" / "edges2photo.yaml"
TINY = (
    "stages.prepare.source.root=photos",
    "stages.prepare.transforms=[{type: resize, size: 32, mode: cover}]",
    "stages.train.model.generator={type: unet, downs: 3, filters: 4}",
    "stages.train.model.discriminator={type: patchgan, filters: 4, layers: 1, normalization: batch}",
    "stages.train.transforms=[{type: crop, size: 16}, {type: flip}, normalise]",
    "stages.train.steps_per_epoch=3",
    "stages.train.epochs=1",
    "stages.train.schedule={type: constant}",
    "stages.translate.inputs=[mine]",
)


def gantk(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gantk", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    settings = [part for override in TINY for part in ("--set", override)]
    return gantk("pipeline", "run", PIPELINE, *settings, folder=folder)


def drawing(path: Path) -> None:
    pixels = np.full((32, 32), 255, np.uint8)
    pixels[16] = 0
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the pipeline has been run on blocks of colour, half of them wider than high."""
    folder = tmp_path_factory.mktemp("edges2photo")
    for split, count in (("train", 6), ("test", 2)):
        (folder / "photos" / split).mkdir(parents=True)
        for number in range(count):
            blocks = np.random.default_rng(number).integers(0, 256, (4, 4 + number % 2, 3))
            pixels = np.kron(blocks, np.ones((10, 10, 1))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / split / f"{number}.png")
    (folder / "mine").mkdir()
    drawing(folder / "mine" / "one.png")
    result = run(folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_photographs_become_pairs_with_edges_of_black_and_white(finished: Path) -> None:
    from gantk.data import PreparedDataset

    dataset = PreparedDataset.open(finished / "runs" / "edges2photo" / "prepare")
    assert (dataset.layout, dataset.count("train", "AB"), dataset.count("test", "AB")) == ("aligned", 6, 2)
    assert dataset.domain_names == {"A": "edges", "B": "photo"}
    sample = dataset.records("train", "AB")[1]
    assert sample["B"].shape == (32, 32, 3)
    edges = Canny(CannyOptions(sigma=1.0, low=0.05, high=0.12))(sample["B"], np.random.default_rng(0))
    np.testing.assert_array_equal(sample["A"], edges)
    assert set(np.unique(edges)) == {0, 255}


def test_the_run_holds_all_that_was_promised(finished: Path) -> None:
    directory = finished / "runs" / "edges2photo"
    record = json.loads((directory / "run.json").read_text())
    assert {stage["status"] for stage in record["stages"].values()} == {"done"}
    entries = json.loads((directory / "evaluate" / "evaluation.json").read_text())["metrics"]
    assert {entry["candidate"] for entry in entries} == {"trained", "untrained", "training_mean"}
    assert np.isfinite([value for entry in entries for value in entry["values"].values()]).all()
    assert "edges" in (directory / "report.html").read_text()
    assert Image.open(directory / "translate" / "after" / "one.png").size == (32, 32)


def test_inspect_takes_the_run_directory(finished: Path) -> None:
    result = gantk("data", "inspect", "runs/edges2photo", folder=finished)
    assert result.returncode == 0, result.stderr
    assert "field A is derived: picture → canny" in result.stdout
    assert "its data is in runs/edges2photo/prepare" in result.stderr


def test_a_new_drawing_is_noticed_without_being_told(finished: Path) -> None:
    again = run(finished)
    assert "translate: skipped, nothing about it has changed" in again.stderr
    drawing(finished / "mine" / "two.png")
    settings = [part for override in TINY for part in ("--set", override)]
    plan = json.loads(gantk("pipeline", "plan", PIPELINE, *settings, "--json", folder=finished).stdout)
    stages = plan["stages"] if isinstance(plan, dict) else plan
    assert next(stage["action"] for stage in stages if stage["name"] == "translate") == "run"
    result = run(finished)
    assert result.returncode == 0, result.stderr
    assert "train: skipped, nothing about it has changed" in result.stderr
    pairs = json.loads((finished / "runs" / "edges2photo" / "translate" / "pairs.json").read_text())["pairs"]
    assert sorted(pair["after"] for pair in pairs) == ["after/one.png", "after/two.png"]
