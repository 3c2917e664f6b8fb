"""The pipeline dcgan_digits on tiny pictures of three classes: every profile is valid, and one of them runs whole."""

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

PIPELINE = Path(__file__).parents[2] / "pipelines" / "dcgan_digits.yaml"
PROFILES = ("wgan_gp", "sngan", "conditional", "acgan", "fid", "paper")
TINY = (
    "stages.prepare.source.root=digits",
    "stages.prepare.splits={train: 0.5, test: 0.5}",
    "stages.train.model.generator={type: resnet_gan, filters: 4, widest: 4}",
    "stages.train.model.discriminator={type: resnet_gan, filters: 4, widest: 4}",
    "stages.train.batch_size=4",
    "stages.train.steps_per_epoch=2",
    "stages.train.epochs=1",
    "stages.evaluate.metrics=[{type: swd, projections: 8}, {type: modes, steps: 2, batch_size: 4, filters: 2}]",
    "stages.generate.count=6",
)


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_every_profile_is_valid_and_without_cautions(profile: str | None) -> None:
    loaded = load_pipeline(PIPELINE, profile=profile)
    assert list(loaded.stages) == ["prepare", "train", "evaluate", "generate", "report"]
    assert cautions(loaded) == []
    model = loaded.stages["train"].options.model.options
    labels = {"conditional": "projection", "acgan": "auxiliary"}
    assert model.labels == labels.get(profile or "", "none")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory after the profile `conditional` has been run."""
    folder = tmp_path_factory.mktemp("dcgan_digits")
    for digit in range(3):
        (folder / "digits" / str(digit)).mkdir(parents=True)
        for number in range(16):
            pixels = np.random.default_rng([digit, number]).integers(0, 256, (28, 28), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "digits" / str(digit) / f"{number}.png")
    settings = [part for override in TINY for part in ("--set", override)]
    command = ["pipeline", "run", str(PIPELINE), "--profile", "conditional", *settings]
    done = subprocess.run(
        [sys.executable, "-m", "gantk", *command],
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "dcgan_digits-conditional"


def test_digits_are_grey_and_have_their_folders_as_labels(finished: Path) -> None:
    from gantk.data import PreparedDataset

    dataset = PreparedDataset.open(finished / "prepare")
    assert dataset.classes == ("0", "1", "2")
    assert {record["image"].shape for record in dataset.records("train", "image")} == {(32, 32, 1)}
    assert sum(dataset.count(split, "image") for split in ("train", "test")) == 48


def test_everything_is_measured_beside_its_untrained_self_and_real_pictures(finished: Path) -> None:
    entries = json.loads((finished / "evaluate" / "evaluation.json").read_text())["metrics"]
    found = {(entry["candidate"], name) for entry in entries for name in entry["values"]}
    candidates = ("trained", "untrained", "real")
    assert {(candidate, name) for candidate in candidates for name in ("swd", "modes_found")} <= found
    assert ("trained", "modes_as_asked") in found


def test_the_model_makes_pictures_of_every_class(finished: Path) -> None:
    from gantk.artifacts import load_bundle

    bundle = load_bundle(finished / "train" / "model.gantk")
    network = bundle.network("sample")
    made = network([np.zeros((3, 128), "f4"), np.eye(3, dtype="f4")], training=False)
    assert tuple(made.shape) == (3, 32, 32, 1)
    assert (finished / "report.html").exists()
