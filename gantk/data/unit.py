"""Running one unit of work: from its plan to its shards, their indexes and, last of all, its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gantk.atomic_files import write_bytes
from gantk.data.fingerprint import canonical_json
from gantk.data.job import Job
from gantk.data.listing import DERIVED_FROM, item_of
from gantk.data.plan import Unit, is_done, read_plan
from gantk.data.sample import RejectError, SampleEncoder
from gantk.data.transforming import build_transforms
from gantk.data.unit_shards import UnitShards
from gantk.errors import GantkError, PluginError, RunFailed
from gantk.protocols import Item, Source


@dataclass
class _Tally:
    """What has become of a unit's inputs.

    Args:
        used: Inputs that became a sample or several.
        left_out: Patches without the least detail.
        rejects: Key, stage and reason of every other input.
        labels: Samples by label; empty where the inputs have none.
    """

    used: int = 0
    left_out: int = 0
    rejects: list[dict[str, str]] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)


class UnitRunner:
    """Runs units of one job; built once in each worker.

    Args:
        job: The job.

    Raises:
        PluginError: The source or a transform cannot be built.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._source: Source = job.options.source.create()
        derive = {name: build_transforms(transforms) for name, transforms in (job.options.derive or {}).items()}
        self._encoder = SampleEncoder(job.options, build_transforms(job.options.transforms), job.seed, derive)

    def run(self, name: str) -> None:
        """Run the unit of this name, unless it is done, as where a runner tries a finished one again.

        Raises:
            PluginError: The source does not yield the items it was asked for.
            RunFailed: The disk is full, or the source breaks off.
        """
        unit, rows = read_plan(self._job.plans / f"{name}.jsonl")
        if is_done(self._job, unit):
            return
        domain = unit.domain if self._job.options.derive is None else DERIVED_FROM
        items = [item_of(row, unit.split, domain) for row in rows]
        tally = _Tally()
        with UnitShards(self._job.shards, unit.name) as shards:
            for item, fields in self._read(items):
                try:
                    if isinstance(fields, Exception):
                        raise RejectError("read", _reason(fields))
                    self._write(shards, item, fields, tally)
                except RejectError as error:
                    tally.rejects.append({"key": item.key, "stage": error.stage, "reason": error.reason})
        self._report(unit, shards, tally)

    def _write(self, shards: UnitShards, item: Item, fields: Mapping[str, Any], tally: _Tally) -> None:
        """Write the records of one input: each as it is made, since all patches of a photograph can be large.

        Raises:
            RejectError: The input cannot be prepared; none of its records is then in a shard.
            RunFailed: It has a pyramid, and its pictures another size than those before.
        """
        before = shards.count
        left_out = 0
        try:
            for prepared in self._encoder.records(item, fields):
                if prepared is None:
                    left_out += 1
                else:
                    shards.write(item.key, prepared)
        except RejectError:
            shards.take_back()
            raise
        shards.keep()
        tally.used += 1
        tally.left_out += left_out
        if item.label:
            tally.labels[item.label] += shards.count - before

    def _read(self, items: Sequence[Item]) -> Iterator[tuple[Item, Mapping[str, Any] | Exception]]:
        source = self._job.options.source.name
        expected = iter(items)
        try:
            for item, fields in self._source.read(items):
                wanted = next(expected, None)
                if wanted is None or wanted.key != item.key:
                    raise PluginError(
                        f"source {source!r} must yield the items it was asked for, in their order: expected "
                        f"{wanted.key if wanted else 'no more'!r}. Received: {item.key!r}"
                    )
                yield wanted, fields
        except (GantkError, OSError, MemoryError):
            raise
        except Exception as error:
            raise RunFailed(
                f"source {source!r} broke off while reading. Received: {type(error).__name__}: {error}",
                hint="A source should yield an item's error beside the item, so that the others are read.",
            ) from error
        left = next(expected, None)
        if left is not None:
            raise PluginError(
                f"source {source!r} must yield every item it was asked for. Received: an end before {left.key!r}"
            )

    def _report(self, unit: Unit, shards: UnitShards, tally: _Tally) -> None:
        report = {
            "unit": unit.name,
            "split": unit.split,
            "domain": unit.domain,
            "inputs": unit.inputs,
            "used": tally.used,
            "samples": shards.count,
            "left_out": tally.left_out,
            "rejects": tally.rejects,
            "labels": tally.labels,
            **shards.facts(),
        }
        write_bytes(self._job.reports / f"{unit.name}.json", canonical_json(report) + b"\n")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
