"""Batches for training: an endless stream in which batch k depends on the seed and on k alone.

Each domain is a stream of its own: all its samples in a random order, then all again in another, for ever.
Batch k takes the samples k·n … k·n + n − 1 of each stream, so that a batch is never short, every sample is seen
equally often, and a domain smaller than the other (or than a batch) wraps around. An epoch is one pass over the
largest domain, rounded down to whole batches.

What is random about a sample depends on the seed, its position in the stream, its key and the transform.
Resuming at step k therefore needs no replay, and the number of threads changes nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import grain
import numpy as np
from numpy.typing import NDArray

from gantk.config.components import Component
from gantk.data.reader import PreparedDataset
from gantk.data.transforming import NamedTransforms, build_transforms, transformed_fields
from gantk.errors import ConfigError, PluginError, RunFailed
from gantk.randomness import generator_of, seed_of

STREAMS: dict[str, tuple[tuple[str, tuple[tuple[str, str], ...]], ...]] = {
    "unpaired": (("A", (("image", "A"),)), ("B", (("image", "B"),))),
    "aligned": (("AB", (("A", "A"), ("B", "B"))),),
    "single": (("image", (("image", "image"),)),),
    "text": (("text", (("text", "text"),)),),
}
"""By layout: the domains that are drawn from, and for each the fields of a sample and of the batch."""


LABEL = "label"
"""The field of a record and of a batch that tells the class."""


def steps_per_epoch(dataset: PreparedDataset, split: str, batch_size: int) -> int:
    """Return the batches of one pass over the largest domain, rounded down, but at least 1.

    Raises:
        RunFailed: A domain that the layout needs is empty.
    """
    return max(1, max(_counts(dataset, split)) // batch_size)


def training_batches(
    dataset: PreparedDataset,
    *,
    split: str = "train",
    batch_size: int,
    transforms: Sequence[Component] = (),
    field_transforms: Mapping[str, Sequence[Component]] = MappingProxyType({}),
    seed: int = 0,
    start_step: int = 0,
    resolution: int | None = None,
    threads: int | None = None,
) -> Iterator[dict[str, NDArray[Any]]]:
    """Return the endless stream of training batches, from batch `start_step` on.

    Args:
        dataset: The prepared dataset.
        split: The split to draw from.
        batch_size: Samples of each field in a batch.
        transforms: Done to every image each time it is drawn; alike to the fields of an aligned sample.
        field_transforms: By field of the batch, done before them to its images alone.
        seed: Seed of order and transforms.
        start_step: The first batch; any is reached at once.
        resolution: Of data with a pyramid, the side of the pictures; the others are not read. By default the largest. Which
            samples a batch holds, and what is random about them, is the same at each.
        threads: Threads that read, decode and transform ahead; by default 2. 0 works in the caller's own.

    Returns:
        An iterator of batches by field: `A` and `B` (unpaired: independent; aligned: of the same sample),
        `image`, or `text`; of data with classes also `label`, int32, the place of each sample's in `dataset.classes`. Images are float32, batch × height × width × channels; those that no transform has
        made float are scaled from [0, 255] to [-1, 1]. Texts are an array of str.

    Raises:
        RunFailed: A domain that the layout needs is empty, or the data was not prepared at the resolution; on reading, a
            damaged shard, or images of one batch that differ in size.
        ConfigError: `field_transforms` names no field of the batch.
        PluginError: A transform fails, or one of a single field changes the shape of its images.
    """
    batches = training_dataset(
        dataset,
        split=split,
        batch_size=batch_size,
        transforms=transforms,
        field_transforms=field_transforms,
        seed=seed,
        resolution=resolution,
    )
    ahead = 2 if threads is None else threads
    options = grain.ReadOptions(num_threads=ahead, prefetch_buffer_size=max(2 * ahead, 4) if ahead else 0)
    iterator: Iterator[dict[str, NDArray[Any]]] = iter(batches[start_step:].to_iter_dataset(options))
    return iterator


def training_dataset(
    dataset: PreparedDataset,
    *,
    split: str = "train",
    batch_size: int,
    transforms: Sequence[Component] = (),
    field_transforms: Mapping[str, Sequence[Component]] = MappingProxyType({}),
    seed: int = 0,
    resolution: int | None = None,
) -> Any:
    """Return the batches as a `grain.MapDataset`, endless, in which `[k]` is batch k. See `training_batches`."""
    if batch_size < 1:
        raise ValueError(f"a batch needs at least one sample. Received: batch_size={batch_size}")
    counts = _counts(dataset, split)
    built, own = build_transforms(transforms), _built_by_field(field_transforms, dataset)
    streams = []
    for (domain, names), count in zip(STREAMS[dataset.layout], counts, strict=True):
        records = dataset.records(split, domain, resolution)
        assert len(records) == count
        order = grain.MapDataset.source(records).seed(seed_of("order", seed, domain)).shuffle().repeat()
        streams.append(order.map_with_index(Sampler(domain, names, built, seed, own, dataset.classes)))
    joined = streams[0] if len(streams) == 1 else grain.experimental.ZipMapDataset(streams).map(_merged)
    return joined.batch(batch_size, drop_remainder=True, batch_fn=_stacked)


def batch_shapes(
    dataset: PreparedDataset,
    *,
    split: str = "train",
    transforms: Sequence[Component] = (),
    seed: int = 0,
    resolution: int | None = None,
) -> dict[str, tuple[int, ...]]:
    """Return the shape of one sample by batch field, without the batch: `{"A": (64, 64, 3), "B": (64, 64, 3)}`.

    It is found by transforming one sample of each domain, at one resolution of a pyramid as in `training_batches`. Labels
    are left out.

    Raises:
        RunFailed: A domain that the layout needs is empty, or the data was not prepared at the resolution.
        PluginError: A transform fails.
    """
    _counts(dataset, split)
    built = build_transforms(transforms)
    shapes: dict[str, tuple[int, ...]] = {}
    for domain, names in STREAMS[dataset.layout]:
        sample = Sampler(domain, names, built, seed)(0, dataset.records(split, domain, resolution)[0])
        shapes.update({name: np.shape(value) for name, value in sample.items()})
    return shapes


def _counts(dataset: PreparedDataset, split: str) -> list[int]:
    counts = {domain: dataset.count(split, domain) for domain, _ in STREAMS[dataset.layout]}
    empty = [domain for domain, count in counts.items() if count == 0]
    if empty:
        has = {
            name: {domain: dataset.count(name, domain) for domain in dataset.domains(name)} for name in dataset.splits
        }
        raise RunFailed(
            f"{dataset.directory}: training on the split {split!r} of {dataset.layout} data needs samples of "
            f"{' and '.join(counts)}. Received: none of {' and '.join(empty)}; there are {has}",
            hint="Check the source and the `splits` of the preparation.",
        )
    return list(counts.values())


def _built_by_field(
    field_transforms: Mapping[str, Sequence[Component]], dataset: PreparedDataset
) -> dict[str, NamedTransforms]:
    fields = [batch_name for _, names in STREAMS[dataset.layout] for _, batch_name in names]
    unknown = sorted(field_transforms.keys() - set(fields))
    if unknown:
        raise ConfigError(
            f"`field_transforms` names fields of a batch; of {dataset.layout} data these are {', '.join(fields)}.\n"
            f"Received: {', '.join(unknown)}"
        )
    return {name: build_transforms(transforms) for name, transforms in field_transforms.items()}


class Sampler:
    """Turns a record, at its position in the stream, into the fields of a batch."""

    def __init__(
        self,
        domain: str,
        names: Sequence[tuple[str, str]],
        transforms: NamedTransforms,
        seed: int,
        field_transforms: Mapping[str, NamedTransforms] = MappingProxyType({}),
        classes: Sequence[str] = (),
    ) -> None:
        self._domain = domain
        self._names = names
        self._transforms = transforms
        self._field_transforms = field_transforms
        self._seed = seed
        self._numbers = {name: np.int32(number) for number, name in enumerate(classes)}

    def __call__(self, index: int, record: Mapping[str, Any]) -> dict[str, Any]:
        values = {batch_name: record[name] for name, batch_name in self._names}
        images = {
            name: self._transformed_alone(name, value, int(index), record["key"])
            for name, value in values.items()
            if not isinstance(value, str)
        }
        images = self._applied(self._transforms, images, record["key"], (int(index), record["key"]))
        labels = {LABEL: self._numbers[record[LABEL]]} if self._numbers else {}
        return {**values, **{name: as_training_image(image) for name, image in images.items()}, **labels}

    def _transformed_alone(self, field: str, value: NDArray[Any], index: int, key: str) -> NDArray[Any]:
        own = self._field_transforms.get(field, ())
        if not own:
            return value
        result = self._applied(own, {field: value}, key, (index, key, "field", field))[field]
        if np.shape(result) != np.shape(value):
            raise PluginError(
                f"the transforms of the field {field!r} alone must keep the shape of its images, {np.shape(value)}. "
                f"Received: {np.shape(result)} of the sample {key!r}",
                hint="Put what changes the size among the `transforms` of all fields.",
            )
        return result

    def _applied(
        self, transforms: NamedTransforms, images: dict[str, NDArray[Any]], key: str, place: tuple[int | str, ...]
    ) -> dict[str, NDArray[Any]]:
        for position, (name, transform) in enumerate(transforms):
            generator = functools.partial(generator_of, "train", self._seed, self._domain, *place, position, name)
            try:
                images = transformed_fields(transform, images, generator)
            except Exception as error:
                raise PluginError(
                    f"transform {name!r} failed on the sample {key!r}. Received: {type(error).__name__}: {error}"
                ) from error
        return images


def as_training_image(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return an image as float32: uint8 scaled from [0, 255] to [-1, 1], floating point as it is."""
    if image.dtype == np.uint8:
        # In this order the difference is exact, and the result the float32 nearest to the true value.
        scaled: NDArray[np.float32] = np.subtract(image, np.float32(127.5), dtype=np.float32) / np.float32(127.5)
        return scaled
    if not np.issubdtype(image.dtype, np.floating):
        raise PluginError(f"a transform must return a uint8 or floating-point image. Received: {image.dtype}")
    return np.asarray(image, np.float32)


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _stacked(samples: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    batch = {}
    for name in samples[0]:
        values = [sample[name] for sample in samples]
        shapes = {np.shape(value) for value in values}
        if len(shapes) > 1:
            raise RunFailed(
                f"the images of a batch must be of one size. Received: the field {name!r} with {sorted(shapes)}",
                hint="Add `resize` or `crop` to the transforms of the preparation or of the training.",
            )
        batch[name] = np.asarray(values, np.str_) if isinstance(values[0], str) else np.stack(values)
    return batch
