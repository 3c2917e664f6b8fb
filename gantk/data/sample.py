"""One sample on its way from the source to its record: decode, transform, encode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk.data.channels import with_channels
from gantk.data.decode import DecodeError, decode_image
from gantk.data.encode import PHOTOGRAPHS, encode_image, encoding_of
from gantk.data.example import encode_example
from gantk.data.moments import image_statistics, text_statistics
from gantk.data.options import PreparationOptions
from gantk.data.randomness import generator_of
from gantk.protocols import Item, Transform

FIELDS = {"A": ("image",), "B": ("image",), "image": ("image",), "AB": ("A", "B"), "text": ("text",)}
"""The fields that samples of each domain must have; `AB` may have more."""


class RejectError(Exception):
    """A sample that cannot be prepared.

    Args:
        stage: `read`, `decode`, `transform` or `encode`.
        reason: Why, in a few words.
    """

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason


NamedTransforms = Sequence[tuple[str, Transform]]
"""Name and transform, in the order in which they are applied."""


@dataclass(frozen=True)
class SampleEncoder:
    """Turns the fields of a sample into a record.

    Args:
        options: How images are decoded and stored.
        transforms: Applied to every image.
        seed: Seed of the transforms.
        derive: By field of the record, what makes it out of the transformed field `image`, which is then left out;
            empty where the record has the fields that the source has read.
    """

    options: PreparationOptions
    transforms: NamedTransforms
    seed: int
    derive: Mapping[str, NamedTransforms] = field(default_factory=dict)

    def encode(self, item: Item, fields: Mapping[str, Any]) -> tuple[bytes, dict[str, dict[str, Any]]]:
        """Prepare one sample.

        Args:
            item: The sample.
            fields: What the source has read, by field name.

        Returns:
            A serialised `tf.train.Example` with the features `key`, every field, and, for a field F that is
            an image, `F/height`, `F/width` and `F/channels`; and the statistics by field.

        Raises:
            RejectError: The sample cannot be decoded, transformed or encoded.
        """
        missing = [name for name in FIELDS[item.domain] if name not in fields]
        if missing:
            raise RejectError("read", f"the fields {missing} are missing; the sample has {sorted(fields)}")
        features: dict[str, bytes | int] = {"key": item.key.encode()}
        statistics: dict[str, dict[str, Any]] = {}
        for name, value in self._prepared(item.key, fields):
            if isinstance(value, str):
                features[name] = value.encode()
                statistics[name] = text_statistics(value)
                continue
            encoding = encoding_of(name, self.options.encoding, value.shape[2])
            features[name] = self._encoded(value, encoding)
            for axis, length in zip(("height", "width", "channels"), value.shape, strict=True):
                features[f"{name}/{axis}"] = length
            statistics[name] = image_statistics(value, encoding)
        return encode_example(features), statistics

    def _prepared(self, key: str, fields: Mapping[str, Any]) -> list[tuple[str, NDArray[np.uint8] | str]]:
        """Return the fields of the record by name, texts as they are, images decoded and transformed."""
        if not self.derive:
            return [(name, self._field(name, value, key)) for name, value in sorted(fields.items())]
        if taken := sorted(self.derive.keys() & fields.keys() - {"image"}):
            raise RejectError("read", f"the fields {taken} are to be derived and must not come from the source as well")
        picture = self._image("image", fields["image"], key)
        prepared = {name: self._field(name, value, key) for name, value in fields.items() if name != "image"}
        for name, transforms in self.derive.items():
            prepared[name] = self._transformed(picture, key, transforms, first=len(self.transforms))
        return sorted(prepared.items())

    def _field(self, name: str, value: Any, key: str) -> NDArray[np.uint8] | str:
        return value if isinstance(value, str) else self._image(name, value, key)

    def _image(self, name: str, value: Any, key: str) -> NDArray[np.uint8]:
        return self._transformed(self._decoded(name, value), key, self.transforms)

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
        self, image: NDArray[np.uint8], key: str, transforms: NamedTransforms, first: int = 0
    ) -> NDArray[np.uint8]:
        for position, (name, transform) in enumerate(transforms, start=first):
            # Made anew for every field, so that the fields of one sample are cropped and flipped alike.
            random = generator_of("prepare", self.seed, key, position, name)
            try:
                result = transform(image, random)
            except Exception as error:
                raise RejectError("transform", f"{name}: {type(error).__name__}: {error}") from error
            if not _is_image(result):
                raise RejectError("transform", f"{name}: must return a uint8 image. Received: {_described(result)}")
            image = result
        return image

    def _encoded(self, image: NDArray[np.uint8], encoding: str) -> bytes:
        try:
            return encode_image(
                image, encoding, jpeg_quality=self.options.jpeg_quality, png_level=self.options.png_level
            )
        except Exception as error:
            raise RejectError("encode", f"{encoding}: {type(error).__name__}: {error}") from error


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
