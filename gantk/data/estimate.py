"""What a preparation will make, from listing its source and preparing a few samples of it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gantk.config.components import Component
from gantk.data.batches import STREAMS, Sampler
from gantk.data.labels import natural_order
from gantk.data.listing import DERIVED_FROM, split_of
from gantk.data.options import PreparationOptions
from gantk.data.preparation import IN_PROCESS_IMAGES, available_processors
from gantk.data.reader import decode_record
from gantk.data.sample import RejectError, SampleEncoder
from gantk.data.transforming import build_transforms
from gantk.errors import RunFailed
from gantk.protocols import Item

SAMPLES = 8
"""Samples of each split and domain that are prepared."""

START_SECONDS = 4.0
"""What starting worker processes and Beam takes."""


@dataclass(frozen=True)
class DataEstimate:
    """What is known of data that is not prepared yet.

    Args:
        counts: Samples by split and domain; rejects are not foreseen, patches are told from the pictures tried.
        complete: Whether the listing came to its end in its time; the counts are lower bounds otherwise.
        disk_bytes: Size of the shards.
        seconds: Time of the preparation.
        shapes: Shape of one sample by batch field, without the batch.
        tried: How many inputs were prepared.
        classes: Names of the labels that were listed; empty where the data has none.
    """

    counts: dict[str, dict[str, int]]
    complete: bool
    disk_bytes: int
    seconds: float
    shapes: dict[str, tuple[int, ...]]
    tried: int
    classes: tuple[str, ...] = ()


@dataclass
class _Group:
    """The items of a split and domain: how many, and some of them, each with the same chance."""

    count: int = 0
    chosen: list[Item] = field(default_factory=list)

    def add(self, item: Item, dice: random.Random) -> None:
        self.count += 1
        if len(self.chosen) < SAMPLES:
            self.chosen.append(item)
        elif (place := dice.randrange(self.count)) < SAMPLES:
            self.chosen[place] = item


def estimate_preparation(
    options: PreparationOptions,
    *,
    split: str = "train",
    transforms: Sequence[Component] = (),
    seed: int = 0,
    listing_seconds: float = 10.0,
) -> DataEstimate:
    """List a source, prepare a few of its samples, and work out the rest. Nothing is written.

    Args:
        options: How the data will be prepared.
        split: The split that will be trained on.
        transforms: Those of the training, for the shapes.
        seed: The pipeline's seed.
        listing_seconds: Stop listing after this long.

    Raises:
        RunFailed: The source would have to be downloaded first, has no samples for the training, or none of those
            tried can be prepared.
    """
    source = options.source.create()
    if not getattr(source, "is_ready", lambda: True)():
        raise RunFailed(
            f"The source {options.source.name!r} would have to be downloaded to be estimated.",
            hint="Run the pipeline with --until prepare first.",
        )
    groups, classes, complete = _listed(options, source.items(), listing_seconds)
    encoder = SampleEncoder(
        options,
        build_transforms(options.transforms),
        seed,
        {name: build_transforms(transforms) for name, transforms in (options.derive or {}).items()},
    )
    streams = dict(STREAMS[options.layout])
    built = build_transforms(transforms)
    shapes: dict[str, tuple[int, ...]] = {}
    counts: dict[str, dict[str, int]] = {}
    disk, seconds, tried = 0.0, 0.0, 0
    for (group_split, domain), group in sorted(groups.items()):
        items = [replace(item, split=group_split) for item in sorted(group.chosen, key=lambda item: item.key)]
        trial = _prepared(source, encoder, items)
        tried += trial.used
        counts.setdefault(group_split, {})[domain] = round(group.count * trial.samples / trial.used)
        disk += group.count * trial.size / trial.used
        seconds += group.count * trial.seconds / len(group.chosen)
        if group_split == split and domain in streams:
            sample = Sampler(domain, streams[domain], built, seed)(0, decode_record(trial.record, options.encoding))
            shapes.update({name: np.shape(value) for name, value in sample.items()})
    missing = [domain for domain in streams if (split, domain) not in groups]
    if missing and not complete:
        raise RunFailed(
            f"The source was listed for {listing_seconds:g} s, which was too short to come to samples of "
            f"{' and '.join(missing)} in the split {split!r}.\n"
            f"Received: {sum(group.count for group in groups.values())} others",
            hint="Run the pipeline with --until prepare first.",
        )
    if missing:
        raise RunFailed(
            f"Training on the split {split!r} needs samples of {' and '.join(streams)}.\n"
            f"Received: none of {' and '.join(missing)} in {sum(group.count for group in groups.values())} samples",
            hint="Check the source and the `splits` of the preparation.",
        )
    inputs = sum(group.count for group in groups.values())
    if inputs > IN_PROCESS_IMAGES or options.workers is not None:
        seconds = START_SECONDS + seconds / (options.workers or available_processors())
    return DataEstimate(counts, complete, round(disk), seconds, shapes, tried, classes)


def steps_of(estimate: DataEstimate, split: str, batch_size: int) -> int:
    """Return the batches of one pass over the largest domain of a split, as `steps_per_epoch` of prepared data."""
    return max(1, max(estimate.counts[split].values()) // batch_size)


def _listed(
    options: PreparationOptions, items: Any, listing_seconds: float
) -> tuple[dict[tuple[str, str], _Group], tuple[str, ...], bool]:
    groups: dict[tuple[str, str], _Group] = {}
    labels: set[str] = set()
    complete = True
    dice = random.Random(0)
    began = time.monotonic()
    for item in items:
        domain = "AB" if options.derive is not None and item.domain == DERIVED_FROM else item.domain
        groups.setdefault((split_of(item, options.splits), domain), _Group()).add(item, dice)
        if item.label:
            labels.add(item.label)
        if time.monotonic() - began > listing_seconds:
            complete = False
            break
    if not groups:
        raise RunFailed(
            "the source holds no sample. Received: an empty list of items",
            hint="Check the source's path and patterns in the pipeline.",
        )
    return groups, tuple(natural_order(labels)), complete


@dataclass
class _Trial:
    """A few inputs that were prepared: how many were of use, what they became, and how long all of them took."""

    used: int = 0
    samples: int = 0
    size: int = 0
    seconds: float = 0.0
    record: bytes = b""


def _prepared(source: Any, encoder: SampleEncoder, items: Sequence[Item]) -> _Trial:
    """Read and prepare inputs; only the first of the records is kept."""
    trial = _Trial()
    problem = ""
    began = time.perf_counter()
    for item, fields in source.read(items):
        try:
            if isinstance(fields, Exception):
                raise RejectError("read", f"{type(fields).__name__}: {fields}")
            samples, size = 0, 0
            for prepared in encoder.records(item, fields):
                if prepared is not None:
                    trial.record = trial.record or prepared.whole.record
                    samples, size = samples + 1, size + prepared.size
        except RejectError as error:
            problem = f"{item.key}: {error}"
            continue
        trial.used, trial.samples, trial.size = trial.used + 1, trial.samples + samples, trial.size + size
    if not trial.used:
        raise RunFailed(f"None of {len(items)} samples that were tried can be prepared.\nReceived: {problem}")
    trial.seconds = time.perf_counter() - began
    return trial
