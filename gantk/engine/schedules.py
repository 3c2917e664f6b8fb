"""Learning-rate schedules that follow training steps.

An optimizer's own iteration count is not the training step: a WGAN's critic is updated several times a
step, an update whose gradients overflowed is left out. `ScheduledLearningRate` therefore reads the
model's step counter, bound with `follow`.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gantk.engine.options import ScheduleOptions


@keras.saving.register_keras_serializable(package="gantk")
class ScheduledLearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate times the run's schedule factor; see `ScheduleOptions.factor` for the formulas.

    Every optimizer has one, with a constant schedule too: the rate is then no variable, and a checkpoint cannot bring
    back the one of an earlier configuration.

    Args:
        learning_rate: The rate before the factor.
        schedule: What the pipeline says.
        steps_per_epoch: Training steps of one epoch.
    """

    def __init__(self, learning_rate: float, schedule: ScheduleOptions, *, steps_per_epoch: int) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.steps_per_epoch = steps_per_epoch
        self._training_step: keras.Variable | None = None
        self._plateau_factor: keras.Variable | None = None
        self.phase_factor = 1.0
        """Of the phase in progress; a compiled step keeps the one it was compiled with."""

    def follow(self, training_step: keras.Variable, plateau_factor: keras.Variable | None = None) -> None:
        """Read the step from a variable (int32 scalar) instead of the optimizer's iteration count.

        Args:
            training_step: Steps done.
            plateau_factor: For a `plateau` schedule, its factor (float32 scalar).
        """
        self._training_step = training_step
        self._plateau_factor = plateau_factor

    def __call__(self, step: Any) -> Any:
        """Return the learning rate, a float32 scalar, at `step` (ignored once a step variable is followed)."""
        return self._scheduled(step) * self.phase_factor

    def _scheduled(self, step: Any) -> Any:
        if self._training_step is not None:
            step = self._training_step
        if self.schedule.type == "plateau":
            if self._plateau_factor is None:
                return ops.convert_to_tensor(self.learning_rate, "float32")
            lowest = min(self.schedule.minimum, self.learning_rate)
            return ops.maximum(self.learning_rate * self._plateau_factor.value, lowest)
        step = ops.cast(step, "int32")
        units = ops.floor_divide(step, self.steps_per_epoch) if self.schedule.unit == "epoch" else step
        past = ops.maximum(units + 1 - self.schedule.constant, 0)
        progress = ops.minimum(ops.cast(past, "float32") / (self.schedule.decay + 1), 1.0)
        if self.schedule.type == "linear":
            factor = 1.0 - progress
        elif self.schedule.type == "cosine":
            factor = 0.5 * (1.0 + ops.cos(math.pi * progress))
        elif self.schedule.type == "step":
            drops = ops.floor_divide(ops.maximum(past - 1, 0), self.schedule.decay)
            factor = ops.power(ops.cast(self.schedule.drop, "float32"), ops.cast(drops, "float32"))
        else:
            factor = ops.ones((), "float32")
        return self.learning_rate * factor

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "schedule": self.schedule.model_dump(mode="json"),
            "steps_per_epoch": self.steps_per_epoch,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ScheduledLearningRate:
        return cls(
            config["learning_rate"],
            ScheduleOptions.model_validate(config["schedule"]),
            steps_per_epoch=config["steps_per_epoch"],
        )
