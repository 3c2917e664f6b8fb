"""The pipelines of ProGAN: every profile is valid, and the digits grow from 4 to 16 pixels on tiny pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantk.config import cautions, load_pipeline

PIPELINES = Path(__file__).parents[2] / "pipelines"
SMALL = "{type: progan, filter_base: 32, widest: 4}"
TINY = (
    "stages.prepare.source.root=digits",
    "stages.prepare.splits={train: 0.5, test: 0.5}",
    "stages.prepare.transforms=[{type: pad, size: 16}]",
    f"stages.train.model.generator={SMALL}",
    f"stages.train.model.discriminator={SMALL}",
    "stages.train.model.latents.size=8",
    "stages.train.model.fade_images=0.016",
    "stages.train.model.stable_images=0.016",
    "stages.train.model.last_stable_images=0.024",
    "stages.train.model.batch_sizes={4: 8, 8: 8, 16: 4}",
    "stages.train.steps_per_epoch=5",
    "stages.train.log_every=1",
    "stages.evaluate.metrics=[{type: swd, projections: 8}]",
    "stages.generate.count=6",
)


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("progan_digits", None),
        ("progan_digits", "conditional"),
        ("progan_digits", "fid"),
        ("progan_digits", "paper"),
        ("progan_celebahq", None),
        ("progan_celebahq", "size_256"),
        ("progan_celebahq", "try"),
    ],
)
def test_every_profile_is_valid_and_without_cautions(name: str, profile: str | None) -> None:
    loaded = load_pipeline(PIPELINES / f"{name}.yaml", profile=profile)
    assert list(loaded.stages) == ["prepare", "train", "evaluate", "generate", "report"]
    assert cautions(loaded) == []


def test_the_schedule_for_celebahq_is_the_authors() -> None:
    options = load_pipeline(PIPELINES / "progan_celebahq.yaml").stages["train"].options
    phases = options.model.options.phases(1024)
    assert sum(phase.steps * phase.batch_size for phase in phases) == pytest.approx(12e6, abs=640)
    assert options.model.options.generator.options.filter_base == 8192
    assert options.ema == 0.999


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory after the profile `conditional` has been run."""
    folder = tmp_path_factory.mktemp("progan_digits")
    for digit in range(3):
        (folder / "digits" / str(digit)).mkdir(parents=True)
        for number in range(12):
            pixels = np.random.default_rng([digit, number]).integers(0, 256, (12, 12), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "digits" / str(digit) / f"{number}.png")
    settings = [part for override in TINY for part in ("--set", override)]
    command = ["pipeline", "run", str(PIPELINES / "progan_digits.yaml"), "--profile", "conditional", *settings]
    done = subprocess.run(
        [sys.executable, "-m", "gantk", *command],
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "progan_digits-conditional"


def test_pictures_are_prepared_at_every_resolution(finished: Path) -> None:
    from gantk.data import PreparedDataset

    dataset = PreparedDataset.open(finished / "prepare")
    assert tuple(dataset.resolutions) == (4, 8, 16)


def test_the_networks_have_grown(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished / "train" / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "resolution" in line]
    # 2 steps at 4; 2 and 2 at 8; 4 and 6 at 16.
    assert [line["resolution"] for line in steps] == [4.0] * 2 + [8.0] * 4 + [16.0] * 10
    assert [line["fade"] for line in steps] == [1, 1, 0, 0.5, 1, 1, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]
    grids = sorted((finished / "train" / "samples").glob("step-*.png"))
    assert len(grids) == 5
    assert len({Image.open(grid).size for grid in grids}) == 1


def test_the_model_makes_pictures_of_every_class(finished: Path) -> None:
    from gantk.artifacts import load_bundle

    bundle = load_bundle(finished / "train" / "model.gantk")
    record = bundle.metadata.networks["sample"]
    assert (record.latents.height, record.latents.classes) == (16, ("0", "1", "2"))
    made = bundle.network("sample")([np.zeros((3, 8), "f4"), np.eye(3, dtype="f4")], training=False)
    assert tuple(made.shape) == (3, 16, 16, 1)
    entries = json.loads((finished / "evaluate" / "evaluation.json").read_text())["metrics"]
    assert {"trained", "untrained", "real"} <= {entry["candidate"] for entry in entries}
    assert (finished / "report.html").exists()
