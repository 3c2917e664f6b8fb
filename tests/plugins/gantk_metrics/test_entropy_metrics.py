"""The Inception score's formula on samples, by a network of few weights, and what is told where there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from gantk.errors import RunFailed
from gantk_metrics.classifier_score import ClassifierScore
from gantk_metrics.feature_network import load_features
from gantk_metrics.inception_score import InceptionScore
from gantk_metrics.options import ClassifierScoreOptions, InceptionScoreOptions


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, 32, 32, 3)).astype("float32")


def test_the_score_of_a_network_with_logits(efficientnet_file: str, single: type, sampling: type) -> None:
    images = noise(7)
    features = {"type": "efficientnet_lite0", "path": efficientnet_file, "size": 32}
    options = ClassifierScoreOptions(features=features, splits=2, batch_size=3)
    metric, data = ClassifierScore(options), single(test=images)
    metric.prepare(data)
    result = metric.evaluate(sampling(images), data)

    network = load_features(options.features)
    levels = np.rint((images + 1) * 127.5).astype("float32")
    logits = np.asarray(network.network(network.preprocessing(levels)), "f8")
    answers = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    scores = [
        np.exp(np.mean([np.sum(row * np.log(row / part.mean(axis=0))) for row in part]))
        for part in (answers[:4], answers[4:])
    ]
    assert result.values == {
        "classifier_score": pytest.approx(np.mean(scores), rel=1e-4),
        "classifier_score_deviation": pytest.approx(np.std(scores), rel=1e-2, abs=1e-6),
    }
    assert result.better == {"classifier_score": "higher"}
    assert result.protocol["features"]["layer"] == "logits"
    assert result.protocol["warning"].startswith("7 samples: with fewer than the paper's 50,000")
    assert len(result.protocol["digest"]) == 64
    with pytest.raises(RunFailed, match=r"each of 2 splits needs a sample. Received: 1"):
        metric.evaluate(sampling(images), single(test=images[:1]))


def test_a_network_without_logits_is_refused(efficientnet_file: str) -> None:
    with pytest.raises(ValidationError, match=r"with a layer `logits`, and no other layer. Received: vgg16"):
        ClassifierScoreOptions(features="vgg16")
    with pytest.raises(ValidationError, match=r"with a layer `logits`, and no other layer"):
        ClassifierScoreOptions(features={"type": "efficientnet_lite0", "path": efficientnet_file, "layer": "head"})


def test_inception_weights_that_are_missing_or_of_something_else(tmp_path: Path, single: type) -> None:
    data = single(test=noise(2))
    with pytest.raises(
        RunFailed, match=r"inception_score: expected a file of weights. Received: .*which does not exist"
    ):
        InceptionScore(InceptionScoreOptions(path=str(tmp_path / "none.h5"))).prepare(data)
    wrong = tmp_path / "wrong.h5"
    wrong.write_bytes(b"no weights")
    with pytest.raises(RunFailed, match=r"expected weights of InceptionV3 with its top. Received: .*wrong.h5"):
        InceptionScore(InceptionScoreOptions(path=str(wrong))).prepare(data)
