"""Listing the items of a source in bounded memory: split, grouped and sorted on disk."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gantk.data.options import SPLITS
from gantk.errors import PluginError, RunFailed
from gantk.protocols import Item
from gantk.randomness import fraction_of

RUN_ITEMS = 25_000
"""Items of one group held in memory before they are sorted to disk; a group keeps some 10 MB."""

DOMAINS = ("A", "B", "AB", "image", "text")
DERIVED_FROM = "image"
"""Domain, to the source, of the items that `derive` makes pairs (domain `AB`) of."""

Row = list[Any]
"""An item within its group: key, stamp, size, group, locator, label."""


@dataclass
class Group:
    """The items of one split and domain.

    Args:
        split: `train`, `valid` or `test`.
        domain: As `Item.domain`.
        directory: Folder for sorted runs.
    """

    split: str
    domain: str
    directory: Path
    count: int = 0
    size: int = 0
    _rows: list[Row] = field(default_factory=list)
    _runs: list[Path] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Add an item."""
        self.count += 1
        self.size += row[2]
        self._rows.append(row)
        if len(self._rows) >= RUN_ITEMS:
            self._spill()

    def _spill(self) -> None:
        path = self.directory / f"{self.split}-{self.domain}-{len(self._runs):05d}.jsonl"
        self._rows.sort()
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in self._rows)
        self._runs.append(path)
        self._rows = []

    def sorted(self) -> Iterator[Row]:
        """Yield the items in the order of their keys.

        Raises:
            PluginError: Two items have the same key.
        """
        self._rows.sort()
        previous = None
        for row in heapq.merge(*(_read_run(path) for path in self._runs), self._rows):
            if row[0] == previous:
                raise PluginError(
                    f"a source must give every item another key. Received: {row[0]!r} twice in {self.split}/{self.domain}"
                )
            previous = row[0]
            yield row


def _read_run(path: Path) -> Iterator[Row]:
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def split_of(item: Item, splits: Mapping[str, float]) -> str:
    """Return the split of an item: its own, or one drawn by the hash of its group.

    Args:
        item: The item.
        splits: Shares by split; they add up to 1.
    """
    if item.split is not None:
        return item.split
    position = fraction_of("split", item.group or item.key)
    chosen = ""
    for name in SPLITS:
        share = splits.get(name, 0.0)
        position -= share
        if share > 0:
            chosen = name
            if position < 0:
                break
    return chosen


def list_items(items: Iterable[Item], splits: Mapping[str, float], directory: Path) -> list[Group]:
    """Sort the items of a source into groups of one split and domain.

    Args:
        items: As `Source.items` yields them.
        splits: Shares of the splits for items that have none.
        directory: Folder for temporary files; it exists.

    Returns:
        The groups, ordered by split and domain.

    Raises:
        PluginError: An item has an unknown domain or split, or a label where others have none.
        RunFailed: There is no item at all.
    """
    groups: dict[tuple[str, str], Group] = {}
    labelled: bool | None = None
    for item in items:
        if labelled is None:
            labelled = bool(item.label)
        _check_label(item, labelled)
        place = (split_of(item, splits), item.domain)
        group = groups.get(place)
        if group is None:
            if place[0] not in SPLITS or place[1] not in DOMAINS:
                raise PluginError(
                    f"a source's items must have a split of {SPLITS} or None and a domain of {DOMAINS}. Received: {item}"
                )
            group = groups[place] = Group(*place, directory)
        group.add([item.key, item.stamp, item.size, item.group, item.locator, item.label])
    if not groups:
        raise RunFailed(
            "the source holds no sample. Received: an empty list of items",
            hint="Check the source's path and patterns in the pipeline.",
        )
    return [groups[place] for place in sorted(groups, key=lambda place: (SPLITS.index(place[0]), place[1]))]


def _check_label(item: Item, labelled: bool) -> None:
    if bool(item.label) != labelled:
        raise PluginError(
            "a source must give a label to all of its items or to none. "
            f"Received: {'items without, and then one with' if item.label else 'items with, and then one without'}, {item}"
        )
    if labelled and item.domain in ("A", "B"):
        raise PluginError(f"labels are for samples that stand alone, not for unpaired ones. Received: {item}")


def as_pairs(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items of a source of single pictures as the pairs that are derived from them.

    Raises:
        PluginError: The source yields something else.
    """
    for item in items:
        if item.domain != DERIVED_FROM:
            raise PluginError(f"a source of single pictures must yield the domain {DERIVED_FROM!r}. Received: {item}")
        yield replace(item, domain="AB")


def item_of(row: Row, split: str, domain: str) -> Item:
    """Return the item that a row stands for."""
    key, stamp, size, group, locator, label = row
    return Item(key=key, domain=domain, split=split, group=group, size=size, stamp=stamp, locator=locator, label=label)
