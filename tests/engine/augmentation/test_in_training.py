"""Augmentation inside the compiled step: gradients, resumption, both backends, XLA."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import augmented_model
import keras
import numpy as np
import pytest

from gantk.engine.batches import StepBatches

SCRIPT = Path(__file__).with_name("on_jax.py")


@pytest.mark.parametrize("judged", [None, 3])
@pytest.mark.parametrize("name", augmented_model.OPTIONS)
def test_the_gradient_is_that_of_the_change(name, judged):
    left, right, size = augmented_model.gradient_of_a_linear_function(name, judged)
    assert left == pytest.approx(right, abs=1e-4 * size)
    assert size > 1


@pytest.mark.parametrize("name", augmented_model.OPTIONS)
def test_a_resumed_run_ends_with_the_same_bits(name, tmp_path):
    first, whole = augmented_model.trained(name, tmp_path)
    again = augmented_model.resumed(name, tmp_path)
    assert whole.keys() == again.keys()
    assert [key for key in whole if whole[key].tobytes() != again[key].tobytes()] == []
    changed = augmented_model.changed_state(first, whole)
    assert "seed_generator_state" in changed
    assert ("probability" in changed) == (name == "ada")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX always compiles with XLA")
def test_xla_makes_the_same_changes_of_the_same_numbers():
    import tensorflow as tf

    here = augmented_model.with_given_numbers()
    compiled = tf.function(augmented_model.with_given_numbers, jit_compile=True)()
    for name, value in here.items():
        np.testing.assert_allclose(compiled[name], value, atol=1e-5, err_msg=name)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX always compiles with XLA")
def test_the_whole_step_compiles_with_xla():
    model, _ = augmented_model.build("ada")
    before = [keras.ops.convert_to_numpy(weight).copy() for weight in model.networks["translator"].trainable_weights]
    model.compile(jit=True)
    model.fit(StepBatches(augmented_model.batches(0)), steps_per_epoch=4, epochs=1, verbose=0)
    assert abs(float(model.augmentation.probability) - 0.4) > 0.01
    for weight, value in zip(model.networks["translator"].trainable_weights, before, strict=True):
        found = keras.ops.convert_to_numpy(weight)
        assert np.isfinite(found).all()
        assert (found != value).any()


def run_on_jax(folder, *arguments):
    """Return what a process with JAX found."""
    environment = {name: value for name, value in os.environ.items() if name not in ("KERAS_BACKEND", "XLA_FLAGS")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    with np.load(folder / "found.npz", allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory):
    return run_on_jax(tmp_path_factory.mktemp("jax"))


def test_jax_makes_the_same_changes_of_the_same_numbers(on_jax):
    here = augmented_model.with_given_numbers()
    for name, value in here.items():
        expected = keras.ops.convert_to_numpy(value)
        np.testing.assert_allclose(on_jax[f"given/{name}"], expected, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", augmented_model.OPTIONS)
def test_jax_differentiates_and_trains(on_jax, name):
    left, right, size = on_jax[f"linear/{name}"]
    assert left == pytest.approx(right, abs=1e-4 * size)
    assert on_jax[f"finite/{name}"]
    changed = on_jax[f"changed/{name}"].tolist()
    assert "seed_generator_state" in changed
    assert ("probability" in changed) == (name == "ada")


@pytest.mark.slow
def test_jax_resumes_with_the_same_bits(tmp_path):
    assert run_on_jax(tmp_path, "resume")["differing"].tolist() == []


def test_a_moving_average_on_jax_does_not_import_tensorflow(on_jax):
    """It is installed here, and Keras would look for its types whenever it serializes a layer."""
    assert importlib.util.find_spec("tensorflow") is not None
    assert not on_jax["tensorflow"]
