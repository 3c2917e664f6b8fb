"""Same weights, same batch: the same losses and gradients on TensorFlow and JAX, eager and compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from gantk.testing.agreement import assert_backends_agree

PLUGIN = str(Path(__file__).with_name("tiny_models.py"))
EVERY_VARIANT = (
    ("tensorflow", "eager"),
    ("tensorflow", "graph"),
    ("tensorflow", "xla"),
    ("jax", "eager"),
    ("jax", "xla"),
)


def test_second_order_gradients_agree():
    results = assert_backends_agree("tiny_models/tiny_wgan", {"image": (2, 2, 3)}, batch_size=4, plugins=[PLUGIN])
    assert np.abs(results["gradients/critic/0000"]).max() > 1e-3


@pytest.mark.slow
def test_every_variant_agrees():
    assert_backends_agree(
        "tiny_models/tiny_wgan", {"image": (2, 2, 3)}, batch_size=4, plugins=[PLUGIN], variants=EVERY_VARIANT, seed=3
    )


@pytest.mark.slow
def test_one_forward_pass_for_two_losses_agrees():
    assert_backends_agree(
        "tiny_models/tiny_translation",
        {"A": (2, 2, 3), "B": (2, 2, 3)},
        batch_size=3,
        training={"ema": 0.9},
        plugins=[PLUGIN],
        variants=EVERY_VARIANT,
    )


@pytest.mark.slow
def test_the_engines_tests_pass_on_the_other_backend():
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    names = (
        "model",
        "adversarial_game",
        "penalties",
        "image_pool",
        "optimizers",
        "schedules",
        "checkpoints",
        "training",
    )
    files = [str(Path(__file__).with_name(f"test_{name}.py")) for name in names]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *files],
        env={**os.environ, "KERAS_BACKEND": other},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]


def test_a_difference_is_found():
    from gantk.testing.agreement import _compare

    expected = {"losses/loss": np.float64(1.0), "gradients/one/0000": np.ones(3)}
    _compare(expected, {**expected, "losses/loss": np.float64(1.0001)}, "b against a", 2e-4)
    with pytest.raises(AssertionError, match="gradients/one/0000 differs by"):
        _compare(expected, {**expected, "gradients/one/0000": np.array([1.0, 1.0, 1.001])}, "b against a", 2e-4)
