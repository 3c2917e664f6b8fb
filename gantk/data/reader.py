"""Reading a prepared dataset: what it holds, and each of its samples by position."""

from __future__ import annotations

import bisect
import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk.data.encode import decode_stored, encoding_of
from gantk.data.example import decode_example
from gantk.data.manifest import read_manifest, shards_of
from gantk.data.tfrecord import INDEX_SUFFIX, read_index, read_record
from gantk.errors import RunFailed
from gantk.specs import Layout


class Records(Sequence[dict[str, Any]]):
    """The samples of one split and domain, in the order of their inputs' keys, read on demand from any thread.

    The patches of a picture follow each other row by row. `records[i]` is `{"key": str, field: value}`, where a value is an
    image (uint8, height × width × channels) or a text (str); data with classes also has `label`, the name of the sample's.

    Args:
        directory: Folder of the shards.
        part: The manifest's entry of this split and domain.
        encoding: The manifest's encoding.
        resolution: The smaller resolution of a pyramid that is read; None for the samples themselves.
    """

    def __init__(self, directory: Path, part: Mapping[str, Any], encoding: str, resolution: int | None = None) -> None:
        # A unit whose inputs were all rejected has shards without samples, and may have none of a smaller resolution.
        shards = [shard for shard in part["shards"] if shard["count"]]
        named = shards if resolution is None else [shard["smaller"][str(resolution)] for shard in shards]
        self._shards = [
            (directory / own["name"], int(shard["count"])) for own, shard in zip(named, shards, strict=True)
        ]
        self._encoding = encoding
        self._ends = np.cumsum([count for _, count in self._shards]).tolist()
        self._indexes: dict[int, NDArray[np.uint64]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self[index] for index in range(*position.indices(len(self)))]
        return self._decoded(int(position), self._encoding)

    def label(self, position: int) -> str:
        """Return the name of a sample's class; its images are read but not decoded.

        Raises:
            RunFailed: The data has no classes, or the shard is damaged.
        """
        label: str | None = self._decoded(position, None).get("label")
        if label is None:
            raise RunFailed(
                "labels were asked for. Received: prepared data without classes",
                hint="Give the source labels: `labels: folders` of a folder with a sub-folder for each class.",
            )
        return label

    def _decoded(self, index: int, encoding: str | None) -> dict[str, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"a sample from 0 to {len(self) - 1}. Received: {index}")
        index %= len(self)
        shard = bisect.bisect_right(self._ends, index)
        path, count = self._shards[shard]
        offsets = self._index(shard)
        row = index - self._ends[shard] + count
        record = read_record(path, int(offsets[row]), int(offsets[row + 1]))
        try:
            return decode_record(record, encoding)
        except (KeyError, ValueError, OSError) as error:
            raise RunFailed(f"{path}: expected a record of this dataset. Received: {error}") from error

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    def _index(self, shard: int) -> NDArray[np.uint64]:
        offsets = self._indexes.get(shard)
        if offsets is None:
            path, count = self._shards[shard]
            offsets = read_index(path)
            if len(offsets) != count + 1:
                raise RunFailed(
                    f"{path}{INDEX_SUFFIX}: expected {count} records, as the manifest says. Received: {len(offsets) - 1}",
                    hint="Delete the dataset's folder and prepare it again.",
                )
            with self._lock:
                self._indexes[shard] = offsets
        return offsets


def decode_record(record: bytes, encoding: str | None) -> dict[str, Any]:
    """Return the sample that a record holds: its key, label, images (uint8, height × width × channels) and texts.

    Args:
        record: A serialised `tf.train.Example`, as `SampleEncoder.encode` makes it.
        encoding: The `encoding` of the preparation; None leaves the images out.

    Raises:
        KeyError, ValueError, OSError: The record is of another kind, or damaged.
    """
    features = decode_example(record)
    sample: dict[str, Any] = {"key": _bytes(features["key"]).decode()}
    for name, value in features.items():
        if name == "key" or not isinstance(value, bytes):
            continue
        if f"{name}/height" not in features:
            sample[name] = value.decode()
            continue
        if encoding is None:
            continue
        height, width, channels = (int(features[f"{name}/{axis}"]) for axis in ("height", "width", "channels"))
        sample[name] = decode_stored(value, encoding_of(name, encoding, channels), (height, width, channels))
    return sample


def _bytes(value: bytes | int) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError(f"bytes. Received: {value}")
    return value


@dataclass(frozen=True)
class PreparedDataset:
    """A folder that `gantk data prepare` or a `prepare` stage has written.

    Args:
        directory: The folder.
        manifest: Its manifest, as plain values.

    Example:
        ```python
        dataset = PreparedDataset.open("runs/horse2zebra/prepare")
        dataset.records("train", "A")[0]["image"]  # uint8, height × width × 3
        ```
    """

    directory: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, directory: Path | str) -> PreparedDataset:
        """Open a prepared dataset.

        Raises:
            RunFailed: The folder holds none, or one of another format.
        """
        directory = Path(directory)
        return cls(directory, read_manifest(directory))

    @property
    def layout(self) -> Layout:
        """How its samples hang together: `unpaired`, `aligned`, `single` or `text`."""
        layout: Layout = self.manifest["layout"]
        return layout

    @property
    def digest(self) -> str:
        """A hash of its content, 32 hexadecimal digits."""
        return str(self.manifest["digest"])

    @property
    def domain_names(self) -> Mapping[str, str]:
        """Names a person knows the domains by, such as `{"A": "horse"}`; a domain without one is missing."""
        return dict(self.manifest["domain_names"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels, in the order of their numbers: `2` before `10`; empty where the data has none."""
        return tuple(self.manifest.get("classes", ()))

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Sides of the pictures of a pyramid, from the smallest; empty where the data was prepared without `pyramid`."""
        return tuple(self.manifest.get("resolutions", ()))

    @property
    def splits(self) -> tuple[str, ...]:
        """Its splits, of `train`, `valid` and `test`, that hold samples."""
        return tuple(split for split in self.manifest["splits"] if self.domains(split))

    def domains(self, split: str) -> tuple[str, ...]:
        """Return the domains of a split that hold samples; empty for a split that it does not have."""
        parts = self.manifest["splits"].get(split, {})
        return tuple(domain for domain, part in parts.items() if part["count"] > 0)

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        """Return the names of the fields that samples of a split and domain hold; empty where there are none."""
        return tuple(self._part(split, domain).get("fields", ()))

    def count(self, split: str, domain: str) -> int:
        """Return how many samples a split and domain holds; 0 where it has none."""
        return int(self._part(split, domain).get("count", 0))

    def records(self, split: str, domain: str, resolution: int | None = None) -> Records:
        """Return the samples of a split and domain, in a fixed order; of length 0 where there are none.

        Args:
            split: The split.
            domain: The domain.
            resolution: One of `resolutions`, whose bytes alone are then read; by default the largest. The samples and
                their order are the same at each.

        Raises:
            RunFailed: The data was not prepared at that resolution.
        """
        if resolution is not None and resolution not in self.resolutions:
            raise RunFailed(
                f"{self.directory}: the pictures must be prepared at the resolution {resolution}. "
                f"Received: {', '.join(map(str, self.resolutions)) or 'data without a pyramid of resolutions'}",
                hint="Set `pyramid: {smallest: 4}` of the preparation, and a transform that makes the pictures large enough.",
            )
        part = self._part(split, domain) or {"shards": []}
        smaller = resolution if self.resolutions and resolution != self.resolutions[-1] else None
        return Records(self.directory / "shards", part, self.manifest["encoding"], smaller)

    def _part(self, split: str, domain: str) -> Mapping[str, Any]:
        part: Mapping[str, Any] = self.manifest["splits"].get(split, {}).get(domain, {})
        return part

    def damaged_shards(self) -> Iterator[tuple[str, str]]:
        """Read every shard and yield `(name, what is wrong)` for those that differ from the manifest."""
        for shard in shards_of(self.manifest):
            if reason := self._damage(shard):
                yield shard["name"], reason

    def _damage(self, shard: Mapping[str, Any]) -> str:
        path = self.directory / "shards" / shard["name"]
        try:
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            offsets = read_index(path)
        except (OSError, RunFailed) as error:
            return str(error)
        if found != shard["sha256"]:
            return f"expected SHA-256 {shard['sha256']}. Received: {found}"
        if len(offsets) != shard["count"] + 1 or int(offsets[-1]) != shard["bytes"]:
            return f"its index does not fit: {len(offsets) - 1} records, {int(offsets[-1])} bytes"
        return ""
