"""Measuring the networks of a model that is being trained, with the same metrics as afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gantk.engine.periodic_evaluation import Measured, metric_labels
from gantk.errors import GantkError, PluginError
from gantk.protocols import EvaluationData, Metric, MetricResult, Sampler, Translator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gantk.config import Component


class ChosenPictures:
    """Prepared data of which metrics see a chosen part. Implements `gantk.EvaluationData`.

    Args:
        data: The prepared data.
        split: Given where a metric asks for `test`; other splits, such as that of a reference, stay as asked for.
        limit: At most so many pictures of that split.
    """

    def __init__(self, data: EvaluationData, split: str, limit: int | None = None) -> None:
        self._data = data
        self._split = split
        self._limit = limit

    @property
    def seed(self) -> int:
        """Seed of everything random in the evaluation."""
        return self._data.seed

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        """Names of the fields that samples of a split and domain hold; empty where there are none."""
        return self._data.fields(self._chosen(split), domain)

    def images(self, split: str, domain: str, field: str = "image", limit: int | None = None) -> NDArray[np.float32]:
        """Return images of one field, float32 in [-1, 1], batch × height × width × channels, in a fixed order."""
        return self._data.images(self._chosen(split), domain, field, self._limited(split, limit))

    def samples(
        self, split: str, domain: str, fields: Sequence[str], limit: int | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return samples that are read one at a time, in the order of `images`; they may differ in size."""
        return self._data.samples(self._chosen(split), domain, fields, self._limited(split, limit))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels, in the order of their numbers; empty where the data has none."""
        return self._data.classes

    def labels(self, split: str, domain: str, limit: int | None = None) -> NDArray[np.int32]:
        """Return the number of each sample's class, int32, one dimension, in the order of `images`."""
        return self._data.labels(self._chosen(split), domain, self._limited(split, limit))

    def _limited(self, split: str, limit: int | None) -> int | None:
        if split != "test" or self._limit is None:
            return limit
        return self._limit if limit is None else min(limit, self._limit)

    def _chosen(self, split: str) -> str:
        return self._split if split == "test" else split


class TrainingMeasurement:
    """Several metrics of one model, again and again.

    Args:
        metrics: What to measure.
        candidate: The networks in training: a translator or, of latent vectors, a sampler.
        data: Prepared data.

    Raises:
        PluginError: A metric cannot be built.
    """

    def __init__(self, metrics: Sequence[Component], candidate: Translator | Sampler, data: EvaluationData) -> None:
        self._candidate = candidate
        self._data = data
        labels = metric_labels([component.name for component in metrics])
        self._metrics: dict[str, Metric] = {
            label: component.create() for label, component in zip(labels, metrics, strict=True)
        }

    def prepare(self) -> None:
        """Let the metrics do what they do once; before the training, so that one that cannot work fails then.

        Raises:
            GantkError: A metric lacks something, such as pictures or weights of a feature network; it is named.
            PluginError: A metric fails otherwise.
        """
        for label, metric in self._metrics.items():
            try:
                metric.prepare(self._data)
            except Exception as error:
                raise _failure(label, error) from error

    def __call__(self) -> Measured:
        """Measure once.

        Returns:
            The values of all metrics, each as `metric.value`.

        Raises:
            GantkError, PluginError: As `prepare`.
        """
        values: dict[str, float] = {}
        better: dict[str, str] = {}
        for label, metric in self._metrics.items():
            try:
                result = metric.evaluate(self._candidate, self._data)
            except Exception as error:
                raise _failure(label, error) from error
            if not isinstance(result, MetricResult):
                raise PluginError(f"Metric {label!r} must return a MetricResult. Received: {type(result).__name__}")
            values.update({f"{label}.{name}": float(value) for name, value in result.values.items()})
            better.update({f"{label}.{name}": end for name, end in result.better.items()})
        return Measured(values, better)


def _failure(label: str, error: Exception) -> Exception:
    if isinstance(error, MemoryError):
        return error
    if isinstance(error, GantkError):
        message = f"The metric {label!r} cannot be measured during training: {error.message}"
        return type(error)(message, hint=error.hint)
    return PluginError(
        f"The metric {label!r} failed during training. Received: {type(error).__name__}: {error}",
        hint="Take it out of `evaluate.metrics` of the train stage, or correct its options.",
    )
