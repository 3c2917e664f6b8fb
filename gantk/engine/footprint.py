"""What a training step takes: memory by what holds it, and time, from trying it."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gantk.engine.backend import accelerator
from gantk.engine.batches import StepBatches
from gantk.engine.model import AdversarialModel
from gantk.engine.state import named_state

_BYTES = {"float64": 8, "int64": 8, "uint64": 8, "float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1, "bool": 1}

WARM_STEPS = 2
"""Steps that are not timed: the first compiles, the second still plans memory."""


@dataclass(frozen=True)
class Footprint:
    """What training a model takes. Sizes are bytes.

    Args:
        parameters: Numbers in each network.
        weights: Of all networks.
        gradients: Of the optimizer with the most variables, float32; others reuse their place.
        optimizers: Moments and counters.
        averages: Moving averages of networks.
        other: Image pools, random states, everything else that the step keeps.
        checkpoint: One checkpoint on disk.
        working: What the steps took beyond that, at most: activations, workspace, the compiled program. None where the
            device does not tell.
        peak: The most that the device (a CPU: this process, with the framework) has held. None likewise.
        device: cpu, gpu or tpu.
        first_step_seconds: The first step, compilation included.
        step_seconds: Median of the steps after the warm ones.
        timed_steps: How many those were.
    """

    parameters: Mapping[str, int]
    weights: int
    gradients: int
    optimizers: int
    averages: int
    other: int
    checkpoint: int
    working: int | None
    peak: int | None
    device: str
    first_step_seconds: float
    step_seconds: float
    timed_steps: int


class _StepClock(keras.callbacks.Callback):
    """Times steps. Keras hands it the losses as Python numbers, so every step has ended by then."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = [time.perf_counter()]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.ends.append(time.perf_counter())


def measure_footprint(model: AdversarialModel, shapes: Mapping[str, tuple[int, ...]], *, steps: int = 3) -> Footprint:
    """Try some training steps on random images, and with a model that takes labels on random labels, which changes the model.

    Args:
        model: A model, compiled.
        shapes: Shape of each field of a batch, the batch included.
        steps: How many steps to time, after `WARM_STEPS`.
    """
    before = _peak_bytes()
    state = named_state(model)
    weights = sum(_size(network.variables) for network in model.networks.values())
    averages = sum(_size(network.variables) for network in model.ema_networks.values())
    moments = _size(model.optimizers.variables)
    whole = _size(state.values())
    gradients = max(
        sum(4 * int(np.prod(variable.shape)) for variable in model.variables_of(name)) for name in model.trained_by
    )
    clock = _StepClock()
    count = WARM_STEPS + steps
    model.fit(
        StepBatches(_random_batches(shapes, len(model.classes))),
        steps_per_epoch=count,
        epochs=1,
        shuffle=False,
        verbose=0,
        callbacks=[clock],
    )
    seconds = np.diff(clock.ends)
    peak = _peak_bytes()
    # The model is built, so that its state was held before.
    working = None if peak is None or before is None else max(0, peak - before)
    return Footprint(
        parameters={
            name: sum(int(np.prod(weight.shape)) for weight in network.weights)
            for name, network in model.networks.items()
        },
        weights=weights,
        gradients=gradients,
        optimizers=moments,
        averages=averages,
        other=max(0, whole - weights - moments - averages),
        checkpoint=whole,
        working=working,
        peak=peak,
        device=accelerator(),
        first_step_seconds=float(seconds[0]),
        step_seconds=statistics.median(map(float, seconds[WARM_STEPS:])),
        timed_steps=steps,
    )


def _random_batches(shapes: Mapping[str, tuple[int, ...]], classes: int) -> Iterator[dict[str, NDArray[Any]]]:
    random = np.random.default_rng(0)
    while True:
        batch = {name: random.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}
        labels = {"label": random.integers(0, classes, len(next(iter(batch.values()))), np.int32)} if classes else {}
        yield {**batch, **labels}


def _size(variables: Iterable[keras.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) * _BYTES.get(variable.dtype, 4) for variable in variables)


def _peak_bytes() -> int | None:
    """Return the most bytes held so far, on the accelerator or, on a CPU, by this process."""
    if accelerator() == "cpu":
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return int(peak) if sys.platform == "darwin" else int(peak) * 1024
    if keras.backend.backend() == "jax":
        import jax

        statistics_of_device = jax.local_devices()[0].memory_stats() or {}
        return statistics_of_device.get("peak_bytes_in_use")
    import tensorflow as tf

    try:
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    except (ValueError, RuntimeError):
        return None
