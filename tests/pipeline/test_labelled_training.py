"""Classes on their way from the data through the train stage into the bundle."""

import numpy as np
import pytest
from PIL import Image

from gantk.artifacts import load_bundle
from gantk.config import load_pipeline
from gantk.pipeline.estimate import estimate_stages
from gantk.pipeline.plan import plan_pipeline
from gantk.pipeline.runner import run_pipeline

PIPELINE = """
name: tiny
stages:
  prepare:
    source: {{type: folder, root: {root}, pairing: single, labels: folders}}
    channels: 1
    splits: {{train: 1.0}}
    pyramid: {{smallest: 4}}
  train:
    model:
      type: gan
      labels: projection
      latents: {{size: 4}}
      generator: {{type: dcgan, filters: 2}}
      discriminator: {{type: dcgan, filters: 2, normalization: none}}
    batch_size: 2
    epochs: 1
    steps_per_epoch: 2
    preview: {{samples: 2}}
"""


@pytest.fixture
def pipeline(tmp_path):
    for number in range(11):
        folder = tmp_path / "pictures" / str(number)
        folder.mkdir(parents=True)
        Image.fromarray(np.full((8, 8), 20 * number, np.uint8)).save(folder / "one.png")
    path = tmp_path / "tiny.yaml"
    path.write_text(PIPELINE.format(root=tmp_path / "pictures"))
    return load_pipeline(path)


def test_a_model_that_takes_labels_is_trained_with_the_classes_of_the_data(pipeline, tmp_path):
    run_pipeline(pipeline, run_dir=tmp_path / "run", progress=False)
    bundle = load_bundle(tmp_path / "run" / "train" / "model.gantk")
    (record,) = bundle.metadata.networks.values()
    assert record.latents.classes == tuple(map(str, range(11)))


def test_an_estimate_knows_the_classes_before_anything_is_prepared(pipeline, tmp_path):
    plan = plan_pipeline(pipeline, run_dir=tmp_path / "run")
    estimates, reasons = estimate_stages(pipeline, plan, tmp_path / "run")
    assert reasons == {}
    assert estimates["train"].facts["steps"] == 2
