"""What metrics of samples alone share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from gantk import EvaluationData, MetricResult, Sampler
from gantk_metrics.options import SampleOptions
from gantk_metrics.picture_levels import LEVELS
from gantk_metrics.sampled_pictures import Comparison, NotFiniteSampleError, comparison

Chosen = TypeVar("Chosen", bound=SampleOptions)


class SampleMetric(ABC, Generic[Chosen]):
    """A measure of samples beside real pictures. A subclass writes `measure`, and says which values it gives."""

    name: ClassVar[str]
    units: ClassVar[Mapping[str, str]] = {}
    better: ClassVar[Mapping[str, str]] = {}
    "`higher` or `lower` by value; of a value that is not named here it is not known."
    values: ClassVar[tuple[str, ...]]
    "The values that are not a number where a sample is not finite."

    def __init__(self, options: Chosen) -> None:
        self.options = options

    @abstractmethod
    def measure(self, pictures: Comparison, data: EvaluationData) -> tuple[dict[str, float], dict[str, Any]]:
        """Return values by name, and what the protocol says of them.

        Raises:
            NotFiniteSampleError: A sample is not finite.
        """

    def ends(self, values: Mapping[str, float]) -> dict[str, str]:
        """Return which end is better of each value that has one."""
        return {name: end for name, end in self.better.items() if name in values}

    def prepare(self, data: EvaluationData) -> None:
        """Nothing is shared between candidates."""

    def evaluate(self, sampler: Sampler, data: EvaluationData) -> MetricResult:
        """Measure a sampler; NaN where a sample is not finite.

        Raises:
            RunFailed: Samples and real pictures do not fit together.
        """
        pictures = comparison(self.name, self.options, sampler, data)
        try:
            values, notes = self.measure(pictures, data)
        except NotFiniteSampleError as error:
            values, notes = dict.fromkeys(self.values, float("nan")), {"not_finite": str(error)}
        return MetricResult(
            values=values,
            units={name: unit for name, unit in self.units.items() if name in values},
            better=self.ends(values),
            protocol={
                **notes,
                "range": LEVELS.replace("translations", "samples"),
                "pictures": dict(pictures.samples.description),
            },
        )
