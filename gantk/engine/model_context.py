"""What a model factory is told about the run it is built for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gantk.engine.options import OptimizerOptions, TrainingOptions

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ModelContext:
    """Facts about the data and the training that a model is built for.

    Args:
        shapes: Shape of one sample by batch field, without the batch: `{"A": (64, 64, 3), "B": (64, 64, 3)}`.
        training: The training options of the stage.
        steps_per_epoch: Training steps of one epoch.
        seed: Seed for weights and random layers.
        classes: Names of the labels, in the order of their numbers; empty where the data has none. A batch then has the
            field `label`, int32, one number a sample.
    """

    shapes: Mapping[str, tuple[int, ...]]
    training: TrainingOptions = field(default_factory=TrainingOptions)
    steps_per_epoch: int = 1
    seed: int = 0
    classes: tuple[str, ...] = ()

    def optimizer(self, name: str, default: OptimizerOptions | None = None) -> Any:
        """Build the optimizer called `name`: as the model's `default` says, with what the pipeline changes of it.

        Its learning rate follows the run's schedule.

        Returns:
            A `keras.optimizers.Optimizer`, not yet built.
        """
        from gantk.engine.optimizers import build_optimizer

        options = default or OptimizerOptions()
        if name in self.training.optimizers:
            options = self.training.optimizers[name].applied_to(options)
        optimizer: keras.optimizers.Optimizer = build_optimizer(
            options, self.training.schedule, steps_per_epoch=self.steps_per_epoch, accumulate=self.training.accumulate
        )
        return optimizer
