"""What metrics of sets of pictures share: features of translations, or of samples, against features of real pictures."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from gantk import EvaluationData, MetricResult, PictureSet, RunFailed, Sampler, Translator
from gantk_metrics.feature_network import PooledNetwork, load_features
from gantk_metrics.options import SetOptions
from gantk_metrics.picture_levels import LEVELS, LevelPictures, PixelDigest, domain_images, to_levels
from gantk_metrics.sampled_pictures import NotFiniteSampleError, comparison

Chosen = TypeVar("Chosen", bound=SetOptions)
Summary = TypeVar("Summary")

_SINGLE = "image"
"""The domain of data for models of latent vectors."""

logger = logging.getLogger("gantk.evaluation")


@dataclass(frozen=True)
class Summarised(Generic[Summary]):
    """A set of pictures after the network has seen it.

    Args:
        summary: What the metric keeps of the features.
        count: How many pictures could be read.
        description: The set, its count and the digest of its pixels, for protocols.
    """

    summary: Summary
    count: int
    description: Mapping[str, Any]


class SetMetric(ABC, Generic[Chosen, Summary]):
    """A distance between two sets of pictures by the features of a network.

    A subclass keeps what it needs of a set in `summarise` and compares in `distances`. `evaluate` compares the
    translations of a direction with real pictures of the target domain, unpaired, or samples with single real pictures.
    """

    name: ClassVar[str]
    units: ClassVar[Mapping[str, str]] = {}
    better: ClassVar[Mapping[str, str]]
    fewest: ClassVar[int] = 2

    def __init__(self, options: Chosen) -> None:
        self.options = options
        self._network: PooledNetwork | None = None
        self._references: dict[str, Summarised[Summary]] = {}
        self._warned: set[str] = set()

    @abstractmethod
    def summarise(self, batches: Any, dimension: int) -> Summary:
        """Keep what is needed of a set.

        Args:
            batches: An iterator over features, float64, pictures × dimension.
            dimension: Length of a feature vector.
        """

    @abstractmethod
    def distances(
        self, first: Summarised[Summary], second: Summarised[Summary], seed: int
    ) -> tuple[dict[str, float], dict[str, Any]]:
        """Return values by name, the metric's own first, and what the protocol says of them."""

    def prepare(self, data: EvaluationData) -> None:
        """Forget the reference of other data; it is made when a direction first asks for it."""
        self._references.clear()

    def evaluate(self, candidate: Translator | Sampler, data: EvaluationData) -> MetricResult:
        """Measure every direction of a translator, or what a sampler makes; NaN where a result is not finite.

        Raises:
            RunFailed: There are too few pictures, or they do not fit together.
        """
        return (
            self._of_samples(candidate, data)
            if isinstance(candidate, Sampler)
            else self._of_translations(candidate, data)
        )

    def _of_samples(self, sampler: Sampler, data: EvaluationData) -> MetricResult:
        pictures = comparison(self.name, self.options, sampler, data)
        if _SINGLE not in self._references:
            self._references[_SINGLE] = self._summarised(pictures.reals)
        protocol: dict[str, Any]
        try:
            values, protocol = self._compared(self._summarised(pictures.samples), self._references[_SINGLE], data.seed)
        except NotFiniteSampleError as error:
            values, protocol = dict.fromkeys(self.better, float("nan")), {"not_finite": str(error)}
        return self._result(values, protocol)

    def _of_translations(self, translator: Translator, data: EvaluationData) -> MetricResult:
        split, limit = self.options.split, self.options.limit
        if self.options.samples is not None:
            raise RunFailed(
                f"{self.name}: `samples` is for models that make images of latent vectors. "
                f"Received: samples: {self.options.samples} for a translation",
                hint="`limit` bounds how many pictures are translated.",
            )
        values: dict[str, float] = {}
        units: dict[str, str] = {}
        better: dict[str, str] = {}
        protocols: dict[str, Any] = {}
        for direction in translator.directions:
            source, target = direction.split("to")
            if target not in self._references:
                real, place = domain_images(data, split, target, limit)
                self._references[target] = self._summarised(LevelPictures(to_levels(real), place))
            images, place = domain_images(data, split, source, limit)
            outputs = translator(direction, images)
            if np.all(np.isfinite(outputs)):
                origin = {"translated": place, "direction": direction}
                translated = self._summarised(LevelPictures(to_levels(outputs), origin))
                found, protocols[direction] = self._compared(translated, self._references[target], data.seed)
            else:
                found = dict.fromkeys(self.better, float("nan"))
                protocols[direction] = {"not_finite": "the translations hold values that are not finite"}
            for value, number in found.items():
                stem = self.name if value.startswith(self.name) else value
                name = f"{stem}_{source}_to_{target}".lower() + value.removeprefix(stem)
                values[name] = number
                units.update({name: self.units[value]} if value in self.units else {})
                better.update({name: self.better[value]} if value in self.better else {})
        return MetricResult(values=values, units=units, better=better, protocol=protocols)

    def compare(self, first: PictureSet, second: PictureSet) -> MetricResult:
        """Compare two sets as wholes.

        Raises:
            RunFailed: A set has too few pictures that can be read.
        """
        return self._result(*self._compared(self._summarised(first), self._summarised(second), seed=0))

    def _result(self, values: dict[str, float], protocol: dict[str, Any]) -> MetricResult:
        return MetricResult(
            values=values,
            units={name: unit for name, unit in self.units.items() if name in values},
            better={name: end for name, end in self.better.items() if name in values},
            protocol=protocol,
        )

    @property
    def _features(self) -> PooledNetwork:
        if self._network is None:
            self._network = load_features(self.options.features)
        return self._network

    def _summarised(self, pictures: PictureSet) -> Summarised[Summary]:
        digest = PixelDigest()
        counted = _Counted(self._features.features(pictures, self.options.batch_size, digest))
        summary = self.summarise(counted, self._features.dimension)
        if counted.count < self.fewest:
            raise RunFailed(
                f"{self.name}: a set must have at least {self.fewest} pictures that can be read. "
                f"Received: {counted.count} ({dict(pictures.description)})"
            )
        description = {**pictures.description, "count": counted.count, "digest": str(digest)}
        return Summarised(summary, counted.count, description)

    def _compared(
        self, first: Summarised[Summary], second: Summarised[Summary], seed: int
    ) -> tuple[dict[str, float], dict[str, Any]]:
        values, notes = self.distances(first, second, seed)
        warning = notes.get("warning")
        if warning and warning not in self._warned:
            self._warned.add(warning)
            logger.warning("%s: %s", self.name, warning)
        return values, {
            **notes,
            "features": self._features.protocol,
            "range": LEVELS,
            "pictures": dict(first.description),
            "reference": dict(second.description),
        }


class _Counted:
    """Passes batches on and counts their rows."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self.count = 0

    def __iter__(self) -> Any:
        for batch in self._batches:
            self.count += len(batch)
            yield batch
