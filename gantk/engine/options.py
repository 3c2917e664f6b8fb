"""Options of training that belong to the engine, not to a model. Imports no framework."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

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


class ScheduleOptions(Options):
    """The factor by which every learning rate is multiplied, by epoch or by step."""

    type: Literal["constant", "linear", "cosine", "step"] = "constant"
    "`linear`: constant for `constant` units, then to zero over `decay` units, as CycleGAN: 1 - max(0, t - constant) / (decay + 1)."
    unit: Literal["epoch", "step"] = "epoch"
    "What `constant` and `decay` count, and how often the factor changes."
    constant: int = Field(0, ge=0)
    "Units at the full learning rate."
    decay: int = Field(0, ge=0)
    "Units over which the factor falls (linear, cosine), or between two drops (step)."
    drop: float = Field(0.1, gt=0, le=1)
    "Factor of one drop (step)."

    @model_validator(mode="after")
    def _decay_has_a_length(self) -> ScheduleOptions:
        if self.type != "constant" and self.decay == 0:
            raise ValueError(f"schedule {self.type!r} needs `decay` > 0. Received: decay=0")
        return self


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
    "Samples of each domain in one step."
    steps_per_epoch: int | None = Field(None, ge=1)
    "Steps of an epoch; by default the whole larger domain."
    optimizers: dict[str, OptimizerOptions] = Field(default_factory=dict)
    "Replaces the model's own optimizers, by their names."
    schedule: ScheduleOptions = ScheduleOptions()
    "Learning-rate schedule of all optimizers."
    ema: float | None = Field(None, gt=0, lt=1)
    "Keep an exponential moving average of the generators' weights with this decay; it is what is saved and evaluated."
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
