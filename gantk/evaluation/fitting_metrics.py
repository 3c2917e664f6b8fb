"""Which metrics fit what a model makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gantk.errors import ConfigError
from gantk.specs import Made, MetricSpec

if TYPE_CHECKING:
    from gantk.config import Component

_IN_WORDS = {
    "samples": "makes images of latent vectors: metrics must measure samples",
    "translations": "translates images: metrics must measure translations",
}


def require_fitting_metrics(metrics: Sequence[Component], made: Made) -> None:
    """Refuse metrics that do not measure what a model makes.

    `gantk pipeline validate` sees it where the model stands in the pipeline; here it is known from the trained model.

    Args:
        metrics: The metrics to compute.
        made: What the model makes.

    Raises:
        ConfigError: A metric measures something else.
    """
    unfit = [metric.name for metric in metrics if made not in measured_by(metric)]
    if unfit:
        other = "translations" if made == "samples" else "samples"
        raise ConfigError(
            f"The model {_IN_WORDS[made]}.\nReceived: {', '.join(unfit)}, of {other}",
            hint="`gantk plugins show NAME` says what a metric measures.",
        )


def measured_by(metric: Component) -> tuple[Made, ...]:
    """Return what a metric measures, by its record."""
    assert isinstance(metric.spec, MetricSpec)
    return metric.spec.measures
