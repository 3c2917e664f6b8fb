"""Several updates of the discriminators a step, from the pipeline file to what a run says of itself."""

from __future__ import annotations

import json

import pytest

from gantk.config import load_pipeline
from gantk.engine.checkpoints import read_checkpoint
from gantk.errors import ConfigError
from gantk.pipeline.runner import run_pipeline

PIPELINE = """
name: tiny
stages:
  prepare:
    source: {type: quadrupeds, size: 32, train: 6, test: 1}
    workers: 1
  train:
    model:
      type: cyclegan
      generator: {type: resnet, filters: 2, blocks: 0, downsamplings: 1, upsampling: resize}
      discriminator: {type: pixel, filters: 2, normalization: none, spectral: true}
      adversarial_loss: LOSS
      pool_size: 2
    batch_size: 1
    discriminator_steps: 3
    epochs: 2
    label_smoothing: 0.1
    penalties: [{type: r1, weight: 1, every: 2}]
    preview: {samples: 1}
"""


def test_an_epoch_is_one_pass_over_the_samples_of_every_update(tmp_path):
    file = tmp_path / "tiny.yaml"
    file.write_text(PIPELINE.replace("LOSS", "lsgan"))
    run_pipeline(load_pipeline(file), run_dir=tmp_path / "run", progress=False)
    summary = json.loads((tmp_path / "run/train/training.json").read_text())
    # 6 samples of each domain, 3 a step.
    assert summary["steps"] == 4
    assert summary["images_per_second"] == pytest.approx(3 * summary["steps_per_second"], rel=1e-2)
    assert {"discriminator_a_r1", "discriminator_b_accuracy"} < summary["losses"].keys()
    about, tensors = read_checkpoint(next((tmp_path / "run/train/checkpoints").glob("step-*4.safetensors")))
    assert about["step"] == 4
    iterations = {
        name.split("/")[1]: int(value)
        for name, value in tensors.items()
        if name.startswith("optimizers/") and name.endswith("iteration")
    }
    assert iterations == {"generators": 4, "discriminators": 12}

    file.write_text(PIPELINE.replace("LOSS", "hinge"))
    with pytest.raises(ConfigError, match=r"label_smoothing moves the label of real images, and the loss 'hinge'"):
        run_pipeline(load_pipeline(file), run_dir=tmp_path / "run", progress=False)
