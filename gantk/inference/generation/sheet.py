"""Contact sheets: many pictures in one, in rows and columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.atomic_files import write_bytes
from gantk.errors import UsageError
from gantk.inference.generation.sampler import BundleSampler, as_pictures
from gantk.inference.generation.series import PictureSeries
from gantk.inference.picture import FORMATS, Picture
from gantk.inference.picture_writing import Encoding, encode_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", **{suffix: form for form, suffix in FORMATS.items()}}
"""The format of a picture by its file's suffix."""

GAP = 2
"""Pixels between pictures."""

_MOST_PIXELS = 1 << 28
_WHITE = 255


def sheet_rows(series: PictureSeries, columns: int | None = None) -> list[list[int]]:
    """Arrange the numbers of pictures in rows.

    Args:
        series: The pictures.
        columns: Pictures in a row, in the order of their numbers. By default a row holds the pictures of one label; without
            labels, or with one for all, the sheet is about square.
    """
    numbers = list(series.numbers)
    labels = list(dict.fromkeys(series.labels or ()))
    if columns is None and len(labels) > 1:
        rows = [[number for number in numbers if series.label_of(number) == label] for label in labels]
        return [row for row in rows if row]
    wide = columns or math.ceil(math.sqrt(len(numbers)))
    return [numbers[start : start + wide] for start in range(0, len(numbers), wide)]


def labels_of_rows(rows: Sequence[Sequence[int]], series: PictureSeries, classes: Sequence[str]) -> list[str]:
    """Return the label of each row of a sheet; empty where a row is not one label's."""
    found = [{series.label_of(number) for number in row} for row in rows]
    labels = [label for own in found if len(own) == 1 for label in own if label is not None]
    return [classes[label] for label in labels] if len(set(labels)) == len(rows) else []


def check_sheet(rows: Sequence[Sequence[int]], shape: tuple[int, int, int]) -> None:
    """Refuse a sheet that no viewer would open.

    Raises:
        UsageError: It would have more than 2²⁸ pixels, or its pictures are neither grey nor RGB.
    """
    check_channels(shape)
    height, width = (
        count * (side + GAP) for count, side in zip((len(rows), max(map(len, rows))), shape[:2], strict=True)
    )
    if height * width > _MOST_PIXELS:
        raise UsageError(
            f"A sheet must have at most {_MOST_PIXELS:,} pixels. Received: {sum(map(len, rows)):,} pictures of {shape[0]} × "
            f"{shape[1]}, {height * width:,} pixels",
            hint="Make fewer, or a folder of files.",
        )


def check_channels(shape: tuple[int, int, int]) -> None:
    """Refuse images that are no pictures.

    Raises:
        UsageError: They have another number of channels than 1 or 3.
    """
    if shape[2] not in (1, 3):
        raise UsageError(
            f"Pictures have 1 or 3 channels. Received: a model of images with {shape[2]}",
            hint="--format npz holds them.",
        )


def laid_out(rows: Sequence[Sequence[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Return a sheet of pictures of one shape, uint8, height × width × channels, white between them and where one is missing."""
    height, width, channels = rows[0][0].shape
    wide = max(map(len, rows))
    size = (len(rows) * (height + GAP) - GAP, wide * (width + GAP) - GAP, channels)
    sheet = np.full(size, _WHITE, np.uint8)
    for top, row in zip(range(0, size[0], height + GAP), rows, strict=True):
        for left, picture in zip(range(0, size[1], width + GAP), row, strict=False):
            sheet[top : top + height, left : left + width] = picture
    return sheet


def write_sheet(
    path: Path, sampler: BundleSampler, series: PictureSeries, *, columns: int | None = None, quality: int = 95
) -> list[list[int]]:
    """Write a contact sheet.

    Args:
        path: The picture, of a format of `SUFFIXES`; its folder exists.
        sampler: The model.
        series: The pictures.
        columns: See `sheet_rows`.
        quality: Of JPEG and WebP, 1 to 100.

    Returns:
        The numbers of the pictures in rows.

    Raises:
        UsageError: As `check_sheet`.
        RunFailed: The network gives values that are not finite, the disk is full, or the format cannot hold the sheet.
    """
    rows = sheet_rows(series, columns)
    check_sheet(rows, sampler.shape)
    pictures: dict[int, Any] = {}
    labels = series.labels_of(series.numbers)
    for numbers, images in sampler.numbered(series.numbers, seed=series.seed, labels=labels):
        pictures.update(zip(numbers, as_pictures(images), strict=True))
    write_picture(path, laid_out([[pictures[number] for number in row] for row in rows]), quality=quality)
    return rows


def write_picture(path: Path, pixels: NDArray[np.uint8], *, quality: int = 95) -> None:
    """Write a picture in one step, uint8, height × width × 1 or 3, in the format of its suffix."""
    encoding = Encoding(format=SUFFIXES[path.suffix.lower()], quality=quality)
    write_bytes(path, encode_picture(Picture(pixels), encoding)[0])
