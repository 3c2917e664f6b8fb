"""The pipeline superres_photos on tiny photographs: patches, training measured meanwhile, whole photographs evaluated."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PIPELINE = Path(__file__).parents[2] / "pipelines" / "superres_photos.yaml"
TINY = (
    "stages.prepare.source.root=photos",
    "stages.prepare.patches={size: 64, minimum_detail: 1}",
    "stages.train.model.generator={type: compact, factor: 4, depth: 1, width: 4, base: bicubic}",
    "stages.train.transforms=[{type: paired_crop, size: 8}, {type: flip}, {type: rotate}, normalise]",
    "stages.train.batch_size=4",
    "stages.train.steps_per_epoch=3",
    "stages.train.epochs=1",
    "stages.train.evaluate={metrics: [{type: psnr, channels: y, border: 4}], keep_best: psnr_y_border4_a_to_b, split: test}",
)
SIZES = {"wide": (72, 101), "high": (98, 66)}
"""Height and width of the held-out photographs; no whole multiples of 4."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory after the pipeline has been run on blocks of colour."""
    folder = tmp_path_factory.mktemp("superres_photos")
    shapes = {
        **{f"train/{number}": (70, 132) for number in range(2)},
        **{f"test/{name}": SIZES[name] for name in SIZES},
    }
    for number, (name, (height, width)) in enumerate(shapes.items()):
        (folder / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        blocks = np.random.default_rng(number).integers(0, 256, (height // 5 + 1, width // 5 + 1, 3))
        pixels = np.kron(blocks, np.ones((5, 5, 1)))[:height, :width].astype(np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{name}.png")
    settings = [part for override in TINY for part in ("--set", override)]
    result = subprocess.run(
        [sys.executable, "-m", "gantk", "pipeline", "run", str(PIPELINE), *settings],
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return folder / "runs" / "superres_photos"


def test_training_sees_patches_and_evaluation_whole_photographs(finished: Path) -> None:
    from gantk.data import PreparedDataset

    dataset = PreparedDataset.open(finished / "prepare")
    assert (dataset.count("train", "AB"), dataset.count("test", "AB")) == (4, 2)
    assert {sample["B"].shape for sample in dataset.records("train", "AB")} == {(64, 64, 3)}
    assert {(sample["A"].shape, sample["B"].shape) for sample in dataset.records("test", "AB")} == {
        ((18, 25, 3), (72, 100, 3)),
        ((24, 16, 3), (96, 64, 3)),
    }


def test_every_photograph_has_its_numbers(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished / "evaluate" / "per_picture.jsonl").read_text().splitlines()]
    assert sorted(line["picture"] for line in lines) == ["test/high.png", "test/wide.png"]
    entries = json.loads((finished / "evaluate" / "evaluation.json").read_text())["metrics"]
    names = ["psnr_y_border4_a_to_b", "ssim_y_border4_a_to_b", "psnr_border4_a_to_b"]
    assert [(entry["candidate"], *entry["values"]) for entry in entries] == [
        (candidate, name) for name in names for candidate in ("trained", "bicubic")
    ]
    labels = ["psnr.psnr_y_border4_a_to_b", "ssim.ssim_y_border4_a_to_b", "psnr-2.psnr_border4_a_to_b"]
    for place, label in enumerate(labels):
        for entry in entries[2 * place : 2 * place + 2]:
            numbers = [line["values"][label]["numbers"][entry["candidate"]] for line in lines]
            assert np.isfinite(numbers).all()
            assert entry["values"][names[place]] == pytest.approx(np.mean(numbers))
    assert {role for line in lines for role in line["shown"]} == {"input", "result", "truth"}
    assert "Picture by picture" in (finished / "report.html").read_text()


def test_the_bicubic_baseline_is_the_psnr_of_pillows_picture(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished / "evaluate" / "per_picture.jsonl").read_text().splitlines()]
    photos = finished.parents[1] / "photos"
    for line in lines:
        truth = Image.open(photos / line["picture"])
        width, height = (side // 4 * 4 for side in truth.size)
        truth = truth.crop((0, 0, width, height))
        small = truth.resize((width // 4, height // 4), Image.Resampling.BICUBIC)
        result = small.resize((width, height), Image.Resampling.BICUBIC)
        one, other = (
            (np.asarray(image).astype(float) @ [65.481, 128.553, 24.966] / 255)[4:-4, 4:-4] for image in (truth, result)
        )
        expected = 10 * np.log10(255**2 / np.mean((one - other) ** 2))
        found = line["values"]["psnr.psnr_y_border4_a_to_b"]["numbers"]["bicubic"]
        assert found == pytest.approx(expected, abs=1e-6)


def test_the_best_weights_by_the_luma_are_kept(finished: Path) -> None:
    training = json.loads((finished / "train" / "training.json").read_text())
    assert training["best"]["name"] == "psnr.psnr_y_border4_a_to_b"


def test_photographs_are_enlarged_by_the_stage_translate(finished: Path) -> None:
    sizes = {path.name: Image.open(path).size for path in (finished / "translate" / "after").rglob("*.png")}
    assert sizes == {"wide.png.png": (100, 72), "high.png.png": (64, 96)}
