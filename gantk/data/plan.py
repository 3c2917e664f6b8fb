"""Cutting the items into units of work, and telling which of them are already done."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantk.data.fingerprint import canonical_json
from gantk.data.job import Job
from gantk.data.listing import Group, Row
from gantk.data.tfrecord import INDEX_SUFFIX

LEAST_UNIT_IMAGES = 64
"""Samples below which a unit is not divided further for the sake of more workers."""

WANTED_UNITS = 32
"""Units of one split and domain that keep many workers evenly busy, where there are enough samples. It must
not follow the number of workers, since shards must not."""


@dataclass(frozen=True)
class Unit:
    """One unit of work: some items of one split and domain, and the shard that they become.

    Args:
        name: Name of the shard and the report, without a suffix: deterministic, from content.
        split: `train`, `valid` or `test`.
        domain: As `Item.domain`.
        inputs: How many items it has.
    """

    name: str
    split: str
    domain: str
    inputs: int


def units_of(group: Group, unit_images: int, unit_bytes: int) -> int:
    """Return into how many units a group is cut."""
    return max(
        math.ceil(group.count / unit_images),
        math.ceil(group.size / unit_bytes),
        min(WANTED_UNITS, group.count // LEAST_UNIT_IMAGES),
        1,
    )


def cut(group: Group, units: int) -> Iterator[list[Row]]:
    """Cut the sorted items of a group into `units` runs of about equal weight, half by count and half by bytes.

    Each cut is moved, by at most an eighth of a unit, to the item there whose key has the smallest hash. A few
    new items then leave most cuts between the same neighbours, and a rerun has few units to do again.

    Yields:
        The items of one unit, in the order of their keys.
    """
    slack = 1 / (8 * units)
    rows: list[Row] = []
    position, next_cut = 0.0, 1
    best: tuple[int, int] | None = None  # the smallest hash near the next cut, and how many rows stand before the cut
    for row in group.sorted():
        rows.append(row)
        by_count = 1 / group.count
        position += (by_count + row[2] / group.size) / 2 if group.size else by_count
        target = next_cut / units
        if next_cut < units and position >= target - slack:
            mark = zlib.crc32(row[0].encode())
            if best is None or mark < best[0]:
                best = (mark, len(rows))
            if position >= target + slack - by_count:
                yield rows[: best[1]]
                rows = rows[best[1] :]
                best = None
                # One item can weigh more than a whole unit.
                next_cut = max(next_cut + 1, math.ceil((position - slack) * units))
    if rows:
        yield rows


def fingerprint_of(rows: list[Row], group: Group, content: str) -> str:
    """Return the hash of everything that decides what a unit's shard holds, 32 hexadecimal digits."""
    digest = hashlib.blake2b(canonical_json([content, group.split, group.domain]), digest_size=16)
    for key, stamp, size, _, _, label in rows:
        digest.update(f"{len(key)},{len(stamp)},{size}:{key}{stamp}".encode())
        if label:
            # No other item begins so: its length comes first.
            digest.update(f"#{len(label)}:{label}".encode())
    return digest.hexdigest()


def plan_units(job: Job, groups: list[Group], content: str) -> tuple[list[Unit], list[Unit]]:
    """Cut all groups, write the plans of the units that are to be run and the list of all units.

    Args:
        job: The job; its folders exist.
        groups: The items.
        content: The fingerprint of all that is not items (`content_fingerprint`).

    Returns:
        All units, and those still to be run, both in the order of the dataset.
    """
    units, pending = [], []
    with open(job.units, "w", encoding="utf-8") as listing:
        for group in groups:
            for rows in cut(group, units_of(group, job.options.unit_images, job.options.unit_bytes)):
                name = f"{group.split}-{group.domain}-{fingerprint_of(rows, group, content)}"
                unit = Unit(name, group.split, group.domain, len(rows))
                units.append(unit)
                listing.write(json.dumps([unit.name, unit.split, unit.domain, unit.inputs]) + "\n")
                if not is_done(job, unit):
                    pending.append(unit)
                    _write_plan(job.plans / f"{name}.jsonl", unit, rows)
    return units, pending


def _write_plan(path: Path, unit: Unit, rows: list[Row]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps([unit.name, unit.split, unit.domain, unit.inputs]) + "\n")
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_plan(path: Path) -> tuple[Unit, list[Row]]:
    """Read the plan of one unit."""
    with open(path, encoding="utf-8") as file:
        unit = Unit(*json.loads(next(file)))
        return unit, [json.loads(line) for line in file]


def read_units(job: Job) -> list[Unit]:
    """Read the list of all units, in the order of the dataset."""
    with open(job.units, encoding="utf-8") as file:
        return [Unit(*json.loads(line)) for line in file]


def read_report(job: Job, unit: Unit) -> dict[str, Any] | None:
    """Return the report of a unit; None where there is none that can be read."""
    try:
        report = json.loads((job.reports / f"{unit.name}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) else None


def is_done(job: Job, unit: Unit) -> bool:
    """Return whether a unit's report and shards are there and the shards and their indexes have the reported sizes."""
    report = read_report(job, unit)
    return report is not None and all(
        _is_whole(job.shards / part["shard"], part) for part in (report, *report.get("smaller", {}).values())
    )


def _is_whole(shard: Path, reported: Mapping[str, Any]) -> bool:
    try:
        return bool(
            shard.stat().st_size == reported["bytes"]
            and shard.with_name(shard.name + INDEX_SUFFIX).stat().st_size == reported["index_bytes"]
        )
    except OSError:
        return False
