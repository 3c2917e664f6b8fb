"""Writing PNG with 16 bits a sample (PNG, 3rd edition, https://www.w3.org/TR/png-3/)."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.inference.exif import PREFIX
from gantk.inference.picture import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _ALPHA = 0, 2, 4
_UP = 2
_INCH = 0.0254


def encode_deep_png(picture: Picture, level: int = 1) -> bytes:
    """Encode a uint16 picture.

    Args:
        picture: Grey or RGB, with or without alpha.
        level: Effort of the compression, 0 to 9.
    """
    samples = picture.colour if picture.alpha is None else np.dstack([picture.colour, picture.alpha])
    rows = sample_bytes(samples)
    return b"".join(
        [
            *leading_chunks(picture, picture.height, picture.width),
            png_chunk(b"IDAT", zlib.compress(filtered(rows, np.zeros_like(rows[0])).data, level)),
            png_chunk(b"IEND", b""),
        ]
    )


def leading_chunks(picture: Picture, height: int, width: int) -> list[bytes]:
    """Return what stands before the pixels.

    Args:
        picture: The picture, or some rows of it.
        height: Rows of the whole picture.
        width: Its columns.
    """
    colour_type = (_GREY if picture.colour.shape[2] == 1 else _RGB) | (0 if picture.alpha is None else _ALPHA)
    depth = 8 * picture.colour.dtype.itemsize
    chunks = [SIGNATURE, png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))]
    if picture.icc_profile:
        chunks.append(png_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(picture.icc_profile)))
    if picture.dpi:
        horizontal, vertical = (round(dots / _INCH) for dots in picture.dpi)
        chunks.append(png_chunk(b"pHYs", struct.pack(">IIB", horizontal, vertical, 1)))
    if picture.exif:
        chunks.append(png_chunk(b"eXIf", picture.exif.removeprefix(PREFIX)))
    return chunks


def sample_bytes(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Return uint8 or uint16 pixels, height × width × channels, as PNG has them: height × bytes, the upper byte first."""
    order = samples.dtype.newbyteorder(">")
    return np.ascontiguousarray(samples, dtype=order).reshape(len(samples), -1).view(np.uint8)


def filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return each row as its difference from the one above (filter type 2), which needs no loop.

    Args:
        rows: Height × bytes, at least one row.
        above: The row above the first one; zeros at the top of the picture.
    """
    lines = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = _UP
    np.subtract(rows[0], above, out=lines[0, 1:])
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    return lines


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    if len(content) >= 1 << 31:
        raise ValueError(f"a chunk of a PNG holds less than 2 GiB, received {len(content)} bytes")
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
