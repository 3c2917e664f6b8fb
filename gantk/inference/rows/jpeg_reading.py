"""Reading JPEG in strips of rows.

No decoder at hand gives the rows one by one, so the picture is decoded at once, into a file without a name that is mapped
into memory. What has been written is let go while the decoder goes on: it stays in the system's cache of files, or on
the disk, and the process does not hold it. A progressive file needs its coefficients in memory, all of them.
"""

from __future__ import annotations

import io
import mmap
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import simplejpeg
from PIL import JpegImagePlugin

from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_reading import read_dpi, read_exif, refuse_several, undecodable

_STRIP_BYTES = 8 << 20
_SECONDS_BETWEEN = 0.02


class JpegRows:
    """A JPEG file that can be read in strips.

    Attributes:
        height: Rows, as stored.
        width: Columns, as stored.
        orientation: The EXIF orientation still to be applied to all rows.
    """

    def __init__(self, stream: IO[bytes], folder: Path) -> None:
        """Read all but the pixels.

        Args:
            stream: The file; stays open until the first strip has been read.
            folder: Has room for the pixels.

        Raises:
            BadPicture: It is damaged.
            NotImplementedError: It is neither grey nor YCbCr.
        """
        self._stream = stream
        self._folder = folder
        try:
            image = JpegImagePlugin.JpegImageFile(stream)
        except Exception as error:
            raise undecodable("jpeg", error) from error
        refuse_several(image, "jpeg")
        if image.mode not in ("L", "RGB"):
            raise NotImplementedError(image.mode)
        self.width, self.height = image.size
        self._channels = 1 if image.mode == "L" else 3
        exif, self.orientation = read_exif(image, "jpeg")
        self._about = Picture(
            np.empty((0, self.width, self._channels), np.uint8),
            format="jpeg",
            icc_profile=image.info.get("icc_profile") or None,
            exif=exif,
            dpi=read_dpi(image.info.get("dpi")),
        )

    def strips(self) -> Iterator[Picture]:
        """Yield the rows from top to bottom, each strip with what the file says of the whole.

        Raises:
            BadPicture: The file is cut short or damaged.
        """
        row_bytes = self.width * self._channels
        with tempfile.TemporaryFile(dir=self._folder, prefix=".gantk-rows-") as file:
            # All of it now: a full disk would end the process while it writes to the mapped file.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, self.height * row_bytes)
            else:
                for _ in range(self.height):
                    file.write(bytes(row_bytes))
                file.flush()
            self._decode(file)
            rows = max(1, _STRIP_BYTES // row_bytes)
            for first in range(0, self.height, rows):
                count = min(rows, self.height - first)
                content = os.pread(file.fileno(), count * row_bytes, first * row_bytes)
                colour = np.frombuffer(content, np.uint8).reshape(count, self.width, self._channels)
                yield replace(self._about, colour=colour)

    def _decode(self, file: IO[bytes]) -> None:
        with mmap.mmap(file.fileno(), 0) as pixels, _mapped(self._stream) as content, _let_go(pixels, content):
            try:
                simplejpeg.decode_jpeg(
                    content,
                    colorspace="GRAY" if self._channels == 1 else "RGB",
                    # As Pillow decodes, to the last bit.
                    fastdct=False,
                    fastupsample=False,
                    buffer=np.frombuffer(pixels, np.uint8),
                    strict=True,
                )
            except (ValueError, OverflowError) as error:
                raise BadPicture(f"The JPEG file cannot be decoded, being cut short or damaged: {error}.") from error


@contextmanager
def _mapped(stream: IO[bytes]) -> Iterator[Any]:
    """Give the bytes of a file without reading them all at once, or of what is in memory."""
    if isinstance(stream, io.BytesIO):
        with stream.getbuffer() as held:
            yield held
    else:
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped


@contextmanager
def _let_go(*mappings: Any) -> Iterator[None]:
    """Keep mapped files out of the memory of this process, again and again while the block goes on."""
    ended = threading.Event()

    def drop() -> None:
        # A shared mapping is filled again from the file, or what the system has cached of it.
        for mapping in mappings:
            if isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                mapping.madvise(mmap.MADV_DONTNEED)

    def watch() -> None:
        while not ended.wait(_SECONDS_BETWEEN):
            drop()

    thread = threading.Thread(target=watch, name="gantk-let-go", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
