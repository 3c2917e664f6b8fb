"""One sample on its way from the source to its records: decode, transform, cut into patches, derive, halve, encode."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gantk.data.channels import with_channels
from gantk.data.decode import DecodeError, decode_image
from gantk.data.encode import PHOTOGRAPHS, encode_image, encoding_of
from gantk.data.example import encode_example
from gantk.data.moments import image_statistics, text_statistics
from gantk.data.options import PreparationOptions
from gantk.data.patches import detail_of, patch_key, patch_places
from gantk.data.pyramid import pyramid_problem, smaller_images, smaller_resolutions
from gantk.data.transforming import NamedTransforms, transformed_fields
from gantk.protocols import Item
from gantk.randomness import generator_of
from gantk.wording import counted

FIELDS = {"A": ("image",), "B": ("image",), "image": ("image",), "AB": ("A", "B"), "text": ("text",)}
"""The fields that samples of each domain must have; `AB` may have more."""


class RejectError(Exception):
    """A sample that cannot be prepared.

    Args:
        stage: `read`, `decode`, `transform`, `patches`, `pyramid` or `encode`.
        reason: Why, in a few words.
    """

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason


class Encoded(NamedTuple):
    """A record, and the statistics by field."""

    record: bytes
    statistics: dict[str, dict[str, Any]]


class Prepared(NamedTuple):
    """A sample as it is stored: whole and, with a pyramid, once more at each smaller resolution.

    Args:
        whole: At its own resolution.
        resolution: Its side in pixels; 0 without a pyramid.
        smaller: By resolution, from the larger to the smaller.
    """

    whole: Encoded
    resolution: int = 0
    smaller: Mapping[int, Encoded] = MappingProxyType({})

    @property
    def size(self) -> int:
        """Bytes of its records."""
        return len(self.whole.record) + sum(len(encoded.record) for encoded in self.smaller.values())


@dataclass(frozen=True)
class SampleEncoder:
    """Turns the fields of a sample into a record, or into one for each patch.

    Args:
        options: How images are decoded, cut and stored.
        transforms: Applied to every image.
        seed: Seed of the transforms.
        derive: By field of the record, what makes it out of the transformed field `image`, which is then left out;
            empty where the record has the fields that the source has read.
    """

    options: PreparationOptions
    transforms: NamedTransforms
    seed: int
    derive: Mapping[str, NamedTransforms] = field(default_factory=dict)

    def records(self, item: Item, fields: Mapping[str, Any]) -> Iterator[Prepared | None]:
        """Prepare one sample, or the patches that it is cut into.

        Only one patch is held at a time beside the decoded and transformed picture.

        Args:
            item: The sample; its split decides whether it is cut.
            fields: What the source has read, by field name.

        Yields:
            What `encode` returns, for the sample or for each patch, with what the pyramid adds to it; None for a patch that
            is left out, as it has less than the least detail.

        Raises:
            RejectError: As `encode`, also in the midst of the patches: those before are then void. Or the picture is
                too small for a patch, its fields differ in size, no patch has the detail, or there is no pyramid of it.
        """
        options = self.options.patches
        values = self._transformed_fields(item, fields)
        if options is None or item.split not in options.splits:
            yield self._prepared(item, item.key, values)
            return
        height, width = _common_size(values, "patches")
        places = patch_places(height, width, options)
        if not places and options.smaller == "keep":
            yield self._prepared(item, item.key, values)
            return
        if not places:
            raise RejectError("patches", f"{height} × {width} pixels, smaller than a patch of {options.size}")
        found = False
        for row, column in places:
            patch = {name: _cut(value, row, column, options.size) for name, value in values.items()}
            if options.minimum_detail > 0 and _detail(patch) < options.minimum_detail:
                yield None
                continue
            found = True
            yield self._prepared(item, patch_key(item.key, row, column), patch)
        if not found:
            raise RejectError(
                "patches",
                f"none of {counted(len(places), 'patch', 'patches')} has a detail of {options.minimum_detail:g}",
            )

    def encode(self, item: Item, fields: Mapping[str, Any]) -> Encoded:
        """Prepare one whole sample.

        Args:
            item: The sample.
            fields: What the source has read, by field name.

        Returns:
            A serialised `tf.train.Example` with the features `key`, `label` where the item has one, every field, and, for
            a field F that is an image, `F/height`, `F/width` and `F/channels`; and the statistics by field.

        Raises:
            RejectError: The sample cannot be decoded, transformed or encoded.
        """
        return self._record(item, item.key, self._derived(item.key, self._transformed_fields(item, fields)))

    def _prepared(self, item: Item, key: str, values: Mapping[str, NDArray[np.uint8] | str]) -> Prepared:
        """Return a sample, or a patch of one, with its pyramid where there is to be one."""
        values = self._derived(key, values)
        whole = self._record(item, key, values)
        if self.options.pyramid is None:
            return Prepared(whole)
        resolution, levels = _levels(values, self.options.pyramid.smallest)
        return Prepared(
            whole, resolution, {size: self._record(item, key, {**values, **level}) for size, level in levels.items()}
        )

    def _record(self, item: Item, key: str, values: Mapping[str, NDArray[np.uint8] | str]) -> Encoded:
        features: dict[str, bytes | int] = {"key": key.encode()}
        if item.label:
            if "label" in values:
                raise RejectError("read", "the field 'label' is taken by the label of the item")
            features["label"] = item.label.encode()
        statistics: dict[str, dict[str, Any]] = {}
        for name, value in sorted(values.items(), key=lambda pair: pair[0]):
            if isinstance(value, str):
                features[name] = value.encode()
                statistics[name] = text_statistics(value)
                continue
            encoding = encoding_of(name, self.options.encoding, value.shape[2])
            features[name] = self._encoded(value, encoding)
            for axis, length in zip(("height", "width", "channels"), value.shape, strict=True):
                features[f"{name}/{axis}"] = length
            statistics[name] = image_statistics(value, encoding)
        return Encoded(encode_example(features), statistics)

    def _transformed_fields(self, item: Item, fields: Mapping[str, Any]) -> dict[str, NDArray[np.uint8] | str]:
        """Return the source's fields by name, texts as they are, images decoded and transformed."""
        missing = [name for name in FIELDS[item.domain] if name not in fields]
        if missing:
            raise RejectError("read", f"the fields {missing} are missing; the sample has {sorted(fields)}")
        if taken := sorted(self.derive.keys() & fields.keys() - {"image"}):
            raise RejectError("read", f"the fields {taken} are to be derived and must not come from the source as well")
        texts = {name: value for name, value in fields.items() if isinstance(value, str)}
        images = {name: self._decoded(name, value) for name, value in fields.items() if name not in texts}
        return {**texts, **self._transformed(images, item.key, self.transforms)}

    def _derived(self, key: str, values: Mapping[str, NDArray[np.uint8] | str]) -> dict[str, NDArray[np.uint8] | str]:
        """Return the fields of the record, made out of the field `image` where any are to be derived."""
        if not self.derive:
            return dict(values)
        picture = values["image"]
        if isinstance(picture, str):
            raise RejectError("read", "the field 'image' must be a picture to derive others from. Received: text")
        prepared = {name: value for name, value in values.items() if name != "image"}
        for name, transforms in self.derive.items():
            prepared.update(self._transformed({name: picture}, key, transforms, first=len(self.transforms)))
        return prepared

    def _decoded(self, name: str, value: Any) -> NDArray[np.uint8]:
        if isinstance(value, bytes | bytearray | memoryview):
            try:
                image = decode_image(bytes(value), max_pixels=self.options.max_pixels)
            except DecodeError as error:
                raise RejectError("decode", str(error)) from error
        elif _is_image(value):
            image = value
        else:
            raise RejectError(
                "read",
                f"the field {name!r} must be bytes, text or a uint8 array of height × width × 1, 3 or 4. "
                f"Received: {_described(value)}",
            )
        channels = self.options.channels if name in PHOTOGRAPHS else None
        return with_channels(image, channels, self.options.background)

    def _transformed(
        self, images: dict[str, NDArray[np.uint8]], key: str, transforms: NamedTransforms, first: int = 0
    ) -> dict[str, NDArray[np.uint8]]:
        for position, (name, transform) in enumerate(transforms, start=first):
            # Made anew for every field, so that the fields of one sample are cropped and flipped alike.
            generator = functools.partial(generator_of, "prepare", self.seed, key, position, name)
            try:
                results = transformed_fields(transform, images, generator)
            except Exception as error:
                raise RejectError("transform", f"{name}: {type(error).__name__}: {error}") from error
            for result in results.values():
                if not _is_image(result):
                    raise RejectError("transform", f"{name}: must return a uint8 image. Received: {_described(result)}")
            images = results
        return images

    def _encoded(self, image: NDArray[np.uint8], encoding: str) -> bytes:
        try:
            return encode_image(
                image, encoding, jpeg_quality=self.options.jpeg_quality, png_level=self.options.png_level
            )
        except Exception as error:
            raise RejectError("encode", f"{encoding}: {type(error).__name__}: {error}") from error


def _common_size(values: Mapping[str, NDArray[np.uint8] | str], stage: str) -> tuple[int, int]:
    sizes = {name: value.shape[:2] for name, value in values.items() if not isinstance(value, str)}
    sample = "a sample that is cut" if stage == "patches" else "a sample with a pyramid"
    if len(set(sizes.values())) > 1:
        described = ", ".join(f"{name} {height} × {width}" for name, (height, width) in sorted(sizes.items()))
        raise RejectError(stage, f"the fields of {sample} must be of one size. Received: {described}")
    if not sizes:
        raise RejectError(stage, f"{sample} must have a picture. Received: texts {sorted(values)}")
    height, width = next(iter(sizes.values()))
    return height, width


def _levels(
    values: Mapping[str, NDArray[np.uint8] | str], smallest: int
) -> tuple[int, dict[int, dict[str, NDArray[np.uint8]]]]:
    """Return the side of a sample's pictures and, by smaller resolution, all of them at that."""
    side, _ = _common_size(values, "pyramid")
    images = {name: value for name, value in values.items() if not isinstance(value, str)}
    if problem := pyramid_problem(next(iter(images.values())), smallest):
        raise RejectError("pyramid", problem)
    levels: dict[int, dict[str, NDArray[np.uint8]]] = {size: {} for size in smaller_resolutions(side, smallest)}
    for name, image in images.items():
        for size, level in zip(levels, smaller_images(image, smallest), strict=True):
            levels[size][name] = level
    return side, levels


def _cut(value: NDArray[np.uint8] | str, row: int, column: int, size: int) -> NDArray[np.uint8] | str:
    if isinstance(value, str):
        return value
    return np.ascontiguousarray(value[row : row + size, column : column + size])


def _detail(patch: Mapping[str, NDArray[np.uint8] | str]) -> float:
    return max(detail_of(value) for name, value in patch.items() if name in PHOTOGRAPHS and not isinstance(value, str))


def _is_image(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.uint8
        and value.ndim == 3
        and value.shape[2] in (1, 3, 4)
        and value.size > 0
    )


def _described(value: Any) -> str:
    return f"{value.dtype} array of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
