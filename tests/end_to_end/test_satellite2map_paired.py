"""The pipeline satellite2map_paired, run as a person runs it, on tiny pairs; and the other direction."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PIPELINE = Path(__file__).parents[2] / "pipelines" / "satellite2map_paired.yaml"
TINY = (
    "stages.prepare.source.root=pairs",
    "stages.prepare.transforms=[{type: resize, size: 64}]",
    "stages.train.model.generator={type: unet, downs: 6, filters: 2}",
    "stages.train.model.discriminator={type: patchgan, filters: 4, layers: 1, normalization: batch}",
    "stages.train.schedule={type: linear, constant: 1, decay: 1}",
    "stages.train.batch_size=2",
    "stages.train.epochs=2",
    "stages.translate.limit=2",
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


def run(folder: Path, *overrides: str, extra: tuple[str, ...] = ()) -> Path:
    settings = [part for override in (*TINY, *overrides) for part in ("--set", override)]
    result = gantk("pipeline", "run", PIPELINE, *settings, *extra, folder=folder)
    assert result.returncode == 0, result.stderr
    return folder / result.stdout.strip()


def values(directory: Path, metric: str) -> dict[str, dict[str, float]]:
    entries = json.loads((directory / "evaluate" / "evaluation.json").read_text())["metrics"]
    return {entry["candidate"]: entry["values"] for entry in entries if entry["name"] == metric}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with side-by-side pictures, whose right halves are the left ones with red and blue exchanged."""
    folder = tmp_path_factory.mktemp("paired")
    random = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 3)):
        (folder / "pairs" / split).mkdir(parents=True)
        for number in range(count):
            left = np.kron(random.integers(0, 256, (8, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
            pixels = np.concatenate([left, left[..., ::-1]], axis=1)
            Image.fromarray(pixels).save(folder / "pairs" / split / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def finished(pairs: Path) -> Path:
    return run(pairs)


def test_it_leaves_everything_it_promises(finished: Path) -> None:
    record = json.loads((finished / "run.json").read_text())
    assert {name: stage["status"] for name, stage in record["stages"].items()} == dict.fromkeys(
        ("prepare", "train", "evaluate", "translate", "report"), "done"
    )
    lines = [json.loads(line) for line in (finished / "train" / "metrics.jsonl").read_text().splitlines()]
    losses = [line for line in lines if "generators" in line][-1]
    assert losses["step"] == 6
    assert {"adversarial", "pairwise", "discriminators"} <= losses.keys()
    about = json.loads((finished / "train" / "samples" / "step-00000006.json").read_text())
    assert about["columns"] == ["input", "output", "target"]
    assert set(about["rows"]) == {"satellite → map"}
    assert len(json.loads((finished / "translate" / "pairs.json").read_text())["pairs"]) == 2
    page = (finished / "report.html").read_text()
    assert "colour_lookup" in page
    assert "Before and after" in page


def test_the_trained_model_stands_beside_its_baselines(pairs: Path, finished: Path) -> None:
    errors, ratios = values(finished, "l1"), values(finished, "psnr")
    assert set(errors) == set(ratios) == {"trained", "untrained", "identity", "training_mean", "colour_lookup"}
    assert all(list(found) == ["l1_a_to_b"] for found in errors.values())
    left, right = {}, {}
    for split in ("train", "test"):
        pictures = [np.asarray(Image.open(path)) for path in sorted((pairs / "pairs" / split).iterdir())]
        left[split], right[split] = (
            np.stack(pictures).astype(float)[:, :, part] for part in (slice(64), slice(64, None))
        )
    copied = np.abs(left["test"] - right["test"]).mean()
    mean = np.abs(np.rint(right["train"].mean(axis=0)) - right["test"]).mean()
    assert errors["identity"]["l1_a_to_b"] == pytest.approx(copied, rel=1e-6)
    assert errors["training_mean"]["l1_a_to_b"] == pytest.approx(mean, rel=1e-3)
    entries = json.loads((finished / "evaluate" / "evaluation.json").read_text())["metrics"]
    learnt = next(entry for entry in entries if entry["candidate"] == "colour_lookup")["protocol"]["candidate"]
    assert learnt["pairs"] == 6


def test_its_model_translates_files_the_same_way_each_time(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (50, 70, 3), np.uint8)).save(tmp_path / "mine" / "x.png")
    found = []
    for name in ("first", "second"):
        result = gantk("translate", finished, "mine", "-o", name, folder=tmp_path)
        assert result.returncode == 0, result.stderr
        found.append(np.asarray(Image.open(tmp_path / name / "x.png")))
    assert found[0].shape == (50, 70, 3)
    assert found[0].std() > 0
    np.testing.assert_array_equal(*found)


def test_the_other_direction_needs_one_setting(pairs: Path) -> None:
    finished = run(
        pairs, "stages.train.model.direction=BtoA", "stages.train.epochs=1", extra=("--run-dir", "runs/back")
    )
    assert list(values(finished, "psnr")["trained"]) == ["psnr_b_to_a"]
    record = json.loads((finished / "translate" / "pairs.json").read_text())
    assert record["direction"] == "BtoA"
    before = np.asarray(Image.open(finished / "translate" / record["pairs"][0]["before"]))
    right = np.asarray(Image.open(pairs / "pairs" / "test" / "0.png"))[:, 64:]
    np.testing.assert_array_equal(before, right)
