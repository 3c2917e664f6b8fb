"""Training a model: Keras' `fit`, with exact resumption and everything a run leaves behind."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gantk.atomic_files import write_json
from gantk.engine.backend import accelerator
from gantk.engine.batches import StepBatches
from gantk.engine.checkpoints import CheckpointStore
from gantk.engine.interruption import Interruption, interruptions
from gantk.engine.metrics_log import EventLog, MetricsLog
from gantk.engine.model import AdversarialModel
from gantk.engine.numerics import LossWindow
from gantk.engine.options import TrainingOptions
from gantk.engine.progress import TrainingProgress
from gantk.engine.sample_grid import SampleGrid, write_sample_grid
from gantk.engine.schedules import schedule_factor
from gantk.engine.state import synchronise
from gantk.errors import RunFailed

logger = logging.getLogger("gantk.engine")


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
        images_per_second: Samples of each domain in a second, likewise.
        losses: The means at the last log line.
        backend: Keras' backend.
        device: cpu, gpu or tpu.
        precision: Arithmetic of the networks.
        jit: Whether the step was compiled with XLA.
        parameters: Trainable parameters by network.
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


def train(
    model: AdversarialModel,
    *,
    batches: Callable[[int], Iterator[Mapping[str, NDArray[Any]]]],
    training: TrainingOptions,
    steps_per_epoch: int,
    directory: Path,
    resume: bool = False,
    fingerprint: str = "",
    preview: Callable[[], SampleGrid] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: bool = True,
) -> TrainingSummary:
    """Train a model to the end of its last epoch, or until a callback stops it.

    A run that was killed at any moment and is resumed ends with the same weights, bit for bit, as one that was
    not, where the backend computes reproducibly (a CPU does).

    Args:
        model: The model, compiled (`build_model` returns one).
        batches: `batches(k)` returns an endless iterator that begins with the batch of step `k`, counted from
            zero; what a batch holds may depend on `k` alone.
        training: The training options.
        steps_per_epoch: Training steps of one epoch.
        directory: Gets `checkpoints/`, `metrics.jsonl`, `events/`, `samples/` and `training.json`.
        resume: Continue from the newest whole checkpoint in the directory. False deletes the checkpoints there.
        fingerprint: Says what configuration the run has; a checkpoint of another one is refused.
        preview: Returns the samples to show, drawn from the same inputs every time; called between steps.
        callbacks: Further Keras callbacks; their epochs are those of the run.
        progress: Show a progress bar where stderr is a terminal.

    Raises:
        RunFailed: A loss or weight is not finite; the batches end or change shape; a checkpoint belongs to another
            model or configuration, or is of a later step than the last; the disk is full.
        KeyboardInterrupt: Ctrl-C or SIGTERM; a checkpoint of the last step was saved.
    """
    total = training.epochs * steps_per_epoch
    store = CheckpointStore(directory / "checkpoints", keep=training.checkpoint.keep, fingerprint=fingerprint)
    checkpoint = store.restore(model) if resume else None
    if not resume:
        store.clear()
    _warn_of_a_rate_of_zero(training, steps_per_epoch)
    start = checkpoint.step if checkpoint else 0
    if checkpoint and start > total:
        raise RunFailed(
            f"The run must not be longer already than it is asked to be: {training.epochs} epochs of {steps_per_epoch} "
            f"steps are {total} steps.\nReceived: the checkpoint {checkpoint.path}, of step {start}",
            hint=f"Ask for at least {-(-start // steps_per_epoch)} epochs, or train anew, without --resume.",
        )
    with (
        interruptions() as interruption,
        TrainingProgress(total, start=start, show=progress) as display,
        MetricsLog(directory / "metrics.jsonl", step=start) as metrics,
        EventLog(directory / "events", step=start) as events,
    ):
        loop = _Loop(
            model, training, steps_per_epoch, directory, store, preview, display, metrics, events, interruption
        )
        loop.begin(start, checkpoint.extra if checkpoint else {})
        _fit(loop, batches, callbacks)
    summary = loop.summary()
    write_json(directory / "training.json", dataclasses.asdict(summary))
    return summary


def _warn_of_a_rate_of_zero(training: TrainingOptions, steps_per_epoch: int) -> None:
    total = training.epochs * steps_per_epoch
    schedule = training.schedule
    if schedule_factor(schedule, total - 1, steps_per_epoch=steps_per_epoch) == 0.0:
        logger.warning(
            "the schedule's learning rate is zero after %d %ss, so the rest of the %d epochs will change nothing; "
            "let constant + decay reach to the end",
            schedule.constant + schedule.decay,
            schedule.unit,
            training.epochs,
        )


def _fit(
    loop: _Loop,
    batches: Callable[[int], Iterator[Mapping[str, NDArray[Any]]]],
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Run `fit` to the end of the epoch in progress, then over the whole epochs left."""
    while loop.step < loop.total:
        epoch, done = divmod(loop.step, loop.steps_per_epoch)
        last = epoch + 1 if done else loop.training.epochs
        steps = loop.steps_per_epoch - done
        # An iterator of its own for each call: on accelerators Keras takes one batch ahead and drops it at the end.
        stream = batches(loop.step)
        try:
            loop.model.fit(
                StepBatches(stream),
                steps_per_epoch=steps,
                initial_epoch=epoch,
                epochs=last,
                shuffle=False,
                verbose=0,
                callbacks=_StepCallbacks(loop, callbacks, epochs=last, steps=steps),
            )
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()
        if loop.interruption.requested or loop.model.stop_training:
            loop.save()
            if loop.interruption.requested:
                raise KeyboardInterrupt
            return


class _StepCallbacks(keras.callbacks.CallbackList):
    """Hands the losses of a step to the loop as they lie on the device.

    Keras' own list either turns every loss into a Python number, which waits for the device at every step, or
    calls back from other threads, which may then see a later state of the model.
    """

    def __init__(
        self,
        loop: _Loop,
        callbacks: Sequence[keras.callbacks.Callback],
        *,
        epochs: int,
        steps: int,
    ) -> None:
        super().__init__(list(callbacks), add_history=True, model=loop.model, epochs=epochs, steps=steps, verbose=0)
        self._loop = loop
        self._others = bool(callbacks)
        self._async_train = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Run the loop's own work, then the callbacks that the caller gave."""
        self._loop.after_step(logs)
        if self._others:
            super().on_train_batch_end(batch, logs)


class _Loop:
    """What happens between the steps."""

    def __init__(
        self,
        model: AdversarialModel,
        training: TrainingOptions,
        steps_per_epoch: int,
        directory: Path,
        store: CheckpointStore,
        preview: Callable[[], SampleGrid] | None,
        display: TrainingProgress,
        metrics: MetricsLog,
        events: EventLog,
        interruption: Interruption,
    ) -> None:
        self.model = model
        self.training = training
        self.steps_per_epoch = steps_per_epoch
        self.total = training.epochs * steps_per_epoch
        self.directory = directory
        self.store = store
        self.preview = preview
        self.display = display
        self.metrics = metrics
        self.events = events
        self.interruption = interruption
        self.window = LossWindow(model.losses_reported, guard=training.check_numerics_every > 0)
        self.start = self.step = self._saved = 0
        self.losses: dict[str, float] = {}
        self._seconds_before = 0.0
        self._began = self._second_step = time.perf_counter()
        self._previous: Mapping[str, Any] | None = None

    def begin(self, step: int, extra: Mapping[str, Any]) -> None:
        """Start at a step, with what the loop had put into the checkpoint."""
        self.start = self.step = self._saved = step
        if extra:
            self.window.restore(extra["window"])
            self.losses = dict(extra["losses"])
            self._seconds_before = extra["seconds"]
        elif step == 0:
            self._sample()
        self._began = self._second_step = time.perf_counter()
        self.display.begin()

    def after_step(self, losses: Mapping[str, Any]) -> None:
        """Do what is due after a step."""
        self.step += 1
        self.window.add(self.step, losses)
        # Stay at most one step ahead of the device: further ahead only memory would grow. The first steps are timed.
        awaited = losses if self.display.estimating else self._previous
        if awaited is not None:
            np.asarray(next(iter(awaited.values())))
        self._previous = losses
        if self.step == self.start + 1:
            self._second_step = time.perf_counter()
        self.display.step(self.step)

        training, step = self.training, self.step
        at_end = step == self.total
        epoch, in_epoch = divmod(step, self.steps_per_epoch)
        if training.check_numerics_every and step % training.check_numerics_every == 0:
            self.window.settle()
        if step % training.log_every == 0 or at_end:
            self._log()
        if in_epoch == 0 and (epoch % training.sample_every_epochs == 0 or at_end):
            self.window.settle()
            self._sample()
        every = training.checkpoint
        if (
            at_end
            or self.interruption.requested
            or (in_epoch == 0 and epoch % every.every_epochs == 0)
            or (every.every_steps is not None and step % every.every_steps == 0)
        ):
            self.save()
        if self.interruption.requested:
            self.model.stop_training = True

    def save(self) -> None:
        """Save a checkpoint of the last step, unless there is one."""
        if self._saved == self.step:
            return
        # Looks at every loss so far, so that no checkpoint holds weights from after the first bad one.
        extra = {"window": self.window.to_plain(), "losses": self.losses, "seconds": self._seconds()}
        guard = self.training.check_numerics_every > 0
        self.store.save(self.model, step=self.step, epoch=self.epoch, extra=extra, guard=guard)
        self._saved = self.step

    def summary(self) -> TrainingSummary:
        """Return what was done so far."""
        timed = max(0, self.step - self.start - 1)
        pace = timed / max(1e-9, time.perf_counter() - self._second_step) if timed else 0.0
        return TrainingSummary(
            steps=self.step,
            epochs=self.training.epochs,
            resumed_from=self.start,
            seconds=round(self._seconds(), 3),
            first_step_seconds=round(self.display.first_step_seconds, 3),
            steps_per_second=round(pace, 4),
            images_per_second=round(pace * self.training.batch_size, 4),
            losses=self.losses,
            backend=keras.backend.backend(),
            device=accelerator(),
            precision=self.training.precision,
            jit=bool(self.model.jit_compile),
            parameters={
                name: sum(int(np.prod(weight.shape)) for weight in network.trainable_variables)
                for name, network in self.model.networks.items()
            },
        )

    @property
    def epoch(self) -> int:
        """The epoch of the last step, counted from one; 0 before the first step."""
        return -(-self.step // self.steps_per_epoch)

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._began

    def _log(self) -> None:
        self.losses = self.window.means()
        self.metrics.write(self.step, self.epoch, self.losses)
        self.events.write(self.step, self.losses)
        self.display.log(self.step, self.epoch, self.losses)

    def _sample(self) -> None:
        if self.preview is not None:
            synchronise(self.model)
            write_sample_grid(self.directory / "samples", self.preview(), step=self.step, epoch=self.epoch)
