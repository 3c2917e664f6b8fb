"""What happens between the training steps: logging, sampling, evaluating, saving, watching."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gantk.engine.backend import accelerator
from gantk.engine.best_checkpoint import BestCheckpoint
from gantk.engine.checkpoints import Checkpoint, CheckpointStore
from gantk.engine.continuation import rate_settings
from gantk.engine.guard_rails import GuardRails
from gantk.engine.input_watch import InputWatch
from gantk.engine.interruption import Interruption
from gantk.engine.metrics_log import EventLog, MetricsLog
from gantk.engine.model import AdversarialModel
from gantk.engine.numerics import LossWindow
from gantk.engine.options import TrainingOptions
from gantk.engine.output_diversity import output_diversity
from gantk.engine.periodic_evaluation import Best, Measured, PeriodicEvaluation, resolve_value
from gantk.engine.phases import phase_at, phase_starts
from gantk.engine.progress import TrainingProgress
from gantk.engine.sample_grid import SampleGrid, write_sample_grid
from gantk.engine.state import synchronise
from gantk.engine.training_summary import TrainingSummary
from gantk.engine.undisturbed import undisturbed
from gantk.wording import counted

logger = logging.getLogger("gantk.engine")


class TrainingLoop:
    """The work between the steps of one run, and what it has to remember."""

    def __init__(
        self,
        model: AdversarialModel,
        training: TrainingOptions,
        steps_per_epoch: int,
        directory: Path,
        store: CheckpointStore,
        best: BestCheckpoint,
        preview: Callable[[], SampleGrid] | None,
        evaluation: PeriodicEvaluation | None,
        display: TrainingProgress,
        metrics: MetricsLog,
        events: EventLog,
        interruption: Interruption,
    ) -> None:
        self.model = model
        self.training = training
        self.steps_per_epoch = steps_per_epoch
        self.starts = phase_starts(model.phases) if model.phases else [0, training.epochs * steps_per_epoch]
        self.total = self.starts[-1]
        self.directory = directory
        self.store = store
        self.best = best
        self.preview = preview
        self.evaluation = evaluation
        self.display = display
        self.metrics = metrics
        self.events = events
        self.interruption = interruption
        self.window = LossWindow(model.losses_reported, guard=training.check_numerics_every > 0)
        self.start = self.step = self._saved = 0
        self.losses: dict[str, float] = {}
        self.input_watch = InputWatch()
        self.guard_rails = GuardRails(lambda cause, message: metrics.warn(self.step, self.epoch, cause, message))
        self._logged = 0
        self._model_step: int | None = None
        self._input_wait: float | None = None
        self._evaluation_seconds = 0.0
        self._seconds_before = 0.0
        self._began = self._second_step = time.perf_counter()
        self._previous: Mapping[str, Any] | None = None
        self._phase: int | None = None
        self._images = 0

    def begin(self, checkpoint: Checkpoint | None) -> None:
        """Start with the first step, or after that of a checkpoint."""
        if checkpoint is not None:
            self.start = self.step = self._saved = checkpoint.step
            extra = checkpoint.extra
            self.window.restore(extra["window"])
            self.losses = dict(extra["losses"])
            self._logged = extra["logged"]
            self._seconds_before = extra["seconds"]
            self.guard_rails.restore(extra["guard_rails"])
            self.best.resume(checkpoint.path, checkpoint.step, extra)
            settings = self._evaluation_settings()
            if any(extra.get(name) != value for name, value in settings.items()):
                self._try_evaluation()
        else:
            self._sample()
            self._try_evaluation()
        self._began = self._second_step = time.perf_counter()
        self._evaluation_seconds = 0.0
        self.display.begin()

    def enter_phase(self) -> int:
        """Let the model take the steps of the phase that the next one is in; called between two runs of `fit`.

        Returns:
            The step that this phase ends with.
        """
        phases = self.model.phases
        if not phases:
            return self.total
        number = phase_at(phases, self.step)
        phase, start = phases[number], self.starts[number]
        if number != self._phase:
            logger.info(
                "phase %d of %d: images of %d pixels, batches of %d, %s",
                number + 1,
                len(phases),
                phase.resolution,
                phase.batch_size,
                counted(phase.steps, "step"),
            )
            synchronise(self.model)
            self.model.enter_phase(number, begin=self.step == start)
            self._phase = number
        return self.starts[number + 1]

    def after_step(self, losses: Mapping[str, Any]) -> None:
        """Do what is due after a step."""
        self.step += 1
        self.window.add(self.step, losses)
        # Stay at most one step ahead of the device: further ahead only memory would grow. The first steps are timed.
        to_its_end = self.display.estimating or self.input_watch.wants_the_end
        awaited = losses if to_its_end else self._previous
        if awaited is not None:
            np.asarray(next(iter(awaited.values())))
        self._previous = losses
        waited = self.input_watch.step_done(awaited=to_its_end)
        if self.step == self.start + 1:
            self._second_step = time.perf_counter()
        else:
            self._images += self._samples_per_step
        self.display.step(self.step)

        training, step = self.training, self.step
        at_end = step == self.total
        if waited is not None:
            self._input_wait = round(waited.share, 4)
            self.guard_rails.input(step, waited)
        epoch, in_epoch = divmod(step, self.steps_per_epoch)
        if training.check_numerics_every and step % training.check_numerics_every == 0:
            self.window.settle()
        if step % training.log_every == 0 or at_end:
            self._log()
        # The last epoch of a training in phases may have a part of its steps.
        improved = self._end_epoch(self.epoch, at_end=at_end) if in_epoch == 0 or at_end else None
        every = training.checkpoint
        if (
            at_end
            or self.interruption.requested
            or (in_epoch == 0 and epoch % every.every_epochs == 0)
            or (every.every_steps is not None and step % every.every_steps == 0)
            or improved is not None
        ):
            self.save(improved)
        if self.interruption.requested:
            self.model.stop_training = True

    def save(self, improved: Best | None = None) -> None:
        """Save a checkpoint of the last step, unless there is one.

        Args:
            improved: The evaluation of this step, where it is the best so far.
        """
        if self._saved == self.step:
            return
        # Looks at every loss so far, so that no checkpoint holds weights from after the first bad one.
        best = improved or self.best.record
        extra = {
            "window": self.window.to_plain(),
            "losses": self.losses,
            "logged": self._logged,
            "seconds": self._seconds(),
            "guard_rails": self.guard_rails.to_plain(),
            "best": dataclasses.asdict(best) if best else None,
            **rate_settings(self.model),
            **self._evaluation_settings(),
        }
        guard = self.training.check_numerics_every > 0
        path = self.store.save(self.model, step=self.step, epoch=self.epoch, extra=extra, guard=guard)
        self._saved = self.step
        if improved is not None:
            self.best.keep(path, improved)

    def finish(self) -> None:
        """Leave the best weights in the model, where they are to be used and there are some."""
        self._model_step = self.step
        evaluation, best = self.evaluation, self.best.record
        if evaluation is None or evaluation.keep_best is None:
            return
        if best is None:
            logger.warning(
                "no evaluation found a finite value of %s, so the model holds the last weights", evaluation.keep_best
            )
            return
        if evaluation.use == "best" and best.step != self.step:
            self.best.load(self.model)
            self._model_step = best.step
        logger.info(
            "the model holds the weights of step %d; the best %s, %.4g, is that of step %d (epoch %d)",
            self._model_step,
            best.name,
            best.value,
            best.step,
            best.epoch,
        )

    def summary(self) -> TrainingSummary:
        """Return what was done so far."""
        timed = max(0, self.step - self.start - 1)
        seconds = time.perf_counter() - self._second_step - self._evaluation_seconds
        pace = timed / max(1e-9, seconds) if timed else 0.0
        best = self.best.record
        return TrainingSummary(
            steps=self.step,
            epochs=-(-self.total // self.steps_per_epoch),
            resumed_from=self.start,
            seconds=round(self._seconds(), 3),
            first_step_seconds=round(self.display.first_step_seconds, 3),
            steps_per_second=round(pace, 4),
            images_per_second=round(self._images / max(1e-9, seconds) if timed else 0.0, 4),
            losses=self.losses,
            backend=keras.backend.backend(),
            device=accelerator(),
            precision=self.training.precision,
            jit=bool(self.model.jit_compile),
            parameters={
                name: sum(int(np.prod(weight.shape)) for weight in network.trainable_variables)
                for name, network in self.model.networks.items()
            },
            model_step=self.step if self._model_step is None else self._model_step,
            best=None
            if best is None
            else {"name": best.name, "value": best.value, "step": best.step, "epoch": best.epoch},
            evaluation_seconds=round(self._evaluation_seconds, 3),
            input_wait=self._input_wait,
        )

    @property
    def epoch(self) -> int:
        """The epoch of the last step, counted from one; 0 before the first step."""
        return -(-self.step // self.steps_per_epoch)

    @property
    def _samples_per_step(self) -> int:
        if self._phase is None:
            return self.training.samples_per_step
        return self.model.phases[self._phase].batch_size * self.training.discriminator_steps

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._began

    def _log(self) -> None:
        self.losses = self.window.means()
        self.metrics.write(self.step, self.epoch, self.losses)
        self.events.write(self.step, self.losses)
        self.display.log(self.step, self.epoch, self.losses)
        self.guard_rails.losses(self.step, self.epoch, self._logged, self.losses)
        self._logged = self.step

    def _end_epoch(self, epoch: int, *, at_end: bool) -> Best | None:
        """Do what is due after an epoch; the one place where the model is told how it went.

        Returns:
            The evaluation of this epoch, where it is the best so far.
        """
        values = self.window.epoch_means()
        if epoch % self.training.sample_every_epochs == 0 or at_end:
            self._sample()
        improved = None
        if self.evaluation is not None and (epoch % self.evaluation.every_epochs == 0 or at_end):
            measured = self._evaluate(self.evaluation)
            values.update(measured.values)
            improved = self._improvement(self.evaluation, measured)
        synchronise(self.model)
        if self.model.plateau is not None:
            self.model.plateau.observe(values)
        self.model.after_epoch(epoch, values)
        return improved

    def _sample(self) -> None:
        if self.preview is None:
            return
        with undisturbed(self.model):
            grid = self.preview()
        write_sample_grid(self.directory / "samples", grid, step=self.step, epoch=self.epoch)
        diversity = output_diversity(grid)
        if diversity:
            values = {f"output_diversity.{direction}": value for direction, value in diversity.items()}
            self.metrics.write(self.step, self.epoch, values)
            self.events.write(self.step, values)
            self.guard_rails.diversity(self.step, self.epoch, diversity)

    def _evaluation_settings(self) -> dict[str, str]:
        """Return what is measured, and which value the schedule follows; a run that changes one is tried again."""
        followed = self.training.schedule.metric or ""
        return {"evaluation": self.evaluation.protocol if self.evaluation else "", "followed": followed}

    def _try_evaluation(self) -> None:
        """Measure before the first step: a name that is not measured must not come out after hours of training."""
        if self.evaluation is None:
            return
        measured = self._evaluate(self.evaluation)
        if self.evaluation.keep_best is not None:
            resolve_value(self.evaluation.keep_best, measured)

    def _evaluate(self, evaluation: PeriodicEvaluation) -> Measured:
        began = time.perf_counter()
        with undisturbed(self.model):
            measured = evaluation.measure()
        if self.model.plateau is not None:
            self.model.plateau.check([*self.model.losses_reported, *measured.values])
        seconds = time.perf_counter() - began
        self._evaluation_seconds += seconds
        self.metrics.write(self.step, self.epoch, measured.values)
        self.events.write(self.step, measured.values)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in measured.values.items())
        logger.info("evaluation after step %d, epoch %d: %s (%.1f s)", self.step, self.epoch, shown, seconds)
        return measured

    def _improvement(self, evaluation: PeriodicEvaluation, measured: Measured) -> Best | None:
        if evaluation.keep_best is None:
            return None
        name, better = resolve_value(evaluation.keep_best, measured)
        value, before = measured.values[name], self.best.record
        if not math.isfinite(value) or (before is not None and not before.is_beaten_by(value)):
            return None
        return Best(name, value, better, self.step, self.epoch, evaluation.protocol)
