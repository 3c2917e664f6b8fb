"""What a training run did, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TrainingSummary:
    """What a training run did; also written as `training.json`.

    Args:
        steps: Training steps of the whole run.
        epochs: Epochs of the whole run.
        resumed_from: The step that this process continued from, 0 where it began.
        seconds: Time spent training, that of interrupted processes before their last checkpoint included.
        first_step_seconds: The first step of this process, compilation included.
        steps_per_second: Of this process after its first step; 0 where it did only one or none.
        images_per_second: Samples of each domain in a second, likewise; those of every update of the discriminators count.
        losses: The means at the last log line.
        backend: Keras' backend.
        device: cpu, gpu or tpu.
        precision: Arithmetic of the networks.
        jit: Whether the step was compiled with XLA.
        parameters: Trainable parameters by network.
        model_step: The step whose weights the model holds: `steps`, or that of `best`.
        best: The best evaluation: the value's name, the value, its step and epoch; None where no best is kept.
        evaluation_seconds: Of this process, spent on evaluations; the pace leaves them out.
        input_wait: The part of the time that the last window of steps lost by waiting for batches; None before the
            first window has ended.
    """

    steps: int
    epochs: int
    resumed_from: int
    seconds: float
    first_step_seconds: float
    steps_per_second: float
    images_per_second: float
    losses: Mapping[str, float]
    backend: str
    device: str
    precision: str
    jit: bool
    parameters: Mapping[str, int]
    model_step: int
    best: Mapping[str, Any] | None = None
    evaluation_seconds: float = 0.0
    input_wait: float | None = None
