"""Learning rates may change between a training run and its continuation; what is trained may not."""

from __future__ import annotations

import pytest

from gantk.config import load_pipeline
from gantk.pipeline.fingerprint import stage_fingerprint
from gantk.protocols import Artifact

PIPELINE = "name: tiny\nstages: {prepare: {source: quadrupeds}, train: {model: cyclegan, epochs: 5}}\n"


@pytest.mark.parametrize(
    ("change", "continues"),
    [
        ("stages.train.optimizers={generators: {learning_rate: 1e-5}}", True),
        ("stages.train.schedule={type: plateau, metric: generators}", True),
        ("stages.train.batch_size=2", False),
        ("stages.train.model={type: cyclegan, lambda_a: 5}", False),
    ],
)
def test_what_may_change(tmp_path, plugin_environment, change, continues):
    file = tmp_path / "tiny.yaml"
    file.write_text(PIPELINE, encoding="utf-8")
    inputs = {"dataset": Artifact(tmp_path, "digest")}
    before, after = (load_pipeline(file, overrides=overrides) for overrides in ([], [change]))
    fingerprints = [
        [stage_fingerprint(pipeline, "train", inputs, continued=continued) for pipeline in (before, after)]
        for continued in (True, False)
    ]
    assert (fingerprints[0][0] == fingerprints[0][1]) == continues
    assert fingerprints[1][0] != fingerprints[1][1]
