"""Writing PNG with 16 bits a sample (PNG, 3rd edition, https://www.w3.org/TR/png-3/)."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from gantk.inference.exif import PREFIX
from gantk.inference.picture import Picture

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
    colour_type = (_GREY if picture.colour.shape[2] == 1 else _RGB) | (0 if picture.alpha is None else _ALPHA)
    rows = np.ascontiguousarray(samples, dtype=">u2").reshape(picture.height, -1).view(np.uint8)
    # Each row as its difference from the one above (filter type 2), which needs no loop.
    lines = np.empty((picture.height, 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = _UP
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    chunks = [_chunk(b"IHDR", struct.pack(">IIBBBBB", picture.width, picture.height, 16, colour_type, 0, 0, 0))]
    if picture.icc_profile:
        chunks.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(picture.icc_profile)))
    if picture.dpi:
        horizontal, vertical = (round(dots / _INCH) for dots in picture.dpi)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", horizontal, vertical, 1)))
    if picture.exif:
        chunks.append(_chunk(b"eXIf", picture.exif.removeprefix(PREFIX)))
    chunks.append(_chunk(b"IDAT", zlib.compress(lines.data, level)))
    return b"".join([_SIGNATURE, *chunks, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, content: bytes) -> bytes:
    if len(content) >= 1 << 31:
        raise ValueError(f"a chunk of a PNG holds less than 2 GiB, received {len(content)} bytes")
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
