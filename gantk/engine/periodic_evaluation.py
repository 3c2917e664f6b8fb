"""What the training loop is told about measuring the model now and then."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gantk.errors import ConfigError


@dataclass(frozen=True)
class Measured:
    """What one evaluation found.

    Args:
        values: Numbers by `metric.value`, such as `{"cycle_error.cycle_error_a": 12.5}`.
        better: `higher` or `lower` for each of them that has a better end.
    """

    values: Mapping[str, float]
    better: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PeriodicEvaluation:
    """When the model is measured during training, and what that decides.

    Args:
        measure: Measures the networks of `AdversarialModel.inference_networks()` as they are; called between steps,
            once before the first one.
        every_epochs: Measure after every this many epochs, and after the last.
        keep_best: The value by which the best weights are kept: its name in `Measured.values`, or the part behind
            the dot where only one metric has such a value. None keeps none.
        use: Which weights the model holds when the training has ended.
        protocol: Says how is measured. A best value of another protocol is not compared with, but forgotten.
    """

    measure: Callable[[], Measured]
    every_epochs: int = 1
    keep_best: str | None = None
    use: Literal["best", "last"] = "best"
    protocol: str = ""


@dataclass(frozen=True)
class Best:
    """The best value so far.

    Args:
        name: Its full name.
        value: The value.
        better: `higher` or `lower`.
        step: The training step after which it was measured.
        epoch: The epoch of that step, counted from one.
        protocol: As `PeriodicEvaluation.protocol`.
    """

    name: str
    value: float
    better: str
    step: int
    epoch: int
    protocol: str = ""

    def is_beaten_by(self, value: float) -> bool:
        """Tell whether another value is better than this one; one that is equal, or not finite, is not."""
        if not math.isfinite(value):
            return False
        return value > self.value if self.better == "higher" else value < self.value


def resolve_value(name: str, measured: Measured) -> tuple[str, str]:
    """Find the value that `keep_best` names.

    Returns:
        `(full name, "higher" or "lower")`.

    Raises:
        ConfigError: There is no such value, more than one, or the metric does not say which end is better.
    """
    known = ", ".join(measured.values) or "none"
    found = [name] if name in measured.values else [key for key in measured.values if key.partition(".")[2] == name]
    if len(found) != 1:
        raise ConfigError(
            f"`evaluate.keep_best` must name one value that the metrics measure: {known}.\nReceived: {name!r}"
            + (f", which {' and '.join(found)} share" if found else ""),
            hint="Use one of these names.",
        )
    better = measured.better.get(found[0])
    if better not in ("higher", "lower"):
        known = ", ".join(key for key in measured.values if measured.better.get(key)) or "none"
        raise ConfigError(
            f"`evaluate.keep_best` must name a value that has a better end; these have one: {known}.\n"
            f"Received: {found[0]!r}, whose metric does not say whether higher or lower is better",
            hint="Use another value.",
        )
    return found[0], better


def best_from_plain(plain: Mapping[str, Any] | None) -> Best | None:
    """Return the record that a checkpoint holds; None for none."""
    return None if plain is None else Best(**plain)


def metric_labels(names: Sequence[str]) -> list[str]:
    """Return what the values of metrics are called by: their name, and `name-2`, `name-3` for more of one name."""
    return [
        name if name not in names[:index] else f"{name}-{names[:index].count(name) + 1}"
        for index, name in enumerate(names)
    ]
