"""The shards of one unit of work: one, or one for each resolution of a pyramid, all with the same samples in one order."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from gantk.atomic_files import atomic_file, write_bytes
from gantk.data.moments import joined
from gantk.data.pyramid import sizes_differ
from gantk.data.sample import Encoded, Prepared
from gantk.data.tfrecord import INDEX_SUFFIX, Mark, ShardWriter

SHARD_SUFFIX = ".tfrecord"

Statistics = dict[str, dict[str, Any]]
"""By field, as `gantk.data.moments` makes them."""


@dataclass
class _Shard:
    """A shard that is being written.

    Args:
        path: The file.
        writer: Its writer.
        mark: Its end after the last input that was kept.
        kept: Statistics up to there.
        fresh: Statistics of what was written after it.
    """

    path: Path
    writer: ShardWriter
    mark: Mark
    kept: Statistics = field(default_factory=dict)
    fresh: Statistics = field(default_factory=dict)
    index_bytes: int = 0

    def write(self, encoded: Encoded) -> None:
        self.writer.write(encoded.record)
        _add(self.fresh, encoded.statistics)

    def keep(self) -> None:
        _add(self.kept, self.fresh)
        self.fresh, self.mark = {}, self.writer.mark()

    def take_back(self) -> None:
        self.writer.roll_back(self.mark)
        self.fresh = {}

    def write_index(self) -> None:
        index = self.writer.index()
        write_bytes(self.path.with_name(self.path.name + INDEX_SUFFIX), index)
        self.index_bytes = len(index)

    def facts(self) -> dict[str, Any]:
        return {
            "shard": self.path.name,
            "bytes": self.writer.size,
            "sha256": self.writer.sha256,
            "index_bytes": self.index_bytes,
            "fields": self.kept,
        }


class UnitShards:
    """Writes the samples of a unit. A context manager: the files appear when its block ends well, then their indexes.

    The samples of an input are written one by one, and then kept or taken back together. The shards of the smaller
    resolutions are opened with the first sample, which tells how many there are.

    Args:
        directory: Folder of the shards.
        name: The unit's name. Its shard is `NAME.tfrecord`, and that of a smaller resolution `NAME.8.tfrecord`.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._files = ExitStack()
        self._resolution: int | None = None
        self._smaller: dict[int, _Shard] = {}

    def __enter__(self) -> UnitShards:
        self._whole = self._open(f"{self._name}{SHARD_SUFFIX}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, error, traceback)
        if error is None:
            for shard in self._all():
                shard.write_index()

    def _open(self, name: str) -> _Shard:
        path = self._directory / name
        writer = ShardWriter(self._files.enter_context(atomic_file(path)))
        return _Shard(path, writer, writer.mark())

    def _all(self) -> list[_Shard]:
        return [self._whole, *self._smaller.values()]

    @property
    def count(self) -> int:
        """Samples written so far."""
        return self._whole.writer.count

    def write(self, key: str, prepared: Prepared) -> None:
        """Write a sample.

        Args:
            key: The key of its input, for messages.
            prepared: The sample.

        Raises:
            RunFailed: It has a pyramid, and its pictures another size than those before.
        """
        if self._resolution is None:
            self._resolution = prepared.resolution
            self._smaller = {
                resolution: self._open(f"{self._name}.{resolution}{SHARD_SUFFIX}") for resolution in prepared.smaller
            }
        if prepared.resolution != self._resolution:
            raise sizes_differ(f"{prepared.resolution}² of {key!r}, after pictures of {self._resolution}²")
        self._whole.write(prepared.whole)
        for resolution, encoded in prepared.smaller.items():
            self._smaller[resolution].write(encoded)

    def keep(self) -> None:
        """Let the samples of an input stay."""
        for shard in self._all():
            shard.keep()

    def take_back(self) -> None:
        """Take the samples of an input out again: all that were written since others were kept."""
        for shard in self._all():
            shard.take_back()

    def facts(self) -> dict[str, Any]:
        """Return what the report says of the files and of what is in them, after the block has ended."""
        facts = self._whole.facts()
        if self._resolution:
            facts["resolution"] = self._resolution
            facts["smaller"] = {str(resolution): shard.facts() for resolution, shard in self._smaller.items()}
        return facts


def _add(statistics: Statistics, parts: Mapping[str, dict[str, Any]]) -> None:
    for name, part in parts.items():
        statistics[name] = joined([statistics[name], part]) if name in statistics else part
