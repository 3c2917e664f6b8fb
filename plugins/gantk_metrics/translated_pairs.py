"""Translations beside the truth, made a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed, Translator
from gantk_metrics.picture_levels import to_levels
from gantk_metrics.picture_rows import picture_rows

BATCH_PIXELS = 1 << 20
"""Pixels of one batch of results: bounds the memory of the networks, and of the float64 maps of a metric."""

_LARGEST_IN_ROWS = 512
"""Pixels of the longest side of pictures that are laid out in rows; larger ones would lose their detail on a page."""

Pair = tuple[str, NDArray[np.uint8], NDArray[np.uint8]]
"""A name and two pictures, uint8, height × width × channels."""


class NotFiniteError(Exception):
    """A translation holds values that are not finite."""

    def __init__(self) -> None:
        super().__init__("the translations hold values that are not finite")


class TranslatedPairs:
    """The translation of each sample and its truth, in 8-bit levels; samples of one size that follow each other as a batch.

    When they have been walked through, `rows` is a picture of the first ones: input, output, truth; uint8, or None where
    the channels of input and output differ, or the pictures are large.

    Args:
        metric: Who asks, for error messages.
        translator: What is measured.
        direction: Which way it translates.
        samples: Aligned samples; `key` and the two fields of the direction.
    """

    def __init__(
        self, metric: str, translator: Translator, direction: str, samples: Sequence[Mapping[str, Any]]
    ) -> None:
        self._metric = metric
        self._translator = translator
        self._direction = direction
        self._source, self._target = direction.split("to")
        self._samples = samples
        self.rows: NDArray[np.uint8] | None = None

    def __iter__(self) -> Iterator[Pair]:
        """Yield `(key, translation, truth)`.

        Raises:
            RunFailed: A translation has another shape than the truth.
            NotFiniteError: A translation holds values that are not finite.
        """
        for number, batch in enumerate(self._batches()):
            inputs, truth = (np.stack([sample[side] for sample in batch]) for side in (self._source, self._target))
            outputs = self._translator(self._direction, inputs)
            if outputs.shape != truth.shape:
                raise RunFailed(
                    f"{self._metric}: translations must have the shape of the truth, {truth.shape}. "
                    f"Received: {outputs.shape} from {self._direction}"
                )
            if number == 0 and inputs.shape[-1] == truth.shape[-1] and max(truth.shape[1:3]) <= _LARGEST_IN_ROWS:
                self.rows = picture_rows(inputs, outputs, truth)
            if not np.all(np.isfinite(outputs)):
                raise NotFiniteError
            for sample, output, original in zip(batch, to_levels(outputs), to_levels(truth), strict=True):
                yield sample["key"], output, original

    def _batches(self) -> Iterator[list[Mapping[str, Any]]]:
        batch: list[Mapping[str, Any]] = []
        for sample in self._samples:
            if batch and (self._shapes(sample) != self._shapes(batch[0]) or len(batch) >= self._fitting(sample)):
                yield batch
                batch = []
            batch.append(sample)
        if batch:
            yield batch

    def _shapes(self, sample: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
        return sample[self._source].shape, sample[self._target].shape

    def _fitting(self, sample: Mapping[str, Any]) -> int:
        height, width = sample[self._target].shape[:2]
        return max(1, BATCH_PIXELS // (height * width))
