"""Prepared shards as a metric sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, overload

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
        self._cached_labels = lru_cache(maxsize=8)(self._read_labels)

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
        self._require(split, domain, (field,))
        return self._cached(split, domain, field, limit)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels, in the order of their numbers; empty where the data has none."""
        return self._dataset.classes

    def labels(self, split: str, domain: str, limit: int | None = None) -> NDArray[np.int32]:
        """Return the number of each sample's class, its place in `classes`, in the order of `images`.

        Returns:
            int32, one dimension; read-only.

        Raises:
            RunFailed: The data has no classes, or no samples in the split and domain.
        """
        if not self.classes or not self._dataset.count(split, domain):
            raise RunFailed(
                f"The prepared data must have labels for domain {domain!r} of split {split!r}. "
                f"Received: {'no such samples' if self.classes else 'data without classes'}",
                hint="Give the source labels (`labels: folders` of a folder with a sub-folder for each class), or name another "
                "`split` in the metric's options.",
            )
        return self._cached_labels(split, domain, limit)

    def _read_labels(self, split: str, domain: str, limit: int | None) -> NDArray[np.int32]:
        # Records of the smallest resolution of a pyramid hold the same labels, and next to nothing else.
        records = self._dataset.records(split, domain, next(iter(self._dataset.resolutions), None))
        numbers = {name: number for number, name in enumerate(self.classes)}
        count = len(records) if limit is None else min(limit, len(records))
        labels = np.array([numbers[records.label(index)] for index in range(count)], np.int32)
        labels.setflags(write=False)
        return labels

    def samples(
        self, split: str, domain: str, fields: Sequence[str], limit: int | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return samples that are read one at a time, in the order of `images`; they may differ in size.

        Raises:
            RunFailed: There are no such samples.
        """
        self._require(split, domain, fields)
        records = self._dataset.records(split, domain)
        return _Samples(records, tuple(fields), len(records) if limit is None else min(limit, len(records)))

    def _require(self, split: str, domain: str, fields: Sequence[str]) -> None:
        there = self.fields(split, domain)
        for field in fields:
            if field not in there:
                raise RunFailed(
                    f"The prepared data must hold the field {field!r} for domain {domain!r} of split {split!r}. "
                    f"Received: {', '.join(there) or 'no such samples'}",
                    hint="Give the source such pictures (testA and testB beside trainA and trainB, say), or name another `split` "
                    "in the metric's options: {type: cycle_error, split: train}.",
                )

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
        images = _to_unit_range(np.stack(pictures))
        images.setflags(write=False)
        return images


class _Samples(Sequence[Mapping[str, Any]]):
    """Records with their images in [-1, 1], read anew at each access."""

    def __init__(self, records: Sequence[Mapping[str, Any]], fields: tuple[str, ...], count: int) -> None:
        self._records = records
        self._fields = fields
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(self._count))]
        record = self._records[range(self._count)[index]]
        images = {field: _to_unit_range(np.asarray(record[field])) for field in self._fields}
        return {"key": str(record["key"]), **images}


def _to_unit_range(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return levels.astype(np.float32) / np.float32(127.5) - np.float32(1)
