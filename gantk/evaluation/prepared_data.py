"""Prepared shards as a metric sees them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from gantk.errors import RunFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gantk.data import PreparedDataset


class PreparedEvaluationData:
    """The prepared data of a run, for metrics. Implements `gantk.EvaluationData`.

    Args:
        dataset: The prepared data.
        seed: Seed of everything random in the evaluation.
    """

    def __init__(self, dataset: PreparedDataset, seed: int) -> None:
        self._dataset = dataset
        self._seed = seed
        # Metrics ask for the same pictures for every candidate; a handful of arrays is kept decoded.
        self._cached = lru_cache(maxsize=8)(self._read)

    @property
    def seed(self) -> int:
        """Seed of everything random in the evaluation."""
        return self._seed

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        """Names of the fields that samples of a split and domain hold; empty where there are none."""
        if split not in self._dataset.splits or domain not in self._dataset.domains(split):
            return ()
        return tuple(self._dataset.fields(split, domain))

    def images(self, split: str, domain: str, field: str = "image", limit: int | None = None) -> NDArray[np.float32]:
        """Return images of one field in the order of the shards.

        Returns:
            float32 in [-1, 1], batch × height × width × channels; read-only.

        Raises:
            RunFailed: There are no such samples, or they differ in size.
        """
        if field not in self.fields(split, domain):
            raise RunFailed(
                f"The prepared data must hold the field {field!r} for domain {domain!r} of split {split!r}. "
                f"Received: {', '.join(self.fields(split, domain)) or 'no such samples'}",
                hint="Give the source such pictures (testA and testB beside trainA and trainB, say), or name another `split` "
                "in the metric's options: {type: cycle_error, split: train}.",
            )
        return self._cached(split, domain, field, limit)

    def _read(self, split: str, domain: str, field: str, limit: int | None) -> NDArray[np.float32]:
        records = self._dataset.records(split, domain)
        count = len(records) if limit is None else min(limit, len(records))
        pictures = [np.asarray(records[index][field]) for index in range(count)]
        shapes = sorted({picture.shape for picture in pictures})
        if len(shapes) != 1:
            raise RunFailed(
                f"Pictures of one size are needed to evaluate {split}/{domain}. Received: {shapes[:4]}",
                hint="Add a resize to the transforms of the prepare stage.",
            )
        images = np.stack(pictures).astype(np.float32) / np.float32(127.5) - np.float32(1)
        images.setflags(write=False)
        return images
