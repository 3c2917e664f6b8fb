"""The choice of the backend, in processes that have not imported Keras yet."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import keras
import pytest

from gantk import PluginError, RunFailed
from gantk.engine import backend


def without(monkeypatch, *missing):
    """Pretend that packages are not installed."""
    monkeypatch.setattr(backend, "_installed", lambda package: package not in missing)


def test_auto_prefers_the_environment(monkeypatch):
    without(monkeypatch)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert backend.resolve_backend() == "jax"


def test_auto_takes_tensorflow_then_jax(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    without(monkeypatch)
    assert backend.resolve_backend() == "tensorflow"
    without(monkeypatch, "tensorflow")
    assert backend.resolve_backend() == "jax"


def test_neither_is_a_plugin_error(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    without(monkeypatch, "tensorflow", "jax")
    with pytest.raises(PluginError, match=r"(?s)needs TensorFlow or JAX.*neither.*pip install"):
        backend.resolve_backend()


def test_a_backend_that_is_not_installed(monkeypatch):
    without(monkeypatch, "jax")
    with pytest.raises(PluginError, match=r"(?s)'jax' is not installed.*gantk\[jax\]"):
        backend.resolve_backend("jax")


def test_a_backend_that_gantk_does_not_know(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(RunFailed, match=r"(?s)one of tensorflow, jax.*KERAS_BACKEND='torch'"):
        backend.resolve_backend()


def test_an_explicit_backend_goes_before_the_environment(monkeypatch):
    without(monkeypatch)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert backend.resolve_backend("tensorflow") == "tensorflow"


def test_another_backend_than_the_imported_one_is_refused():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("needs both backends")
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    before = dict(os.environ)
    with pytest.raises(RunFailed, match="must be chosen before Keras is imported"):
        backend.choose_backend(other)
    assert dict(os.environ) == before


def test_jit_auto_is_off_for_tensorflow_on_a_cpu(monkeypatch):
    monkeypatch.setattr(backend, "accelerator", lambda: "cpu")
    on_jax = keras.backend.backend() == "jax"
    assert backend.use_jit("auto") is on_jax
    assert backend.use_jit(True) is True
    monkeypatch.setattr(backend, "accelerator", lambda: "gpu")
    assert backend.use_jit("auto") is True
    assert backend.use_jit(False) is on_jax


def test_a_fresh_process_gets_threads_determinism_and_quiet():
    code = (
        "import json\n"
        "from gantk.engine.backend import choose_backend\n"
        "name = choose_backend('tensorflow', threads=1, deterministic=True)\n"
        "import tensorflow as tf\n"
        "from tensorflow.python.framework import config\n"
        "print(json.dumps([name, tf.config.threading.get_intra_op_parallelism_threads(),"
        " config.is_op_determinism_enabled(), float(tf.reduce_sum(tf.ones((2, 2))))]))\n"
    )
    environment = {
        name: value for name, value in os.environ.items() if name not in ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL")
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["tensorflow", 1, True, 4.0]
    assert "oneDNN" not in done.stderr
    assert "cpu_feature_guard" not in done.stderr
