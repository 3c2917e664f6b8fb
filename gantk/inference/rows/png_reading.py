"""Reading PNG in strips of rows (PNG, 3rd edition, https://www.w3.org/TR/png-3/).

The compressed stream is unpacked as far as needed. Undoing the filters is left to Pillow's decoder: it is given a small
PNG file of the filtered rows of one strip, below the last row of the strip before. Filters know bytes, not colours
(section 9.2), so any kind of pixel can pass there for another of as many bytes.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from PIL import PngImagePlugin

from gantk.inference.deep_png import SIGNATURE, png_chunk
from gantk.inference.exif import ORIENTATION
from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_reading import read_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ALPHA = 4
# Depth and colour type of pixels of so many bytes, which Pillow gives back byte by byte.
_STAND_INS = {1: (8, 0), 2: (8, 4), 3: (8, 2), 4: (8, 6), 6: (16, 2), 8: (16, 6)}
# What says what the rows mean; the EXIF orientation belongs to the picture, not to a strip of it.
_COLOURS = (b"PLTE", b"tRNS")
_STRIP_BYTES = 8 << 20
_READ_BYTES = 1 << 20
_LONGEST_CHUNK = 64 << 20
_NO_LIMIT = 1 << 62
_DAMAGED = "The PNG file is damaged"


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    depth: int
    colour_type: int

    @property
    def pixel_bits(self) -> int:
        return self.depth * _CHANNELS[self.colour_type]

    @property
    def row_bytes(self) -> int:
        return -(-self.width * self.pixel_bits // 8)

    @property
    def filter_bytes(self) -> int:
        return max(1, self.pixel_bits // 8)


class PngRows:
    """A PNG file that can be read in strips.

    Attributes:
        height: Rows, as stored.
        width: Columns, as stored.
        orientation: The EXIF orientation still to be applied to all rows.
    """

    def __init__(self, stream: IO[bytes], folder: Path) -> None:
        """Read all but the pixels.

        Args:
            stream: The file; stays open until the last strip has been read.
            folder: Not used: no room is needed.

        Raises:
            BadPicture: It is damaged.
            NotImplementedError: It is interlaced or animated: its rows are not there one after another.
        """
        self._stream = stream
        self._others: list[tuple[bytes, bytes]] = []
        self._pixels: list[tuple[int, int]] = []
        self._header = self._scan()
        self.height, self.width = self._header.height, self._header.width
        sample = self._file(replace(self._header, width=1, height=1), bytes(1 + self._header.filter_bytes), beside=None)
        with PngImagePlugin.PngImageFile(io.BytesIO(sample)) as image:
            orientation = image.getexif().get(ORIENTATION, 1)
        self.orientation = orientation if orientation in range(1, 9) else 1
        about = read_picture(sample, max_pixels=_NO_LIMIT)
        # As stored: whoever turns the rows turns the resolution.
        self._about = replace(about, dpi=about.dpi[::-1]) if about.dpi and self.orientation >= 5 else about

    def strips(self) -> Iterator[Picture]:
        """Yield the rows from top to bottom, each strip with what the file says of the whole.

        Raises:
            BadPicture: The file is cut short or damaged.
        """
        header = self._header
        most = max(1, _STRIP_BYTES // (header.row_bytes + 1))
        above = np.zeros(header.row_bytes, np.uint8)
        unpacked = self._unpacked()
        for first in range(0, header.height, most):
            count = min(most, header.height - first)
            raw = self._unfiltered(unpacked.send(count * (header.row_bytes + 1)), above)
            above = raw[-1]
            strip = self._picture(raw)
            yield replace(
                self._about,
                colour=strip.colour,
                alpha=strip.alpha,
                notes=self._about.notes,
            )
        unpacked.send(0)

    def _scan(self) -> _Header:
        header = None
        position = len(SIGNATURE)
        while True:
            self._stream.seek(position)
            start = self._stream.read(8)
            if len(start) < 8:
                raise BadPicture("The PNG file is cut short.")
            length, kind = struct.unpack(">I4s", start)
            if kind == b"IDAT":
                self._pixels.append((position + 8, length))
            elif length > _LONGEST_CHUNK:
                raise BadPicture(f"{_DAMAGED}: a chunk of {length} bytes at byte {position}.")
            else:
                content, checksum = self._stream.read(length), self._stream.read(4)
                if len(checksum) < 4:
                    raise BadPicture("The PNG file is cut short.")
                if kind[0] & 0x20 == 0 and checksum != struct.pack(">I", zlib.crc32(kind + content)):
                    raise BadPicture(f"{_DAMAGED}: a checksum is wrong at byte {position}.")
                if kind == b"IHDR":
                    header = _header(content)
                elif kind == b"acTL" and content[:4] > struct.pack(">I", 1):
                    raise NotImplementedError("animated")
                elif kind == b"IEND":
                    break
                elif kind not in (b"acTL", b"fcTL", b"fdAT"):
                    self._others.append((kind, content))
            position += length + 12
        if header is None or not self._pixels:
            raise BadPicture(f"{_DAMAGED}: it holds no pixels.")
        return header

    def _unpacked(self) -> Generator[bytes, int, None]:
        """Give as many bytes of filtered rows as are sent for; 0 checks that the stream ends as it should."""
        generator = self._unpacking()
        next(generator)
        return generator

    def _unpacking(self) -> Generator[bytes, int, None]:
        unpacking = zlib.decompressobj()
        packed = self._packed()
        wanted = yield b""
        collected = bytearray()
        waiting = b""
        while True:
            while len(collected) < wanted and not unpacking.eof:
                if not waiting:
                    waiting = next(packed, b"")
                    if not waiting:
                        break
                try:
                    collected += unpacking.decompress(waiting, wanted - len(collected))
                except zlib.error as error:
                    raise BadPicture(f"{_DAMAGED}: {error}.") from error
                waiting = unpacking.unconsumed_tail
            if len(collected) < wanted:
                raise BadPicture("The PNG file is cut short.")
            if not wanted:
                # What is left, at least the checksum of all rows.
                for block in (waiting, *packed):
                    try:
                        unpacking.decompress(block)
                    except zlib.error as error:
                        raise BadPicture(f"{_DAMAGED}: {error}.") from error
                yield b""
                return
            result, collected = bytes(collected), bytearray()
            wanted = yield result

    def _packed(self) -> Iterator[bytes]:
        for position, length in self._pixels:
            self._stream.seek(position)
            checksum = zlib.crc32(b"IDAT")
            left = length
            while left:
                block = self._stream.read(min(left, _READ_BYTES))
                if not block:
                    raise BadPicture("The PNG file is cut short.")
                checksum = zlib.crc32(block, checksum)
                left -= len(block)
                yield block
            if self._stream.read(4) != struct.pack(">I", checksum):
                raise BadPicture(f"{_DAMAGED}: a checksum is wrong at byte {position - 8}.")

    def _unfiltered(self, rows: bytes, above: NDArray[np.uint8]) -> NDArray[np.uint8]:
        header = self._header
        depth, colour_type = _STAND_INS[header.filter_bytes]
        count = len(rows) // (header.row_bytes + 1)
        stand_in = _Header(header.row_bytes // header.filter_bytes, count + 1, depth, colour_type)
        picture = read_picture(
            self._file(stand_in, b"".join([b"\0", above.tobytes(), rows]), beside=()), max_pixels=_NO_LIMIT
        )
        samples = picture.colour if picture.alpha is None else np.dstack([picture.colour, picture.alpha])
        raw = np.ascontiguousarray(samples[1:], samples.dtype.newbyteorder(">")).reshape(count, -1).view(np.uint8)
        return np.asarray(raw, np.uint8)

    def _picture(self, raw: NDArray[np.uint8]) -> Picture:
        header = self._header
        if header.depth < 8 or header.colour_type == 3 or any(kind == b"tRNS" for kind, _ in self._others):
            lines = np.zeros((len(raw), 1 + raw.shape[1]), np.uint8)
            lines[:, 1:] = raw
            return read_picture(
                self._file(replace(header, height=len(raw)), lines.tobytes(), beside=_COLOURS), max_pixels=_NO_LIMIT
            )
        samples = raw if header.depth == 8 else raw.view(">u2").astype(np.uint16)
        samples = samples.reshape(len(raw), header.width, -1)
        if header.colour_type & _ALPHA:
            return Picture(samples[..., :-1], samples[..., -1])
        return Picture(samples)

    def _file(self, header: _Header, rows: bytes, *, beside: tuple[bytes, ...] | None) -> bytes:
        """Return a PNG file of some rows, with other chunks of this file: of these kinds, or all of them for None."""
        fields = (header.width, header.height, header.depth, header.colour_type, 0, 0, 0)
        others = [png_chunk(kind, content) for kind, content in self._others if beside is None or kind in beside]
        return b"".join(
            [
                SIGNATURE,
                png_chunk(b"IHDR", struct.pack(">IIBBBBB", *fields)),
                *others,
                png_chunk(b"IDAT", zlib.compress(rows, 0)),
                png_chunk(b"IEND", b""),
            ]
        )


def _header(content: bytes) -> _Header:
    if len(content) != 13:
        raise BadPicture(f"{_DAMAGED}: its header.")
    width, height, depth, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", content)
    if interlaced:
        raise NotImplementedError("interlaced")
    header = _Header(width, height, depth, colour_type)
    if colour_type not in _CHANNELS or depth not in (1, 2, 4, 8, 16) or not width or not height:
        raise BadPicture(f"{_DAMAGED}: its header.")
    if header.filter_bytes not in _STAND_INS:
        raise BadPicture(f"{_DAMAGED}: its header.")
    return header
