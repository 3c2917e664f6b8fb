"""Opening a picture of any size: decoded whole where it is small, in strips of rows where it is large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import IO, Protocol

from gantk.inference.content import Content
from gantk.inference.deep_pixels import raw_modes
from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_reading import MAGIC_BYTES, READERS, picture_format, read_picture, undecodable
from gantk.inference.rows.jpeg_reading import JpegRows
from gantk.inference.rows.png_reading import PngRows
from gantk.inference.rows.tiff_reading import TiffRows
from gantk.inference.rows.upright import upright_strips

# Decoding whole takes about this much for each pixel: Pillow holds four bytes, and the array is a copy.
_DECODING_BYTES = 8
_STRIP_BYTES = 4 << 20
_ROWS: dict[str, Callable[[IO[bytes], Path], RowFile]] = {"png": PngRows, "tiff": TiffRows, "jpeg": JpegRows}


class RowFile(Protocol):
    """A file that can be read in strips of rows."""

    height: int
    width: int
    orientation: int

    def strips(self) -> Iterator[Picture]:
        """Yield the rows as stored, from top to bottom."""
        ...


@dataclass(frozen=True, slots=True)
class Outline:
    """What a file's header says.

    Args:
        kind: Its format.
        height: Rows, as stored.
        width: Columns, as stored.
        deep: Whether it may hold 16 bits.
    """

    kind: str
    height: int
    width: int
    deep: bool

    @property
    def pixels(self) -> int:
        """Height × width."""
        return self.height * self.width


def outline_of(content: Content, *, max_pixels: int) -> Outline:
    """Read a file's header.

    Raises:
        BadPicture: It is empty, no picture, or has more pixels than the limit.
        OSError: It cannot be read.
    """
    if not content.size:
        raise BadPicture("The file is empty: 0 bytes.")
    with content.open() as stream:
        beginning = stream.read(MAGIC_BYTES)
        kind = picture_format(beginning)
        if kind is None:
            # The message is that of every other command.
            read_picture(beginning, max_pixels=max_pixels)
            raise BadPicture("This is no picture.")
        stream.seek(0)
        try:
            with READERS[kind](stream) as image:
                (width, height), modes = image.size, raw_modes(image)
        except Exception as error:
            raise undecodable(kind, error) from error
    if width * height > max_pixels:
        raise BadPicture(
            f"{width} × {height} pixels are {width * height / 1e6:.1f} million, "
            f"more than the limit of {max_pixels / 1e6:.1f} million.",
            hint="Make it smaller, or raise --max-pixels.",
        )
    return Outline(kind, height, width, any(";16" in mode or ";12" in mode for mode in modes))


class PictureRows:
    """An upright picture, in strips.

    Attributes:
        height: Rows.
        width: Columns.
        about: The first strip, which tells the kind of pixels and what is beside them.
    """

    def __init__(self, height: int, width: int, strips: Iterator[Picture]) -> None:
        self.height, self.width = height, width
        self.about = next(strips)
        self._strips = chain([self.about], strips)

    def strips(self) -> Iterator[Picture]:
        """Yield the rows from top to bottom. For one use.

        Raises:
            BadPicture: The file is cut short or damaged.
        """
        return self._strips


def whole(picture: Picture) -> PictureRows:
    """Return a picture in memory, in strips as well: what is made of a strip may be much larger."""
    rows = max(1, _STRIP_BYTES // picture.colour[:1].nbytes)
    return PictureRows(
        picture.height,
        picture.width,
        (
            replace(
                picture,
                colour=picture.colour[first : first + rows],
                alpha=None if picture.alpha is None else picture.alpha[first : first + rows],
            )
            for first in range(0, picture.height, rows)
        ),
    )


def read_rows(content: Content, outline: Outline, folder: Path) -> PictureRows:
    """Open a picture to be read in strips, where its kind allows that, and else decode it whole.

    In strips go PNG (not interlaced), JPEG (grey and YCbCr) and TIFF (in strips or tiles, not in planes).

    Args:
        content: The file.
        outline: Its header.
        folder: Has room for the pixels of a JPEG file, or of one that must be turned upright.

    Raises:
        BadPicture: It is damaged, or cannot be read in strips and does not fit in the memory.
        OSError: It cannot be read.
    """
    opened = _ROWS.get(outline.kind)
    if opened is not None:
        stream = content.open()
        try:
            rows = opened(stream, folder)
        except NotImplementedError:
            stream.close()
        except BaseException:
            stream.close()
            raise
        else:
            height, width = rows.height, rows.width
            strips = upright_strips(_closing(rows, stream), height, width, rows.orientation, folder)
            return PictureRows(*((width, height) if rows.orientation >= 5 else (height, width)), strips)
    # It imports Keras, which those who only list what would be done need not wait for.
    from gantk.inference.memory import available_bytes

    available, needed = available_bytes(), outline.pixels * _DECODING_BYTES * (2 if outline.deep else 1)
    if available is not None and needed > available:
        raise BadPicture(
            f"{outline.width} × {outline.height} pixels of a {outline.kind.upper()} file of this kind can only be decoded "
            f"whole, which needs about {needed / 1e9:.1f} GB of memory; {available / 1e9:.1f} GB are free.",
            hint="Save it as TIFF, or as PNG without interlacing.",
        )
    return whole(read_picture(content.read(), max_pixels=outline.pixels))


def _closing(rows: RowFile, stream: IO[bytes]) -> Iterator[Picture]:
    with stream:
        yield from rows.strips()
