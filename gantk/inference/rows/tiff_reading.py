"""Reading TIFF in strips of rows (TIFF 6.0).

Each strip of the file, or each tile of a row of tiles, is given to Pillow as a small file of its own with the same tags,
so every compression is read that Pillow reads.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import TiffImagePlugin

from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_reading import read_dpi, read_exif, read_picture, refuse_several, undecodable

_WIDTH, _HEIGHT, _ROWS_PER_STRIP, _OFFSETS, _COUNTS = 256, 257, 278, 273, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_ORIENTATION, _COMPRESSION, _PLANES, _BITS, _CHANNELS = 274, 259, 284, 258, 277
_PHOTOMETRIC, _PROFILE = 262, 34675
_UNCOMPRESSED, _OLD_JPEG, _CMYK = 1, 6, 5
# What says how the pixels lie: fill order, T4 and T6 options, predictor, colour map, inks, extra samples, sample format,
# JPEG tables, and those of YCbCr.
_PIXEL_TAGS = (
    _COMPRESSION,
    _PLANES,
    _BITS,
    _CHANNELS,
    _PHOTOMETRIC,
    266,
    292,
    293,
    317,
    320,
    332,
    338,
    339,
    347,
    529,
    530,
    531,
    532,
)
_STRIP_BYTES = 8 << 20
_LARGEST_PIECE = 256 << 20
_NO_LIMIT = 1 << 62


class TiffRows:
    """A TIFF file that can be read in strips.

    Attributes:
        height: Rows, as stored.
        width: Columns, as stored.
        orientation: The orientation still to be applied to all rows.
    """

    def __init__(self, stream: IO[bytes], folder: Path) -> None:
        """Read all but the pixels.

        Args:
            stream: The file; stays open until the last strip has been read.
            folder: Not used: no room is needed.

        Raises:
            BadPicture: It is damaged, or has several pages.
            NotImplementedError: It cannot be read in strips.
        """
        self._stream = stream
        try:
            image = TiffImagePlugin.TiffImageFile(stream)
            notes = refuse_several(image, "tiff")
            self._tags = dict(image.tag_v2)
            self._types = dict(image.tag_v2.tagtype)
            self._prefix = image.tag_v2.prefix
            exif, _ = read_exif(image, "tiff")
        except BadPicture:
            raise
        except Exception as error:
            raise undecodable("tiff", error) from error
        # Not `image.size`, which is that of the picture turned upright.
        self.width, self.height = int(self._tags[_WIDTH]), int(self._tags[_HEIGHT])
        if self._tags.get(_PLANES, 1) != 1 or self._tags.get(_COMPRESSION, 1) == _OLD_JPEG:
            raise NotImplementedError("planes or old JPEG")
        orientation = self._tags.get(_ORIENTATION, 1)
        self.orientation = orientation if orientation in range(1, 9) else 1
        profile = image.info.get("icc_profile") or None
        self._about = Picture(
            np.empty((0, self.width, 3), np.uint8),
            format="tiff",
            icc_profile=None if self._tags.get(_PHOTOMETRIC) == _CMYK else profile,
            exif=exif,
            dpi=read_dpi(image.info.get("dpi")),
            notes=notes,
        )
        self._tiled = _TILE_OFFSETS in self._tags
        bits = self._tags.get(_BITS, (1,))
        self._pixel_bits = int(self._tags.get(_CHANNELS, 1)) * int(max(bits if isinstance(bits, tuple) else (bits,)))
        self._pieces = self._cut()

    def strips(self) -> Iterator[Picture]:
        """Yield the rows from top to bottom, each strip with what the file says of the whole.

        Raises:
            BadPicture: The file is cut short or damaged.
        """
        for picture in self._tile_rows() if self._tiled else self._strip_rows():
            yield replace(
                self._about, colour=picture.colour, alpha=picture.alpha, notes=(*self._about.notes, *picture.notes)
            )

    def _cut(self) -> list[tuple[int, int, int]]:
        """Return offset, bytes and rows of each piece of the file that can be decoded by itself."""
        if self._tiled:
            height = int(self._tags[_TILE_HEIGHT])
            offsets, counts = self._tags[_TILE_OFFSETS], self._tags[_TILE_COUNTS]
            pieces = [(int(offset), int(count), height) for offset, count in zip(offsets, counts, strict=True)]
            width = int(self._tags[_TILE_WIDTH])
            across = -(-self.width // width)
            if len(pieces) != across * -(-self.height // height):
                raise BadPicture("The TIFF file is damaged: it has too few or too many tiles.")
            largest = height * self.width
        else:
            rows = min(int(self._tags.get(_ROWS_PER_STRIP, self.height)), self.height)
            offsets = self._tags[_OFFSETS]
            row_bytes = -(-self.width * self._pixel_bits // 8)
            if self._tags.get(_COMPRESSION, 1) == _UNCOMPRESSED:
                pieces = []
                for number, offset in enumerate(offsets):
                    self._add_rows(pieces, int(offset), min(rows, self.height - number * rows), row_bytes)
                rows = min(rows, max(1, _STRIP_BYTES // row_bytes))
            else:
                counts = self._tags[_COUNTS]
                pieces = [
                    (int(offset), int(count), min(rows, self.height - number * rows))
                    for number, (offset, count) in enumerate(zip(offsets, counts, strict=True))
                ]
            if sum(count for *_, count in pieces) != self.height or min(count for *_, count in pieces) < 1:
                raise BadPicture("The TIFF file is damaged: its strips do not hold its rows.")
            largest = rows * self.width
        if largest * self._pixel_bits // 8 > _LARGEST_PIECE:
            raise NotImplementedError("one large strip")
        return pieces

    @staticmethod
    def _add_rows(pieces: list[tuple[int, int, int]], offset: int, rows: int, row_bytes: int) -> None:
        """Cut a strip that is not compressed, whose rows lie one after another."""
        most = max(1, _STRIP_BYTES // row_bytes)
        for first in range(0, rows, most):
            count = min(most, rows - first)
            pieces.append((offset + first * row_bytes, count * row_bytes, count))

    def _strip_rows(self) -> Iterator[Picture]:
        group: list[tuple[int, int, int]] = []
        for number, piece in enumerate(self._pieces):
            group.append(piece)
            rows = sum(count for *_, count in group)
            following = self._pieces[number + 1][2] if number + 1 < len(self._pieces) else None
            # All strips of a file but its last have as many rows.
            if following != piece[2] or rows * self.width * self._pixel_bits // 8 >= _STRIP_BYTES:
                yield self._decoded(group, self.width, rows)
                group = []

    def _tile_rows(self) -> Iterator[Picture]:
        width, height = int(self._tags[_TILE_WIDTH]), int(self._tags[_TILE_HEIGHT])
        across = -(-self.width // width)
        for first in range(0, len(self._pieces), across):
            tiles = [self._decoded([piece], width, height) for piece in self._pieces[first : first + across]]
            rows = min(height, self.height - first // across * height)
            colour = np.concatenate([tile.colour for tile in tiles], axis=1)[:rows, : self.width]
            alphas = [tile.alpha for tile in tiles if tile.alpha is not None]
            alpha = np.concatenate(alphas, axis=1)[:rows, : self.width] if alphas else None
            yield Picture(colour, alpha, notes=tiles[0].notes)

    def _decoded(self, pieces: list[tuple[int, int, int]], width: int, height: int) -> Picture:
        contents = []
        for offset, count, _ in pieces:
            self._stream.seek(offset)
            contents.append(self._stream.read(count))
            if len(contents[-1]) < count:
                raise BadPicture("The TIFF file is cut short.")
        tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=self._prefix)
        wanted: tuple[int, ...] = _PIXEL_TAGS
        if self._tags.get(_PHOTOMETRIC) == _CMYK:
            wanted = (*wanted, _PROFILE)
        for tag in wanted:
            if tag in self._tags:
                tags.tagtype[tag] = self._types[tag]
                tags[tag] = self._tags[tag]
        values: dict[int, Any] = {
            _WIDTH: width,
            _HEIGHT: height,
            _ROWS_PER_STRIP: pieces[0][2],
            _COUNTS: tuple(len(content) for content in contents),
            # Counted from the end of the tags; `save` adds where that is.
            _OFFSETS: tuple(np.cumsum([0, *(len(content) for content in contents[:-1])]).tolist()),
        }
        for tag, value in values.items():
            tags.tagtype[tag] = 4
            tags[tag] = value
        stream = io.BytesIO()
        tags.save(stream)
        stream.seek(0, io.SEEK_END)
        return read_picture(b"".join([stream.getvalue(), *contents]), max_pixels=_NO_LIMIT)
