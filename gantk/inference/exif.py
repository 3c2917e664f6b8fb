"""EXIF data as bytes: kept to the letter, but for the orientation that has been applied and what it changes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
_X_RESOLUTION, _Y_RESOLUTION = 0x011A, 0x011B
_EXIF_FOLDER, _PIXEL_X, _PIXEL_Y = 0x8769, 0xA002, 0xA003
_SHORT, _LONG = 3, 4
_SWAPPING = (5, 6, 7, 8)
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
    if orientation in _SWAPPING:
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

    Where the orientation swaps rows and columns, the resolutions across and down are swapped as well.

    Args:
        exif: EXIF data, with or without the prefix. What is not well-formed is returned unchanged.
    """
    start = len(PREFIX) if exif.startswith(PREFIX) else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    if order is None:
        return exif
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, start + 4)
        places = {tag: (entry, kind) for entry, tag, kind in _entries(exif, order, start + directory)}
        entry, kind = places.get(ORIENTATION, (0, 0))
        if kind == _SHORT:
            (orientation,) = struct.unpack_from(f"{order}H", exif, entry + 8)
            changed = bytearray(exif)
            struct.pack_into(f"{order}H", changed, entry + 8, 1)
            if orientation in _SWAPPING and _X_RESOLUTION in places and _Y_RESOLUTION in places:
                # Type, count and value of each, or where that is.
                across, down = (
                    slice(places[tag][0] + 2, places[tag][0] + 12) for tag in (_X_RESOLUTION, _Y_RESOLUTION)
                )
                changed[across], changed[down] = exif[down], exif[across]
            return bytes(changed)
    except struct.error:
        pass
    return exif


def with_dimensions(exif: bytes, height: int, width: int) -> bytes:
    """Set the tags PixelXDimension and PixelYDimension where they are, and leave every other byte as it is.

    Args:
        exif: EXIF data, with or without the prefix. What is not well-formed is returned unchanged.
        height: Rows of the picture.
        width: Its columns.
    """
    start = len(PREFIX) if exif.startswith(PREFIX) else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    if order is None:
        return exif
    changed = bytearray(exif)
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, start + 4)
        for entry, tag, _ in _entries(exif, order, start + directory):
            if tag != _EXIF_FOLDER:
                continue
            (folder,) = struct.unpack_from(f"{order}I", exif, entry + 8)
            for place, inner, kind in _entries(exif, order, start + folder):
                if inner in (_PIXEL_X, _PIXEL_Y) and kind in (_SHORT, _LONG):
                    # A long one holds any size, and fits in the entry as the short one does.
                    struct.pack_into(f"{order}HI", changed, place + 2, _LONG, 1)
                    struct.pack_into(f"{order}I", changed, place + 8, width if inner == _PIXEL_X else height)
    except struct.error:
        return exif
    return bytes(changed)


def _entries(exif: bytes, order: str, directory: int) -> Iterator[tuple[int, int, int]]:
    """Yield place, tag and type of each entry of a directory."""
    (count,) = struct.unpack_from(f"{order}H", exif, directory)
    for index in range(count):
        entry = directory + 2 + 12 * index
        tag, kind = struct.unpack_from(f"{order}HH", exif, entry)
        yield entry, tag, kind


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
