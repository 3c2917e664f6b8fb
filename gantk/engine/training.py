"""Training a model: Keras' `fit`, with exact resumption and everything a run leaves behind."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from gantk.atomic_files import write_json
from gantk.engine.batches import StepBatches
from gantk.engine.best_checkpoint import BestCheckpoint
from gantk.engine.checkpoints import CheckpointStore
from gantk.engine.continuation import continue_rates
from gantk.engine.interruption import interruptions
from gantk.engine.metrics_log import EventLog, MetricsLog
from gantk.engine.model import AdversarialModel
from gantk.engine.options import TrainingOptions
from gantk.engine.periodic_evaluation import PeriodicEvaluation
from gantk.engine.phases import phase_starts
from gantk.engine.progress import TrainingProgress
from gantk.engine.sample_grid import SampleGrid
from gantk.engine.training_loop import TrainingLoop
from gantk.engine.training_summary import TrainingSummary
from gantk.errors import RunFailed

logger = logging.getLogger("gantk.engine")


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
    evaluation: PeriodicEvaluation | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: bool = True,
) -> TrainingSummary:
    """Train a model to the end of its last epoch, or until a callback stops it.

    A run that was killed at any moment and is resumed ends with the same weights, bit for bit, as one that was
    not, where the backend computes reproducibly (a CPU does). Evaluating and previewing change no weight.

    Args:
        model: The model, compiled (`build_model` returns one).
        batches: `batches(k)` returns an endless iterator that begins with the batch of step `k`, counted from
            zero; what a batch holds may depend on `k` alone. Of a model with phases, those of the phase of step `k`.
        training: The training options.
        steps_per_epoch: Training steps of one epoch.
        directory: Gets `checkpoints/`, `metrics.jsonl`, `events/`, `samples/` and `training.json`.
        resume: Continue from the newest whole checkpoint in the directory. False deletes the checkpoints there.
        fingerprint: Says what configuration the run has; a checkpoint of another one is refused.
        preview: Returns the samples to show, drawn from the same inputs every time; called between steps.
        evaluation: When and how the model is measured, and what that decides. It is measured before the first step, too,
            which shows a metric that fails early; the best weights are looked for from the first epoch on.
        callbacks: Further Keras callbacks; their epochs are those of the run.
        progress: Show a progress bar where stderr is a terminal.

    Raises:
        RunFailed: A loss or weight is not finite; the batches end or change shape; a checkpoint belongs to another
            model or configuration, or is of a later step than the last; the disk is full.
        ConfigError: The evaluation measures no such value as it is to keep the best of, or nothing has the value that a
            `plateau` schedule follows.
        KeyboardInterrupt: Ctrl-C or SIGTERM; a checkpoint of the last step was saved.
    """
    total = phase_starts(model.phases)[-1] if model.phases else training.epochs * steps_per_epoch
    store = CheckpointStore(directory / "checkpoints", keep=training.checkpoint.keep, fingerprint=fingerprint)
    best = BestCheckpoint(store, protocol=evaluation.protocol if evaluation else "")
    checkpoint = store.restore(model) if resume else None
    if not resume:
        store.clear()
    if checkpoint is None:
        best.clear()
    if not model.phases:
        for caution in training.schedule_cautions(steps_per_epoch):
            logger.warning("%s", caution)
    if model.plateau is not None and evaluation is None:
        model.plateau.check(model.losses_reported)
    if checkpoint is not None:
        continue_rates(model, checkpoint.extra)
    start = checkpoint.step if checkpoint else 0
    if checkpoint and start > total:
        raise RunFailed(
            f"The run must not be longer already than it is asked to be: {_length(model, training, steps_per_epoch)} are "
            f"{total} steps.\nReceived: the checkpoint {checkpoint.path}, of step {start}",
            hint=f"Ask for at least {-(-start // steps_per_epoch)} epochs, or train anew, without --resume."
            if not model.phases
            else "Ask for a longer schedule, or train anew, without --resume.",
        )
    with (
        interruptions() as interruption,
        TrainingProgress(total, start=start, show=progress) as display,
        MetricsLog(directory / "metrics.jsonl", step=start) as metrics,
        EventLog(directory / "events", step=start) as events,
    ):
        loop = TrainingLoop(
            model,
            training,
            steps_per_epoch,
            directory,
            store,
            best,
            preview,
            evaluation,
            display,
            metrics,
            events,
            interruption,
        )
        loop.begin(checkpoint)
        _fit(loop, batches, callbacks)
    loop.finish()
    summary = loop.summary()
    write_json(directory / "training.json", dataclasses.asdict(summary))
    return summary


def _fit(
    loop: TrainingLoop,
    batches: Callable[[int], Iterator[Mapping[str, NDArray[Any]]]],
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Run `fit` to the end of the epoch in progress, then over the whole epochs left; in each phase anew."""
    while loop.step < loop.total:
        end = loop.enter_phase()
        epoch, done = divmod(loop.step, loop.steps_per_epoch)
        # An epoch that a phase ends in, or that the last step ends, has a part of its steps.
        steps = min(loop.steps_per_epoch - done, end - loop.step)
        last = epoch + 1 if steps < loop.steps_per_epoch else end // loop.steps_per_epoch
        # An iterator of its own for each call: on accelerators Keras takes one batch ahead and drops it at the end.
        stream = batches(loop.step)
        try:
            loop.model.fit(
                StepBatches(stream, loop.input_watch),
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


def _length(model: AdversarialModel, training: TrainingOptions, steps_per_epoch: int) -> str:
    return f"{len(model.phases)} phases" if model.phases else f"{training.epochs} epochs of {steps_per_epoch} steps"


class _StepCallbacks(keras.callbacks.CallbackList):
    """Hands the losses of a step to the loop as they lie on the device.

    Keras' own list either turns every loss into a Python number, which waits for the device at every step, or
    calls back from other threads, which may then see a later state of the model.
    """

    def __init__(
        self,
        loop: TrainingLoop,
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


__all__ = ["TrainingSummary", "train"]
