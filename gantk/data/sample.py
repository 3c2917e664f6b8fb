"""One sample on its way from the source to its record: decode, transform, encode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class SampleEncoder:
    """Turns the fields of a sample into a record.

    Args:
        options: How images are decoded and stored.
        transforms: Name and transform, in the order in which they are applied.
        seed: Seed of the transforms.
    """

    options: PreparationOptions
    transforms: Sequence[tuple[str, Transform]]
    seed: int

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
        for name in sorted(fields):
            value = fields[name]
            if isinstance(value, str):
                features[name] = value.encode()
                statistics[name] = text_statistics(value)
                continue
            image = self._transformed(self._decoded(name, value), item.key)
            encoding = encoding_of(name, self.options.encoding, image.shape[2])
            features[name] = self._encoded(image, encoding)
            for axis, length in zip(("height", "width", "channels"), image.shape, strict=True):
                features[f"{name}/{axis}"] = length
            statistics[name] = image_statistics(image, encoding)
        return encode_example(features), statistics

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

    def _transformed(self, image: NDArray[np.uint8], key: str) -> NDArray[np.uint8]:
        for position, (name, transform) in enumerate(self.transforms):
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
