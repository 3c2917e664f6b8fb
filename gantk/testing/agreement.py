"""Same weights and same batch: the same losses and gradients on every backend, eager and compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VARIANTS = (("tensorflow", "eager"), ("tensorflow", "graph"), ("jax", "xla"))
"""Backend and mode; the first is what the others are compared with."""


def assert_backends_agree(
    model: str | Mapping[str, Any],
    shapes: Mapping[str, Sequence[int]],
    *,
    batch_size: int = 2,
    training: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    variants: Sequence[tuple[str, str]] = VARIANTS,
    relative: float = 2e-4,
    seed: int = 0,
    classes: Sequence[str] = (),
) -> dict[str, NDArray[Any]]:
    """Run one step of a model on each backend, in processes of their own, and compare.

    Args:
        model: The model as a pipeline names it: `{"type": "cyclegan", …}`.
        shapes: Shape of one sample by batch field.
        batch_size: Samples in the batch.
        training: Training options.
        plugins: Modules or files to load, as for `-p`.
        variants: Pairs of backend and mode (`eager`, `graph`, `xla`).
        relative: How far a loss may differ relative to itself, and a gradient relative to the largest element
            of its tensor.
        seed: Seed of weights, batch and random numbers.
        classes: Names of the labels of the data; the batch then has the field `label`.

    Returns:
        Losses and gradients of the first variant, by name.

    Raises:
        AssertionError: They differ; the message names the worst. Also: a loss that is not finite, or gradients that
            are all zero, which would agree on anything.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = {variant: Path(folder) / f"{'-'.join(variant)}.npz" for variant in variants}
        for backend in dict.fromkeys(backend for backend, _ in variants):
            request = {
                "model": model,
                "shapes": {name: list(shape) for name, shape in shapes.items()},
                "batch_size": batch_size,
                "training": dict(training or {}),
                "plugins": list(plugins),
                "seed": seed,
                "classes": list(classes),
                "outputs": {mode: str(path) for (name, mode), path in paths.items() if name == backend},
            }
            _run(backend, request)
        results = {}
        for variant, path in paths.items():
            with np.load(path, allow_pickle=False) as arrays:
                results[variant] = dict(arrays)
    expected = results[variants[0]]
    for name, value in expected.items():
        assert np.isfinite(value).all(), f"{name} is not finite on {' '.join(variants[0])}"
    gradients = [value for name, value in expected.items() if name.startswith("gradients/")]
    assert any(np.any(value) for value in gradients), "every gradient is zero"
    for variant in variants[1:]:
        _compare(expected, results[variant], f"{' '.join(variant)} against {' '.join(variants[0])}", relative)
    return expected


def _compare(
    expected: Mapping[str, NDArray[Any]], found: Mapping[str, NDArray[Any]], what: str, relative: float
) -> None:
    assert expected.keys() == found.keys(), f"{what}: other names, {sorted(expected.keys() ^ found.keys())}"
    # A gradient that is zero in exact arithmetic (a bias before a normalisation) is rounding noise on any backend.
    floor = 1e-6 * max(np.abs(value).max() for name, value in expected.items() if name.startswith("gradients/"))
    worst: list[tuple[float, str]] = []
    for name, value in expected.items():
        assert value.shape == found[name].shape, f"{what}: {name} has shape {found[name].shape}, not {value.shape}"
        allowed = relative * np.abs(value).max() + (floor if name.startswith("gradients/") else 1e-7)
        worst.append((float(np.abs(value - found[name]).max() / allowed), name))
    factor, name = max(worst)
    assert factor <= 1.0, f"{what}: {name} differs by {factor:.3g} times the tolerance of {relative:g}"


def _run(backend: str, request: Mapping[str, Any]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gantk.testing.one_step"],
        input=json.dumps(request),
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"one step on {backend} failed:\n{done.stderr[-4000:]}"
