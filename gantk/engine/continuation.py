"""What a run may change about its learning rates when it is continued."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from gantk.engine.model import AdversarialModel
from gantk.engine.options import ScheduleOptions

logger = logging.getLogger("gantk.engine")


def rate_settings(model: AdversarialModel) -> dict[str, Any]:
    """Return what the learning rates follow, as JSON values, for a checkpoint.

    Returns:
        `learning_rates` by optimizer, before the schedule's factor, and the `schedule`.
    """
    rates = {
        name: float(optimizer._learning_rate.learning_rate) for name, optimizer in model.optimizers.members.items()
    }
    return {"learning_rates": rates, "schedule": model.context.training.schedule.model_dump(mode="json")}


def continue_rates(model: AdversarialModel, before: Mapping[str, Any]) -> None:
    """Say what has changed since the checkpoint; the learning rates are those of the model's own settings.

    A `plateau` schedule that follows another value than before begins anew, since best values of two kinds cannot be
    compared.

    Args:
        model: The model with the checkpoint's state.
        before: What `rate_settings` returned when it was saved.
    """
    now = rate_settings(model)
    for name, rate in now["learning_rates"].items():
        was = before["learning_rates"].get(name)
        if was is not None and was != rate:
            logger.info("continuing with learning rate %g of %s, was %g", rate, name, was)
    schedule, was = now["schedule"], before["schedule"]
    if schedule == was:
        return
    logger.info("continuing with the schedule %s, was %s", _described(schedule), _described(was))
    followed = ("type", "metric", "mode")
    if model.plateau is not None and any(schedule[key] != was.get(key) for key in followed):
        model.plateau.reset()


def _described(schedule: Mapping[str, Any]) -> str:
    """Write a schedule's type and what differs from the defaults: `linear (constant 5, decay 5)`."""
    default = ScheduleOptions().model_dump(mode="json")
    changed = [f"{key} {value}" for key, value in schedule.items() if key != "type" and value != default.get(key)]
    return f"{schedule['type']} ({', '.join(changed)})" if changed else str(schedule["type"])
