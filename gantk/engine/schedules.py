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


def schedule_factor(schedule: ScheduleOptions, step: int, *, steps_per_epoch: int) -> float:
    """Return the factor of every learning rate during training step `step`, as a Python float.

    With `e` the number of the epoch (or step) in progress, counted from one, and
    `p = max(0, e - constant) / (decay + 1)`, at most 1:

    - `constant`: 1
    - `linear`: `1 - p`. With `constant=100, decay=100` epoch 100 is the last at the full rate, epoch
      101 has 100/101 and epoch 200 has 1/101, as the CycleGAN code does.
    - `cosine`: `(1 + cos(π p)) / 2`
    - `step`: `drop ** floor(max(0, e - 1 - constant) / decay)`: the first drop comes `decay` units after
      the constant ones.

    Args:
        schedule: What the pipeline says.
        step: The training step, counted from zero.
        steps_per_epoch: Training steps of one epoch.

    Reference:
        Zhu 2017, appendix 7.1; `lambda_rule` of junyanz/pytorch-CycleGAN-and-pix2pix.
    """
    number = (step // steps_per_epoch if schedule.unit == "epoch" else step) + 1
    past = max(0, number - schedule.constant)
    progress = min(1.0, past / (schedule.decay + 1))
    if schedule.type == "linear":
        return 1.0 - progress
    if schedule.type == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    if schedule.type == "step":
        return float(schedule.drop ** (max(0, past - 1) // schedule.decay))
    return 1.0


@keras.saving.register_keras_serializable(package="gantk")
class ScheduledLearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate times the run's schedule factor; see `schedule_factor` for the formulas.

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

    def follow(self, training_step: keras.Variable) -> None:
        """Read the step from this variable (int32 scalar) instead of the optimizer's iteration count."""
        self._training_step = training_step

    def __call__(self, step: Any) -> Any:
        """Return the learning rate, a float32 scalar, at `step` (ignored once a step variable is followed)."""
        if self._training_step is not None:
            step = self._training_step
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
