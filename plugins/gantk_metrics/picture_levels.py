"""Between what translators give, floats in [-1, 1], and pictures as a file holds them, 8-bit levels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, RunFailed

LEVELS = "8-bit levels, 0 to 255; translations are rounded as a file would hold them"
"""The colour range, for protocols."""


def to_levels(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Round images in [-1, 1] to uint8 as saving them would.

    Raises:
        ValueError: A value is not finite: no picture can be made of it.
    """
    if not np.all(np.isfinite(images)):
        raise ValueError("images must be finite to be rounded to 8 bits.")
    return np.clip(np.rint((images + np.float32(1)) * np.float32(127.5)), 0, 255).astype(np.uint8)


def to_rgb(picture: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Return a picture with three channels, as feature networks take it; grey is given to all three.

    Raises:
        RunFailed: It has neither one nor three channels.
    """
    channels = picture.shape[-1]
    if channels not in (1, 3):
        raise RunFailed(
            f"A feature network takes pictures of 1 or 3 channels. Received: {name} with {channels}",
            hint="Put {type: channels, to: rgb} among the transforms of the prepare stage.",
        )
    return np.broadcast_to(picture, (*picture.shape[:-1], 3))


class PixelDigest:
    """A hash of pictures in their order: shapes and 8-bit values, so that it does not depend on how they were stored."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Take one more picture in."""
        self._hash.update(repr(picture.shape).encode())
        self._hash.update(np.ascontiguousarray(picture).data)

    def __str__(self) -> str:
        return self._hash.hexdigest()


class LevelPictures:
    """Images held in memory, as a `gantk.PictureSet`.

    Args:
        images: uint8, batch × height × width × channels.
        description: What they are, for the protocol.
    """

    def __init__(self, images: NDArray[np.uint8], description: Mapping[str, Any]) -> None:
        self._images = images
        self._description = dict(description)
        self._places = {f"{number:06d}": number for number in range(len(images))}

    @property
    def names(self) -> Sequence[str]:
        """Their numbers."""
        return tuple(self._places)

    @property
    def description(self) -> Mapping[str, Any]:
        """What they are."""
        return self._description

    def read(self, name: str) -> NDArray[np.uint8]:
        """Return a picture, uint8, height × width × channels."""
        return self._images[self._places[name]]


def domain_images(
    data: EvaluationData, split: str, domain: str, limit: int | None = None
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Return the images of a domain, whether the data is unpaired or aligned.

    Returns:
        Images in [-1, 1], and where they are from, for the protocol.

    Raises:
        RunFailed: There are none.
    """
    if not data.fields(split, domain) and domain in data.fields(split, "AB"):
        return data.images(split, "AB", domain, limit=limit), {"split": split, "domain": "AB", "field": domain}
    return data.images(split, domain, limit=limit), {"split": split, "domain": domain}
