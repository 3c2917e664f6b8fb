"""What all metrics of pairs share: who is compared with whom, in batches, and the protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, MetricResult, PictureSet, RunFailed, Translator
from gantk_metrics.options import PairOptions
from gantk_metrics.picture_levels import LEVELS, LevelPictures, PixelDigest, to_levels
from gantk_metrics.picture_rows import picture_rows

Chosen = TypeVar("Chosen", bound=PairOptions)

_BATCH_PIXELS = 1 << 20
"""Pixels of one batch where a metric does not say how many pairs it takes: bounds the memory of float64 maps."""


@dataclass
class _Batch:
    first: list[NDArray[np.uint8]] = field(default_factory=list)
    second: list[NDArray[np.uint8]] = field(default_factory=list)


class PairedMetric(ABC, Generic[Chosen]):
    """A mean over pairs of pictures of the same shape.

    A subclass computes `scores` of a batch. `evaluate` compares the translations of aligned samples with the truth;
    `compare` takes two sets of pictures by equal names.
    """

    name: ClassVar[str]
    unit: ClassVar[str] = ""
    better: ClassVar[str]

    def __init__(self, options: Chosen) -> None:
        self.options = options

    @abstractmethod
    def scores(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return one score a pair, float64, of uint8 batches of one shape, batch × height × width × channels."""

    def protocol(self) -> Mapping[str, Any]:
        """Say how the score is defined, beside what `compare` says of the pictures."""
        return {}

    def batch_pairs(self, pixels: int) -> int:
        """Return how many pairs of so many pixels each are compared at once."""
        return max(1, _BATCH_PIXELS // pixels)

    def prepare(self, data: EvaluationData) -> None:
        """Nothing is shared between candidates."""

    def evaluate(self, translator: Translator, data: EvaluationData) -> MetricResult:
        """Measure every direction on aligned samples; NaN where a translation is not finite."""
        split, limit = self.options.split, self.options.limit
        values: dict[str, float] = {}
        protocols: dict[str, Any] = {}
        pictures: dict[str, Any] = {}
        for direction in translator.directions:
            source, target = direction.split("to")
            inputs, truth = (data.images(split, "AB", domain, limit=limit) for domain in (source, target))
            outputs = translator(direction, inputs)
            if outputs.shape != truth.shape:
                raise RunFailed(
                    f"{self.name}: translations must have the shape of the truth, {truth.shape}. "
                    f"Received: {outputs.shape} from {direction}"
                )
            if inputs.shape[-1] == truth.shape[-1]:
                pictures[f"{direction}: input, output, truth"] = picture_rows(inputs, outputs, truth)
            value = f"{self.name}_{source}_to_{target}".lower()
            if not np.all(np.isfinite(outputs)):
                values[value] = float("nan")
                protocols[direction] = {"not_finite": "the translations hold values that are not finite"}
                continue
            place = {"split": split, "domain": "AB", "field": target}
            result = self.compare(
                LevelPictures(to_levels(outputs), {"translated": {**place, "field": source}, "direction": direction}),
                LevelPictures(to_levels(truth), place),
            )
            values[value] = result.values[self.name]
            protocols[direction] = result.protocol
        return MetricResult(
            values=values,
            units=dict.fromkeys(values, self.unit) if self.unit else {},
            better=dict.fromkeys(values, self.better),
            protocol=protocols,
            pictures=pictures,
        )

    def compare(self, first: PictureSet, second: PictureSet) -> MetricResult:
        """Compare pictures with those of the same names.

        Raises:
            RunFailed: No pair can be read, or the two pictures of a pair differ in size.
        """
        digests = PixelDigest(), PixelDigest()
        scores = [
            self.scores(np.stack(batch.first), np.stack(batch.second))
            for batch in self._batches(first, second, digests)
        ]
        if not scores:
            raise RunFailed(f"{self.name}: at least one pair of pictures that can be read is needed. Received: none")
        joined = np.concatenate(scores)
        return MetricResult(
            values={self.name: float(joined.mean())},
            units={self.name: self.unit} if self.unit else {},
            better={self.name: self.better},
            protocol={
                **self.protocol(),
                "pairs": len(joined),
                "value": "mean over pairs",
                "range": LEVELS,
                "pictures": {**first.description, "digest": str(digests[0])},
                "reference": {**second.description, "digest": str(digests[1])},
            },
        )

    def _batches(
        self, first: PictureSet, second: PictureSet, digests: tuple[PixelDigest, PixelDigest]
    ) -> Iterator[_Batch]:
        """Yield pairs that can be read, those of one shape that follow each other together."""
        batch = _Batch()
        there = set(second.names)
        for name in first.names:
            if name not in there:
                continue
            one, other = first.read(name), second.read(name)
            if one is None or other is None:
                continue
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
            batch.first.append(one)
            batch.second.append(other)
        if batch.first:
            yield batch


def _in_words(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]} × {picture.shape[0]} pixels with {picture.shape[2]} channels"
