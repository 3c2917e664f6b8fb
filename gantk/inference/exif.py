"""EXIF data as bytes: kept to the letter, but for the orientation that has been applied."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
_SHORT = 3
# What describes the picture rather than how this file stores it: ImageDescription, Make, Model, Software, DateTime,
# Artist, Copyright, and the folders of EXIF and GPS tags.
_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
_FOLDERS = (0x8769, 0x8825)


def upright(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and flip an image as its EXIF orientation says (EXIF 2.32, tag 0x0112).

    Args:
        image: height × width, or height × width × channels.
        orientation: 1 to 8; anything else means 1.
    """
    if orientation in (5, 6, 7, 8):
        image = np.swapaxes(image, 0, 1)
    # (rows reversed, columns reversed), after the swap of the axes.
    rows, columns = {
        2: (False, True),
        3: (True, True),
        4: (True, False),
        6: (False, True),
        7: (True, True),
        8: (True, False),
    }.get(orientation, (False, False))
    return np.ascontiguousarray(image[:: -1 if rows else 1, :: -1 if columns else 1])


def without_orientation(exif: bytes) -> bytes:
    """Set the orientation tag to 1 where there is one, and leave every other byte as it is.

    Args:
        exif: EXIF data, with or without the prefix. What is not well-formed is returned unchanged.
    """
    start = len(PREFIX) if exif.startswith(PREFIX) else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    if order is None:
        return exif
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, start + 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start + directory)
        for index in range(count):
            entry = start + directory + 2 + 12 * index
            tag, kind = struct.unpack_from(f"{order}HH", exif, entry)
            if tag == ORIENTATION and kind == _SHORT:
                changed = bytearray(exif)
                struct.pack_into(f"{order}H", changed, entry + 8, 1)
                return bytes(changed)
    except struct.error:
        pass
    return exif


def descriptive(exif: Image.Exif) -> Image.Exif:
    """Keep the tags that describe the picture, and leave out those that describe the storage of one TIFF file."""
    kept = Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in exif:
            kept[tag] = exif[tag]
    for folder in _FOLDERS:
        tags = exif.get_ifd(folder)
        if tags:
            kept[folder] = dict(tags)
    return kept
