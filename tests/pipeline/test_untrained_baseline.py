"""The baseline of a model's networks before any training."""

from __future__ import annotations

import numpy as np
from pydantic import TypeAdapter

from gantk import GeneratorChoice
from gantk.artifacts import save_bundle
from gantk.pipeline.stages.evaluate import untrained_translator


def test_it_takes_pictures_of_every_size_that_the_model_takes(tmp_path):
    component = TypeAdapter(GeneratorChoice).validate_python({"type": "unet", "downs": 3, "filters": 2})
    network = component.create(input_shape=(8, 8, 3), output_channels=3)
    bundle = save_bundle(
        tmp_path / "model.gantk", networks={"BtoA": network}, components={"BtoA": component}, model="pix2pix"
    )
    untrained = untrained_translator(bundle, seed=3)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 19, 29, 3)).astype(np.float32)

    assert untrained.directions == ("BtoA",)
    assert untrained("BtoA", images).shape == images.shape
    assert not np.allclose(untrained("BtoA", images), bundle("BtoA", images), atol=1e-3)
    np.testing.assert_allclose(
        untrained_translator(bundle, seed=3)("BtoA", images), untrained("BtoA", images), atol=1e-6
    )
