"""What all metrics of pairs share: who is compared with whom, in batches, and the protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, MetricResult, PictureNumbers, PictureSet, RunFailed, Translator
from gantk_metrics.options import PairOptions
from gantk_metrics.picture_levels import LEVELS, PixelDigest
from gantk_metrics.translated_pairs import BATCH_PIXELS, NotFiniteError, Pair, TranslatedPairs

Chosen = TypeVar("Chosen", bound=PairOptions)


@dataclass
class _Batch:
    names: list[str] = field(default_factory=list)
    first: list[NDArray[np.uint8]] = field(default_factory=list)
    second: list[NDArray[np.uint8]] = field(default_factory=list)


class PairedMetric(ABC, Generic[Chosen]):
    """A mean over pairs; the two pictures of a pair are of one shape.

    A subclass computes `scores` of a batch. `evaluate` compares the translations of aligned samples with the truth, a few
    at a time, so that whole photographs of any number and size can be measured; `compare` takes two sets of pictures
    by equal names.
    """

    name: ClassVar[str]
    unit: ClassVar[str] = ""
    better: ClassVar[str]

    def __init__(self, options: Chosen) -> None:
        self.options = options

    @property
    def value(self) -> str:
        """What the value is called: the metric's name, and what its options make of it."""
        return self.name

    @abstractmethod
    def scores(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return one score a pair, float64, of uint8 batches of one shape, batch × height × width × channels."""

    def protocol(self) -> Mapping[str, Any]:
        """Say how the score is defined, beside what `compare` says of the pictures."""
        return {}

    def batch_pairs(self, pixels: int) -> int:
        """Return how many pairs of so many pixels each are compared at once."""
        return max(1, BATCH_PIXELS // pixels)

    def prepare(self, data: EvaluationData) -> None:
        """Nothing is shared between candidates."""

    def evaluate(self, translator: Translator, data: EvaluationData) -> MetricResult:
        """Measure every direction on aligned samples; NaN where a translation is not finite."""
        split = self.options.split
        values: dict[str, float] = {}
        protocols: dict[str, Any] = {}
        pictures: dict[str, Any] = {}
        per_picture: list[PictureNumbers] = []
        for direction in translator.directions:
            source, target = direction.split("to")
            value = f"{self.value}_{source}_to_{target}".lower()
            samples = data.samples(split, "AB", (source, target), limit=self.options.limit)
            pairs = TranslatedPairs(self.name, translator, direction, samples)
            place = {"split": split, "domain": "AB", "field": target}
            origin = {"translated": {**place, "field": source}, "direction": direction}
            try:
                numbers, protocols[direction] = self._measured(pairs, origin, place)
            except NotFiniteError as error:
                values[value] = float("nan")
                protocols[direction] = {"not_finite": str(error)}
            else:
                values[value] = float(np.mean(list(numbers.values())))
                per_picture.append(PictureNumbers(value, split, direction, numbers))
            if pairs.rows is not None:
                pictures[f"{direction}: input, output, truth"] = pairs.rows
        return MetricResult(
            values=values,
            units=dict.fromkeys(values, self.unit) if self.unit else {},
            better=dict.fromkeys(values, self.better),
            protocol=protocols,
            pictures=pictures,
            per_picture=per_picture,
        )

    def compare(self, first: PictureSet, second: PictureSet) -> MetricResult:
        """Compare pictures with those of the same names.

        Raises:
            RunFailed: No pair can be read, or the two pictures of a pair differ in size.
        """
        numbers, protocol = self._measured(_pairs_by_name(first, second), first.description, second.description)
        return MetricResult(
            values={self.value: float(np.mean(list(numbers.values())))},
            units={self.value: self.unit} if self.unit else {},
            better={self.value: self.better},
            protocol=protocol,
        )

    def _measured(
        self, pairs: Iterable[Pair], pictures: Mapping[str, Any], reference: Mapping[str, Any]
    ) -> tuple[dict[str, float], dict[str, Any]]:
        """Return the score of each pair by its name, and the protocol."""
        digests = PixelDigest(), PixelDigest()
        numbers: dict[str, float] = {}
        for batch in self._batches(pairs, digests):
            scores = self.scores(np.stack(batch.first), np.stack(batch.second))
            numbers.update(zip(batch.names, map(float, scores), strict=True))
        if not numbers:
            raise RunFailed(f"{self.name}: at least one pair of pictures that can be read is needed. Received: none")
        return numbers, {
            **self.protocol(),
            "pairs": len(numbers),
            "value": "mean over pairs",
            "range": LEVELS,
            "pictures": {**pictures, "digest": str(digests[0])},
            "reference": {**reference, "digest": str(digests[1])},
        }

    def _batches(self, pairs: Iterable[Pair], digests: tuple[PixelDigest, PixelDigest]) -> Iterator[_Batch]:
        """Yield pairs, those of one shape that follow each other together."""
        batch = _Batch()
        for name, one, other in pairs:
            if one.shape != other.shape:
                raise RunFailed(
                    f"{self.name}: the two pictures of a pair must have one size and as many channels. "
                    f"Received: {name} of {_in_words(one)} and {_in_words(other)}",
                    hint="--resize N of `gantk evaluate` brings all pictures to N × N.",
                )
            if batch.first and (
                batch.first[0].shape != one.shape or len(batch.first) >= self.batch_pairs(one.shape[0] * one.shape[1])
            ):
                yield batch
                batch = _Batch()
            digests[0].add(one)
            digests[1].add(other)
            batch.names.append(name)
            batch.first.append(one)
            batch.second.append(other)
        if batch.first:
            yield batch


def _pairs_by_name(first: PictureSet, second: PictureSet) -> Iterator[Pair]:
    """Yield pictures of equal names that can be read."""
    there = set(second.names)
    for name in first.names:
        if name not in there:
            continue
        one, other = first.read(name), second.read(name)
        if one is not None and other is not None:
            yield name, one, other


def _in_words(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]} × {picture.shape[0]} pixels with {picture.shape[2]} channels"
