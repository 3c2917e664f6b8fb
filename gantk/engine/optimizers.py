"""Optimizers from options, and several of them presented to Keras as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from gantk.engine.options import OptimizerOptions, ScheduleOptions
from gantk.engine.schedules import ScheduledLearningRate


def build_optimizer(
    options: OptimizerOptions,
    schedule: ScheduleOptions | None = None,
    *,
    steps_per_epoch: int = 1,
    accumulate: int = 1,
) -> keras.optimizers.Optimizer:
    """Build one optimizer.

    Gradients are averaged over `accumulate` calls first and clipped afterwards.

    Args:
        options: Algorithm and step size.
        schedule: The factor of the learning rate; none: constant.
        steps_per_epoch: Training steps of one epoch.
        accumulate: Apply the mean gradient of this many calls at every so many-th call.

    Returns:
        A Keras optimizer without variables of a network yet.
    """
    common: dict[str, Any] = {
        "learning_rate": ScheduledLearningRate(
            options.learning_rate, schedule or ScheduleOptions(), steps_per_epoch=steps_per_epoch
        ),
        "global_clipnorm": options.gradient_clip_norm,
        "gradient_accumulation_steps": accumulate if accumulate > 1 else None,
    }
    moments = {"beta_1": options.beta_1, "beta_2": options.beta_2, "epsilon": options.epsilon}
    if options.type == "adam":
        return keras.optimizers.Adam(**moments, **common)
    if options.type == "adamw":
        return keras.optimizers.AdamW(weight_decay=options.weight_decay, **moments, **common)
    if options.type == "rmsprop":
        return keras.optimizers.RMSprop(rho=options.beta_2, momentum=options.beta_1, epsilon=options.epsilon, **common)
    return keras.optimizers.SGD(momentum=options.beta_1, **common)


@keras.saving.register_keras_serializable(package="gantk")
class OptimizerGroup(keras.optimizers.Optimizer):
    """Several named optimizers with the face of one, so that `keras.Model.compile` takes them.

    `group["generators"]` is a member; `variables` is every member's, in the order of the names given.

    Args:
        members: Optimizers by name.
    """

    def __init__(self, members: Mapping[str, keras.optimizers.Optimizer], name: str = "optimizer_group") -> None:
        # A group has no step size of its own; its members' are theirs.
        super().__init__(learning_rate=0.0, name=name)
        self.members = dict(members)
        self.built = True

    def __getitem__(self, name: str) -> keras.optimizers.Optimizer:
        try:
            return self.members[name]
        except KeyError:
            raise KeyError(
                f"Expected the name of an optimizer: {', '.join(self.members)}. Received: {name!r}"
            ) from None

    def __iter__(self) -> Any:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    @property
    def variables(self) -> list[keras.Variable]:
        return [variable for optimizer in self.members.values() for variable in optimizer.variables]

    def build(self, variables: list[keras.Variable]) -> None:
        """Do nothing: every member is built on the variables of its own networks."""

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Refuse: a gradient belongs to one member.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            "An OptimizerGroup applies no gradients itself: use group[name].apply(gradients, variables). "
            f"Received: gradients for the whole group of {', '.join(self.members)}"
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "members": {name: keras.saving.serialize_keras_object(item) for name, item in self.members.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> OptimizerGroup:
        members = {
            name: keras.saving.deserialize_keras_object(item, custom_objects=custom_objects)
            for name, item in config["members"].items()
        }
        return cls(members, name=config["name"])
