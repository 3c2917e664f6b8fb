"""What needs another process with JAX: checkpoints cross backends, and four devices give the losses of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny_models
from keras import ops

from gantk import RunFailed
from gantk.engine.batches import StepBatches
from gantk.engine.checkpoints import CheckpointStore, read_checkpoint
from gantk.engine.options import TrainingOptions
from gantk.engine.state import named_state

SCRIPT = Path(__file__).with_name("on_jax.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A checkpoint written here, read and written again by JAX; and what JAX reports."""
    folder = tmp_path_factory.mktemp("jax")
    training = TrainingOptions(ema=0.9, precision="float16", accumulate=2)
    model = tiny_models.build("tiny_translation", training)
    batch = {name: np.random.default_rng(1).uniform(-1, 1, (4, 2, 2, 3)).astype("f4") for name in "AB"}
    model.fit(StepBatches(iter([batch] * 3)), steps_per_epoch=3, verbose=0)
    CheckpointStore(folder / "here").save(model, step=3, epoch=1)
    environment = {name: value for name, value in os.environ.items() if name not in ("KERAS_BACKEND", "XLA_FLAGS")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder / "here"), str(folder / "jax")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder, model, json.loads(done.stdout.splitlines()[-1])


def test_a_checkpoint_goes_to_jax_and_back_unchanged(found):
    folder, model, report = found
    assert report["backend"] == "jax"
    assert report["step"] == 3
    about, tensors = read_checkpoint(folder / "jax" / "step-00000003.safetensors")
    assert about["backend"] == "jax"
    _, expected = read_checkpoint(folder / "here" / "step-00000003.safetensors")
    assert tensors.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(tensors[name], value, err_msg=name)
    CheckpointStore(folder / "jax").restore(model)
    for name, variable in named_state(model).items():
        np.testing.assert_array_equal(ops.convert_to_numpy(variable.value), expected[name], err_msg=name)


def test_jax_needs_no_tensorflow(found):
    """The whole process ran with an environment in which TensorFlow cannot be imported."""
    assert found[2]["automatic"] == "jax"


def test_four_devices_give_the_losses_of_one(found):
    report = found[2]
    assert report["devices"] == 4
    assert report["spread"] == [4]
    np.testing.assert_allclose(report["four"], report["one"], rtol=1e-3, atol=1e-5)
    assert np.ptp(np.array(report["one"])[:, 0]) > 1e-2, "nothing was trained"


def test_too_many_devices_and_a_batch_that_does_not_divide_are_refused(found):
    too_many, uneven = found[2]["refused"]
    assert "asks for 5 devices.\nReceived: 4" in too_many
    assert "Received: batch_size=8, devices=3" in uneven


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX can")
def test_tensorflow_refuses_several_devices():
    with pytest.raises(RunFailed, match="needs the JAX backend"):
        tiny_models.build("tiny_wgan", TrainingOptions(devices=2, batch_size=2))
