"""Writing a picture in strips of rows, in formats that can be written so."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from PIL import Image, TiffImagePlugin

from gantk.inference.deep_png import filtered, leading_chunks, png_chunk, sample_bytes
from gantk.inference.deep_tiff import encoded_strip, fill_tags, strip_rows
from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_writing import Encoding, encode_picture, fitted

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LONGEST_SIDE = {"jpeg": 65500, "webp": 16383, "png": (1 << 31) - 1, "tiff": (1 << 31) - 1, "bmp": 1 << 30}
_BMP_BYTES = 4 << 30
_CLASSIC_TIFF_BYTES = 3 << 30
_CHUNK_BYTES = 1 << 20
_BLOCK = 8
_LARGEST_RESTART_INTERVAL = 65535
_LONG, _LONG8 = 4, 16


def check_size(form: str, height: int, width: int) -> None:
    """Refuse a picture that a format cannot hold, before it is made.

    Raises:
        BadPicture: It is too large for the format.
    """
    longest = _LONGEST_SIDE[form]
    if max(height, width) > longest or (form == "bmp" and height * width * 4 >= _BMP_BYTES):
        limit = f"{longest} pixels a side" if form != "bmp" else "4 GiB"
        raise BadPicture(
            f"The result of {width} × {height} pixels is too large for {form.upper()}, which holds {limit}.",
            hint="Choose --format png or tiff.",
        )


def encode_rows(
    stream: IO[bytes], strips: Iterator[Picture], height: int, width: int, encoding: Encoding
) -> tuple[str, ...]:
    """Encode a picture from its rows.

    PNG, TIFF (as BigTIFF where it may pass 4 GB) and JPEG are written as the rows come; WebP and BMP are put together
    in memory first.

    Args:
        stream: Receives the file; can be sought in.
        strips: Rows from top to bottom, each with what is to be written beside the pixels.
        height: Of the whole picture.
        width: Of the whole picture.
        encoding: How it is written.

    Returns:
        The picture's notes with those of what this format could not hold.

    Raises:
        BadPicture: The format cannot hold such a picture.
    """
    first = next(strips)
    form = encoding.format_of(first.format)
    strips = (fitted(strip, form) for strip in chain([first], strips))
    writer = _WRITERS.get(form)
    try:
        if writer is None:
            parts = list(strips)
            colour = np.concatenate([part.colour for part in parts])
            alphas = [part.alpha for part in parts if part.alpha is not None]
            picture = replace(parts[0], colour=colour, alpha=np.concatenate(alphas) if alphas else None)
            content, notes = encode_picture(picture, encoding)
            stream.write(content)
            return notes
        first = next(strips)
        writer(stream, first, chain([first], strips), height, width, encoding)
        return first.notes
    except (ValueError, OverflowError, SystemError, struct.error) as error:
        raise BadPicture(
            f"It cannot be written as {form.upper()}: {error}.", hint="Another --format may do."
        ) from error


def _write_png(
    stream: IO[bytes], first: Picture, strips: Iterator[Picture], height: int, width: int, encoding: Encoding
) -> None:
    for chunk in leading_chunks(first, height, width):
        stream.write(chunk)
    packing = zlib.compressobj(encoding.png_level)
    waiting = bytearray()
    above: NDArray[np.uint8] | None = None
    for strip in strips:
        rows = sample_bytes(_samples(strip))
        # A copy: the row outlives the strip it is in.
        before, above = (np.zeros_like(rows[0]) if above is None else above), rows[-1].copy()
        waiting += packing.compress(filtered(rows, before).data)
        if len(waiting) >= _CHUNK_BYTES:
            stream.write(png_chunk(b"IDAT", bytes(waiting)))
            waiting.clear()
    waiting += packing.flush()
    stream.write(png_chunk(b"IDAT", bytes(waiting)))
    stream.write(png_chunk(b"IEND", b""))


def _write_tiff(
    stream: IO[bytes], first: Picture, strips: Iterator[Picture], height: int, width: int, encoding: Encoding
) -> None:
    samples = _tiff_samples(first)
    big = height * samples[:1].nbytes >= _CLASSIC_TIFF_BYTES
    rows_per_strip = strip_rows(samples)
    start = b"II\x2b\0\x08\0\0\0" if big else b"II\x2a\0"
    stream.write(start + bytes(8 if big else 4))
    offsets, sizes = [], []
    for rows in _regular((_tiff_samples(strip) for strip in strips), rows_per_strip):
        strip = encoded_strip(rows, encoding.png_level)
        offsets.append(stream.tell())
        sizes.append(len(strip))
        stream.write(strip)
    stream.write(bytes(stream.tell() % 2))
    position = stream.tell()
    tags = TiffImagePlugin.ImageFileDirectory_v2(start.ljust(16 if big else 8, b"\0"))
    fill_tags(tags, first, samples.shape[2], height, width, rows_per_strip)
    for tag, values in ((TiffImagePlugin.STRIPBYTECOUNTS, sizes), (TiffImagePlugin.STRIPOFFSETS, [0] * len(offsets))):
        tags.tagtype[tag] = _LONG8 if big else _LONG
        tags[tag] = tuple(values)
    content = bytearray(tags.tobytes(position))
    # `tobytes` counts the places of strips from the end of the tags; here the strips stand before them.
    struct.pack_into(f"<{len(offsets)}{'Q' if big else 'I'}", content, _offsets_place(content, position, big), *offsets)
    stream.write(content)
    stream.seek(len(start))
    stream.write(struct.pack("<Q" if big else "<I", position))
    stream.seek(0, io.SEEK_END)


def _offsets_place(directory: bytearray, position: int, big: bool) -> int:
    """Return where the places of the strips stand in the bytes of a TIFF directory, which begins at `position`."""
    (entries,) = struct.unpack_from("<Q" if big else "<H", directory)
    for index in range(entries):
        entry = 8 + 20 * index if big else 2 + 12 * index
        tag, _, count, place = struct.unpack_from("<HHQQ" if big else "<HHII", directory, entry)
        if tag == TiffImagePlugin.STRIPOFFSETS:
            # One value stands in the entry itself.
            return int(place - position if count > 1 else entry + (12 if big else 8))
    raise ValueError("a TIFF directory without strips")


def _tiff_samples(strip: Picture) -> NDArray[Any]:
    if strip.alpha is not None and strip.colour.dtype == np.uint16:
        # As in `encode_deep_tiff`.
        return np.dstack([strip.colour_for(3), strip.alpha])
    return _samples(strip)


def _write_jpeg(
    stream: IO[bytes], first: Picture, strips: Iterator[Picture], height: int, width: int, encoding: Encoding
) -> None:
    """Write a JPEG as many small ones of equal tables, end to end.

    At a restart marker a decoder begins anew as at the start of a file (ITU-T T.81, section F.2.1.3.1), so the coded
    data of files of equal width, each of as many blocks as there are between two markers, make one file.
    """
    blocks = -(-width // _BLOCK)
    block_rows = max(1, min(8, _LARGEST_RESTART_INTERVAL // blocks))
    options: dict[str, Any] = {"quality": encoding.quality, "subsampling": 0}
    for name in ("icc_profile", "dpi", "exif"):
        if getattr(first, name):
            options[name] = getattr(first, name)
    for number, rows in enumerate(_regular((strip.colour for strip in strips), _BLOCK * block_rows)):
        content = io.BytesIO()
        Image.fromarray(rows[..., 0] if rows.shape[2] == 1 else rows).save(content, "JPEG", **options)
        encoded = content.getvalue()
        scan, data = _scan_start(encoded)
        if number == 0:
            head = bytearray(encoded[:scan])
            struct.pack_into(">H", head, _frame_start(encoded) + 5, height)
            stream.write(head + struct.pack(">HHH", 0xFFDD, 4, blocks * block_rows) + encoded[scan:data])
            # The pictures that follow repeat neither EXIF data nor profile.
            options = {"quality": encoding.quality, "subsampling": 0}
        else:
            stream.write(bytes((0xFF, 0xD0 + (number - 1) % 8)))
        stream.write(memoryview(encoded)[data:-2])
    stream.write(b"\xff\xd9")


def _segments(encoded: bytes) -> Iterator[tuple[int, int]]:
    """Yield marker and position of each segment of a JPEG up to its scan."""
    position = 2
    while True:
        marker, length = struct.unpack_from(">HH", encoded, position)
        yield marker, position
        if marker == 0xFFDA:
            return
        position += 2 + length


def _scan_start(encoded: bytes) -> tuple[int, int]:
    """Return where the scan's header begins, and where it ends."""
    *_, (_, position) = _segments(encoded)
    return position, position + 2 + int(struct.unpack_from(">H", encoded, position + 2)[0])


def _frame_start(encoded: bytes) -> int:
    return next(position for marker, position in _segments(encoded) if marker == 0xFFC0)


def _regular(strips: Iterator[NDArray[Any]], rows: int) -> Iterator[NDArray[Any]]:
    """Yield the same rows in strips of equal height, but for the last."""
    waiting: list[NDArray[Any]] = []
    count = 0
    for strip in strips:
        waiting.append(strip)
        count += len(strip)
        if count < rows:
            continue
        joined = np.concatenate(waiting) if len(waiting) > 1 else strip
        whole = count - count % rows
        for first in range(0, whole, rows):
            yield joined[first : first + rows]
        waiting, count = ([joined[whole:].copy()], count - whole) if count > whole else ([], 0)
    if count:
        yield np.concatenate(waiting)


def _samples(strip: Picture) -> NDArray[Any]:
    return strip.colour if strip.alpha is None else np.dstack([strip.colour, strip.alpha])


_WRITERS: dict[str, Callable[[IO[bytes], Picture, Iterator[Picture], int, int, Encoding], None]] = {
    "png": _write_png,
    "tiff": _write_tiff,
    "jpeg": _write_jpeg,
}
