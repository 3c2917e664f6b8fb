"""Options of training that belong to the engine, not to a model. Imports no framework."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from gantk.engine.augmentation.options import AugmentationOptions
from gantk.engine.penalties.options import PenaltyOptions
from gantk.specs import Options


class OptimizerOptions(Options):
    """One optimizer of an adversarial model."""

    type: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    "The algorithm, as Keras implements it."
    learning_rate: float = Field(2e-4, gt=0)
    "Step size before the schedule's factor."
    beta_1: float = Field(0.5, ge=0, lt=1)
    "Decay of the first moment (adam, adamw); momentum (sgd, rmsprop)."
    beta_2: float = Field(0.999, ge=0, lt=1)
    "Decay of the second moment (adam, adamw, rmsprop)."
    epsilon: float = Field(1e-8, gt=0)
    "Added to the denominator (adam, adamw, rmsprop)."
    weight_decay: float = Field(0.0, ge=0)
    "Decoupled weight decay (adamw)."
    gradient_clip_norm: float | None = Field(None, gt=0)
    "Clip the global norm of the gradients to this."


class OptimizerChanges(Options):
    """What a pipeline changes about one of a model's optimizers; what is left out stays as the model has it."""

    type: Literal["adam", "adamw", "rmsprop", "sgd"] | None = None
    "The algorithm, as Keras implements it."
    learning_rate: float | None = Field(None, gt=0)
    "Step size before the schedule's factor."
    beta_1: float | None = Field(None, ge=0, lt=1)
    "Decay of the first moment (adam, adamw); momentum (sgd, rmsprop)."
    beta_2: float | None = Field(None, ge=0, lt=1)
    "Decay of the second moment (adam, adamw, rmsprop)."
    epsilon: float | None = Field(None, gt=0)
    "Added to the denominator (adam, adamw, rmsprop)."
    weight_decay: float | None = Field(None, ge=0)
    "Decoupled weight decay (adamw)."
    gradient_clip_norm: float | None = Field(None, ge=0)
    "Clip the global norm of the gradients to this; 0 clips nothing."

    def applied_to(self, options: OptimizerOptions) -> OptimizerOptions:
        """Return the options with these changes."""
        changes: dict[str, Any] = {name: value for name, value in self if value is not None}
        if self.gradient_clip_norm == 0:
            changes["gradient_clip_norm"] = None
        return OptimizerOptions.model_validate({**options.model_dump(), **changes})


class ScheduleOptions(Options):
    """The factor by which every learning rate is multiplied, by epoch or by step."""

    type: Literal["constant", "linear", "cosine", "step", "plateau"] = "constant"
    """`linear`: constant for `constant` units, then to zero over `decay` units, as CycleGAN: 1 - max(0, t - constant) / (decay + 1).
    `plateau`: a drop whenever `metric` has stopped improving."""
    unit: Literal["epoch", "step"] = "epoch"
    "What `constant` and `decay` count, and how often the factor changes."
    constant: int = Field(0, ge=0)
    "Units at the full learning rate (linear, cosine, step)."
    decay: int = Field(0, ge=0)
    "Units over which the factor falls (linear, cosine), or between two drops (step)."
    drop: float = Field(0.1, gt=0, le=1)
    "Factor of one drop (step, plateau)."
    metric: str | None = None
    "What should improve (plateau): a loss, as its mean over the epoch, or a value of the evaluation while training."
    mode: Literal["min", "max"] = "min"
    "Whether smaller or larger is better (plateau)."
    patience: int = Field(10, ge=0)
    "Epochs with a value and without an improvement that are waited for; the next one brings the drop (plateau)."
    threshold: float = Field(1e-4, ge=0)
    "What an improvement must exceed (plateau)."
    threshold_mode: Literal["relative", "absolute"] = "relative"
    "Whether `threshold` is a share of the best value so far or a difference from it (plateau)."
    minimum: float = Field(0.0, ge=0)
    "The learning rate below which no optimizer falls (plateau)."

    @model_validator(mode="after")
    def _what_the_type_needs(self) -> ScheduleOptions:
        if self.type == "plateau":
            if not self.metric:
                raise ValueError("schedule 'plateau' needs `metric`, the value that should improve. Received: none")
            unused = [name for name in ("constant", "decay") if getattr(self, name)]
            if self.unit == "step" or unused:
                received = "unit=step" if self.unit == "step" else f"{unused[0]}={getattr(self, unused[0])}"
                raise ValueError(
                    f"schedule 'plateau' follows epochs and takes no `unit`, `constant` or `decay`. Received: {received}"
                )
        elif self.metric is not None:
            raise ValueError(f"schedule {self.type!r} takes no `metric`; 'plateau' does. Received: {self.metric!r}")
        elif self.type != "constant" and self.decay == 0:
            raise ValueError(f"schedule {self.type!r} needs `decay` > 0. Received: decay=0")
        return self

    def factor(self, step: int, *, steps_per_epoch: int) -> float:
        """Return the factor of every learning rate during training step `step`.

        With `e` the number of the epoch (or step) in progress, counted from one, and
        `p = max(0, e - constant) / (decay + 1)`, at most 1:

        - `constant`: 1
        - `linear`: `1 - p`. With `constant=100, decay=100` epoch 100 is the last at the full rate, epoch
          101 has 100/101 and epoch 200 has 1/101, as the CycleGAN code does.
        - `cosine`: `(1 + cos(π p)) / 2`
        - `step`: `drop ** floor(max(0, e - 1 - constant) / decay)`: the first drop comes `decay` units after
          the constant ones.
        - `plateau`: 1, what it is before the first drop; see `gantk.engine.plateau`.

        Args:
            step: The training step, counted from zero.
            steps_per_epoch: Training steps of one epoch.

        Reference:
            Zhu 2017, appendix 7.1; `lambda_rule` of junyanz/pytorch-CycleGAN-and-pix2pix.
        """
        number = (step // steps_per_epoch if self.unit == "epoch" else step) + 1
        past = max(0, number - self.constant)
        progress = min(1.0, past / (self.decay + 1))
        if self.type == "linear":
            return 1.0 - progress
        if self.type == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * progress))
        if self.type == "step":
            return float(self.drop ** (max(0, past - 1) // self.decay))
        return 1.0


class InstanceNoiseOptions(Options):
    """Gaussian noise on everything that discriminators see (Sønderby 2017, section 3.2; Arjovsky and Bottou 2017, section 3)."""

    deviation: float = Field(0.1, gt=0)
    "Standard deviation of the noise at the first step; images are in [-1, 1]."
    unit: Literal["epoch", "step"] = "epoch"
    "What `decay` counts; the deviation changes at every step all the same."
    decay: int = Field(0, ge=0)
    "Units over which the deviation falls linearly to zero; 0 keeps it."


class CheckpointOptions(Options):
    """When the whole training state is saved."""

    every_steps: int | None = Field(None, ge=1)
    "Save after every this many steps (beside the end of every epoch)."
    every_epochs: int = Field(1, ge=1)
    "Save after every this many epochs."
    keep: int = Field(2, ge=1)
    "How many of the newest checkpoints stay."


class TrainingOptions(Options):
    """How a model is trained; what is trained is the model's own."""

    epochs: int = Field(1, ge=1)
    "Passes over the data (unpaired: over the larger domain)."
    batch_size: int = Field(1, ge=1)
    "Samples of each domain in one step (in each update, where `discriminator_steps` are more than one)."
    steps_per_epoch: int | None = Field(None, ge=1)
    "Steps of an epoch; by default the whole larger domain."
    optimizers: dict[str, OptimizerChanges] = Field(default_factory=dict)
    "Changes the model's own optimizers, by their names."
    discriminator_steps: int = Field(1, ge=1)
    "Updates of the discriminators for each of the generators, every one on a batch of its own (Arjovsky 2017, algorithm 1)."
    penalties: tuple[PenaltyOptions, ...] = ()
    "Penalties on the slopes of all discriminators, each type at most once."
    instance_noise: InstanceNoiseOptions | None = None
    "Noise on what the discriminators see."
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """How far the label of real images is moved towards that of generated ones in the discriminators' losses: 0.1 makes
    0.9 of 1 (one-sided, Salimans 2016, section 3.4). For adversarial losses with labels: `vanilla`, `lsgan`."""
    schedule: ScheduleOptions = ScheduleOptions()
    "Learning-rate schedule of all optimizers."
    augmentation: AugmentationOptions | None = None
    "Change at random what the discriminators see, for training with few pictures: `diffaugment` or `ada`."
    ema: float | None = Field(None, gt=0, lt=1)
    """Keep an exponential moving average of the generators' weights with this decay; it is what is saved and evaluated. By
    default as the model says: most keep none."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    "Arithmetic of the networks; weights and losses stay float32. float16 scales the loss."
    accumulate: int = Field(1, ge=1)
    "Average the gradients of this many steps before each update."
    jit: Literal["auto"] | bool = "auto"
    "Compile the step with XLA: `auto` on GPU and TPU, where it is faster."
    devices: int | None = Field(None, ge=1)
    "Data-parallel over this many devices (JAX); by default one."
    check_numerics_every: int = Field(50, ge=0)
    "Look for a loss that is not finite every this many steps, and stop naming the first; 0: never."
    log_every: int = Field(20, ge=1)
    "Write the metrics every this many steps."
    sample_every_epochs: int = Field(1, ge=1)
    "Write a grid of samples every this many epochs."
    checkpoint: CheckpointOptions = CheckpointOptions()
    "When the training state is saved."

    @field_validator("penalties")
    @classmethod
    def _each_penalty_once(cls, value: tuple[PenaltyOptions, ...]) -> tuple[PenaltyOptions, ...]:
        types = [penalty.type for penalty in value]
        twice = sorted({name for name in types if types.count(name) > 1})
        if twice:
            raise ValueError(f"penalties must name each type once. Received: {', '.join(twice)} twice")
        return value

    @property
    def samples_per_step(self) -> int:
        """Samples of each domain that one training step takes: a batch for each of the discriminators' updates."""
        return self.batch_size * self.discriminator_steps

    def cautions(self) -> list[str]:
        """Say where the schedule ends before the training does."""
        return self.schedule_cautions(self.steps_per_epoch)

    def schedule_cautions(self, steps_per_epoch: int | None) -> list[str]:
        """Say that the learning rate is zero at the end, if it is.

        Args:
            steps_per_epoch: Training steps of one epoch; None where they are not known, which matters only to a
                schedule by steps.
        """
        schedule = self.schedule
        if steps_per_epoch is None:
            if schedule.unit == "step":
                return []
            steps_per_epoch = 1
        if schedule.factor(self.epochs * steps_per_epoch - 1, steps_per_epoch=steps_per_epoch) != 0.0:
            return []
        return [
            f"the schedule's learning rate is zero after {schedule.constant + schedule.decay} {schedule.unit}s, so the rest "
            f"of the {self.epochs} epochs will change nothing; let constant + decay reach to the end"
        ]
