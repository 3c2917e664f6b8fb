"""SRGAN and ESRGAN with the perceptual loss from end to end: trained, stopped, resumed and saved."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from pydantic import TypeAdapter

from gantk import AdversarialModel, ModelContext
from gantk.artifacts import load_bundle, save_bundle
from gantk.config.components import ModelChoice
from gantk.engine.batches import StepBatches
from gantk.engine.building import build_model
from gantk.engine.checkpoints import CheckpointStore
from gantk.engine.options import TrainingOptions
from gantk.engine.state import named_state
from gantk.engine.training import train

SHAPES = {"A": (8, 12, 3), "B": (16, 24, 3)}
MODELS = {
    "srgan": {
        "generator": {"type": "srresnet", "blocks": 1, "filters": 4, "factor": 2},
        "discriminator": {"type": "vgg", "filters": 2, "units": 4},
    },
    "esrgan": {
        "generator": {"type": "rrdb", "blocks": 1, "filters": 4, "growth": 2, "factor": 2},
        "discriminator": {"type": "unet_sn", "filters": 2},
    },
}
LOSSES = {
    "srgan": {"layers": {"conv5_3": 1.0}, "activation": "after", "distance": "l2", "feature_scale": 1 / 12.75},
    "esrgan": {"layers": {"conv5_3": 1.0}},
}


def build(name: str, path: str, **training: Any) -> AdversarialModel:
    features = {"type": "vgg16", "path": path}
    component = TypeAdapter(ModelChoice).validate_python(
        {
            "type": name,
            **MODELS[name],
            "perceptual_loss": {"type": "perceptual", "features": features, **LOSSES[name]},
        }
    )
    return build_model(component, ModelContext(SHAPES, TrainingOptions.model_validate(training), seed=3))


def batches(step: int):
    while True:
        random = np.random.default_rng(step)
        yield {name: random.uniform(-1, 1, (1, *shape)).astype("float32") for name, shape in sorted(SHAPES.items())}
        step += 1


def state(model: AdversarialModel) -> dict[str, np.ndarray]:
    return {name: ops.convert_to_numpy(variable.value).copy() for name, variable in named_state(model).items()}


class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.model.stop_training = True


@pytest.mark.parametrize("name", ["srgan", pytest.param("esrgan", marks=pytest.mark.slow)])
def test_two_steps_resumed_and_saved_without_the_feature_network(tmp_path: Path, vgg16_file: str, name: str) -> None:
    training = {"epochs": 2, "ema": 0.9, "log_every": 1, "checkpoint": {"every_steps": 1}}

    def run(folder: str, *, resume: bool = False, stop: bool = False) -> AdversarialModel:
        model = build(name, vgg16_file, **training)
        train(
            model,
            batches=batches,
            training=TrainingOptions.model_validate(training),
            steps_per_epoch=1,
            directory=tmp_path / folder,
            resume=resume,
            callbacks=[Stop()] if stop else [],
            progress=False,
        )
        return model

    whole = run("whole")
    assert "perceptual" in whole.losses_reported
    run("parts", stop=True)
    resumed = run("parts", resume=True)
    for key, value in state(whole).items():
        assert value.tobytes() == state(resumed)[key].tobytes(), key

    # As much as without the loss, everywhere.
    plain = build_model(
        TypeAdapter(ModelChoice).validate_python({"type": name, **MODELS[name]}),
        ModelContext(SHAPES, TrainingOptions.model_validate(training), seed=3),
    )
    assert {key: value.shape for key, value in state(plain).items()} == {
        key: value.shape for key, value in state(whole).items()
    }
    loss = whole.perceptual_loss._network
    assert not {id(variable) for variable in loss.variables} & {id(variable) for variable in whole.variables}
    checkpoints = CheckpointStore(tmp_path / "whole" / "checkpoints").paths()
    weights = sum(value.nbytes for value in state(whole).values())
    size = sum(file.stat().st_size for file in checkpoints[-1].rglob("*")) or checkpoints[-1].stat().st_size
    assert size < weights + 60_000

    path = tmp_path / "model.gantk"
    networks, components = whole.inference_networks(), whole.inference_components()
    save_bundle(path, networks=networks, components=components, model=name)
    bundle = load_bundle(path)
    assert list(bundle.metadata.networks) == ["AtoB"]
    assert b"conv5_3" not in path.read_bytes()
    for one, other in zip(bundle.network("AtoB").weights, networks["AtoB"].weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


def test_the_feature_network_is_not_trained(vgg16_file: str, vgg16_arrays: dict[str, np.ndarray]) -> None:
    model = build("srgan", vgg16_file)
    losses = model.fit(StepBatches(batches(0)), steps_per_epoch=2, epochs=1, verbose=0).history
    assert np.isfinite(losses["perceptual"]).all()
    assert losses["perceptual"][0] > 0
    network = model.perceptual_loss._network
    assert not network.trainable_variables
    kernels = [variable for variable in network.variables if variable.name == "kernel"]
    for number, kernel in enumerate(kernels):
        np.testing.assert_array_equal(ops.convert_to_numpy(kernel.value), vgg16_arrays[f"conv{number}/kernel"])


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_changes_the_loss_little(vgg16_file: str, precision: str) -> None:
    losses = {}
    for arithmetic in ("float32", precision):
        model = build("esrgan", vgg16_file, precision=arithmetic)
        losses[arithmetic] = model.fit(StepBatches(batches(0)), steps_per_epoch=1, epochs=1, verbose=0).history
        assert {layer.dtype_policy.name for layer in model.perceptual_loss._network.layers} == {"float32"}
    one, other = (losses[arithmetic]["perceptual"][0] for arithmetic in ("float32", precision))
    assert one != other
    assert other == pytest.approx(one, rel=0.05)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() == "jax", reason="these are the tests on JAX")
def test_these_tests_on_jax() -> None:
    names = "not_trained or saved_without and not esrgan"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", names, __file__]
    done = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "2 passed" in done.stdout
