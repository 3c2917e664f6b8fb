"""Two sets of pictures compared by metrics, without a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gantk.errors import PluginError
from gantk.protocols import MetricResult, PictureSet
from gantk.specs import MetricSpec

if TYPE_CHECKING:
    from gantk.config import Component


def compare_sets(
    metrics: Sequence[Component],
    sets: tuple[PictureSet, PictureSet],
    pairs: tuple[PictureSet, PictureSet] | None = None,
) -> list[dict[str, Any]]:
    """Compute metrics of two sets of pictures.

    Args:
        metrics: Metrics whose record says that they compare `sets` or `pairs`.
        sets: The pictures to be judged and the reference.
        pairs: The same, those only that have a partner of the same name; needed by metrics of pairs.

    Returns:
        One entry a metric: name, values (null where not finite), units, better, protocol.

    Raises:
        PluginError: A metric does not do what its record says.
    """
    entries = []
    for component in metrics:
        assert isinstance(component.spec, MetricSpec)
        chosen = pairs if component.spec.compares == "pairs" else sets
        assert chosen is not None
        metric = component.create()
        if not hasattr(metric, "compare"):
            raise PluginError(
                f"Metric {component.name!r} must have a method compare(first, second), since its record says that it "
                f"compares {component.spec.compares}. Received: {type(metric).__name__}"
            )
        result = metric.compare(*chosen)
        if not isinstance(result, MetricResult):
            raise PluginError(
                f"Metric {component.name!r} must return a MetricResult. Received: {type(result).__name__}"
            )
        entries.append(
            {
                "name": component.name,
                "values": {key: float(value) if math.isfinite(value) else None for key, value in result.values.items()},
                "units": dict(result.units),
                "better": dict(result.better),
                "protocol": {"options": component.to_plain(), **result.protocol},
            }
        )
    return entries
