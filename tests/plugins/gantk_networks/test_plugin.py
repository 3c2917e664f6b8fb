"""What the plugin registers, and all its tests on JAX."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from gantk_networks import gantk_discriminators, gantk_generators

# What makes images of latent vectors is tried in tests/test_synthesis_contract.py.
SPECS = [*(spec for spec in gantk_generators() if spec.role == "translation"), *gantk_discriminators()]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_record_makes_a_network_from_its_default_options(spec) -> None:
    module, _, attribute = spec.factory.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    few = {"width": 1} if spec.name in ("compact", "mlp") else {"blocks": 0} if spec.name == "rrdb" else {"filters": 1}
    options = spec.options(**few)
    size = 256 if spec.name == "unet" else 24
    # The compact network adds its result to the input.
    channels = 3 if spec.name == "compact" else 2
    arguments = {"output_channels": channels} if spec.kind == "generator" else {}
    network = factory(options, input_shape=(size, size, 3), **arguments)
    assert isinstance(network, keras.Model)
    result = network(np.zeros((1, size, size, 3), "float32"))
    if spec.kind == "generator":
        assert tuple(result.shape) == (1, options.scale * size, options.scale * size, channels)
        assert size % options.size_multiple == 0
    else:
        assert result.shape[-1] == 1


def test_options_import_no_framework() -> None:
    code = (
        "import sys, gantk_networks, gantk_losses, gantk_cyclegan, gantk_srgan;"
        "print([name for name in ('tensorflow', 'jax', 'keras', 'numpy') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="these are the tests on JAX")
def test_layers_and_losses_are_right_on_jax() -> None:
    # Whole networks on JAX are compared with TensorFlow in the tests of CycleGAN.
    here = Path(__file__).parent
    layers = "scale_and_offset or gradient_of_instance or its_formula"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", layers]
    done = subprocess.run(
        [*command, str(here / "test_layers.py"), str(here.parent / "gantk_losses")],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "21 passed" in done.stdout
