"""A model of latent vectors, measured while it trains and afterwards beside its floor; and what is refused."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image

from gantk.artifacts import load_bundle
from gantk.config import load_pipeline
from gantk.data import PreparedDataset
from gantk.errors import ConfigError
from gantk.evaluation import NetworkTranslator, PreparedEvaluationData, RealSampler, require_fitting_metrics
from gantk.pipeline.runner import run_pipeline
from gantk.pipeline.stages.evaluate import fitting_baselines
from gantk.pipeline.stages.options import EvaluateOptions

PIPELINE = """
name: tiny
stages:
  prepare:
    source: {{type: folder, root: {root}, pairing: single, labels: folders}}
    splits: {{train: 0.6, test: 0.4}}
    workers: 1
  train:
    model:
      type: gan
      labels: input
      latents: {{size: 4}}
      generator: {{type: dcgan, filters: 4}}
      discriminator: {{type: dcgan, filters: 4}}
    batch_size: 4
    epochs: 2
    steps_per_epoch: 1
    ema: 0.9
    preview: {{samples: 2}}
    evaluate:
      metrics: [{{type: swd, patches: 4, projections: 8, samples: 6}}]
      keep_best: swd
      limit: 6
  evaluate:
    metrics:
    - {{type: swd, patches: 4, projections: 8}}
    - {{type: modes, steps: 8, filters: 2, batch_size: 8}}
    - sample_similarity
    {more}
"""


def written(folder, root, more=""):
    path = folder / "tiny.yaml"
    path.write_text(PIPELINE.format(root=root, more=more))
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Squares and bars, 16 × 16, grey, 24 of each."""
    root = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for name, (height, width) in {"bar": (12, 2), "square": (6, 6)}.items():
        (root / name).mkdir()
        for number in range(24):
            picture = np.zeros((16, 16), np.uint8)
            row, column = random.integers(0, 17 - height), random.integers(0, 17 - width)
            picture[row : row + height, column : column + width] = 255
            Image.fromarray(picture).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run_pipeline(load_pipeline(written(tmp_path_factory.mktemp("file"), root)), run_dir=folder, progress=False)
    return folder


def test_it_is_measured_beside_its_untrained_self_and_real_pictures(finished):
    entries = json.loads((finished / "evaluate" / "evaluation.json").read_text())["metrics"]
    assert [(entry["name"], entry["candidate"]) for entry in entries] == [
        (name, candidate)
        for name in ("swd", "modes", "sample_similarity")
        for candidate in ("trained", "untrained", "real")
    ]
    values = {(entry["name"], entry["candidate"]): entry["values"] for entry in entries}
    protocols = {(entry["name"], entry["candidate"]): entry["protocol"] for entry in entries}
    assert values["swd", "real"]["swd"] < values["swd", "untrained"]["swd"]
    assert "modes_as_asked" in values["modes", "trained"]
    assert "modes_as_asked" not in values["modes", "real"]
    dataset = PreparedDataset.open(finished / "prepare")
    count = dataset.count("test", "image")
    assert protocols["swd", "trained"]["pictures"]["samples"] == count
    assert protocols["swd", "trained"]["pictures"]["labels"] == "drawn as in the real pictures"
    assert protocols["swd", "real"]["pictures"]["real_pictures_of"] == "train"
    assert protocols["swd", "real"]["candidate"]["real_pictures"]["available"] == dataset.count("train", "image")
    assert protocols["swd", "trained"]["reference"]["split"] == "test"
    model = load_bundle(finished / "train" / "model.gantk").metadata.metrics
    assert set(model["swd"]["baselines"]) == {"untrained", "real"}


def test_it_was_measured_while_it_trained(finished):
    rows = [line for line in (finished / "train" / "metrics.jsonl").read_text().splitlines() if '"swd.swd"' in line]
    assert len(rows) >= 2


def test_the_floor_gives_each_picture_once_and_in_an_order_of_the_seed(finished):
    data = PreparedEvaluationData(PreparedDataset.open(finished / "prepare"), 0)
    sampler = RealSampler(data, "train")
    assert sampler.shape == (16, 16, 3)
    every = sampler.sample(sampler.available, seed=1)
    np.testing.assert_array_equal(sampler.sample(3, seed=1, first=2), every[2:5])
    assert not np.array_equal(sampler.sample(sampler.available, seed=2), every)
    stored = data.images("train", "image")
    assert sorted(image.tobytes() for image in every) == sorted(image.tobytes() for image in stored)
    with pytest.raises(Exception, match=rf"has {sampler.available} pictures of the split 'train'"):
        sampler.sample(2, seed=0, first=sampler.available - 1)
    with pytest.raises(Exception, match="takes single pictures of the split 'valid'"):
        RealSampler(data, "valid")


def test_what_does_not_fit_is_told_before_anything_runs(root, tmp_path):
    path = written(tmp_path, root, more="- psnr\n    - {type: fid, features: vgg16}\n    baselines: [real, identity]")
    with pytest.raises(ConfigError) as raised:
        load_pipeline(path)
    told = str(raised.value)
    assert "stages.evaluate.metrics.3: expected a metric of samples" in told
    assert "'psnr', a metric of translations" in told
    assert "stages.evaluate.baselines.1: expected untrained or real" in told
    assert "2 problems" in told


def test_translations_have_no_metrics_of_samples(tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        "name: tiny\nstages:\n  prepare: {source: {type: quadrupeds}}\n  train: {model: cyclegan, evaluate: {metrics: [swd]}}\n"
        "  evaluate: {metrics: [fid, modes], baselines: [real]}\n"
    )
    with pytest.raises(ConfigError) as raised:
        load_pipeline(path)
    told = str(raised.value)
    assert re.search(
        r"stages\.train\.evaluate\.metrics\.0: expected a metric of translations, since the model 'cyclegan'", told
    )
    assert "stages.evaluate.metrics.1: expected a metric of translations" in told
    assert "stages.evaluate.baselines.0: expected untrained or identity or bicubic" in told
    assert "3 problems" in told


def test_a_trained_model_refuses_what_does_not_fit():
    metrics = EvaluateOptions(metrics=["swd", "cycle_error"]).metrics
    with pytest.raises(ConfigError, match=r"translates images.*\nReceived: swd, of samples"):
        require_fitting_metrics(metrics, "translations")
    with pytest.raises(ConfigError, match=r"latent vectors.*\nReceived: cycle_error, of translations"):
        require_fitting_metrics(metrics, "samples")
    assert fitting_baselines(None, "samples") == ("untrained", "real")
    assert fitting_baselines(None, "translations") == ("untrained", "identity")
    assert fitting_baselines(["real", "real"], "samples") == ("real",)
    with pytest.raises(ConfigError, match=r"may name untrained, real.\nReceived: bicubic"):
        fitting_baselines(["real", "bicubic"], "samples")
    assert not hasattr(NetworkTranslator, "sample"), "a translator is told from a sampler by this"
