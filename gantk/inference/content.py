"""The bytes of an input: in memory, or, of a large one, in a file."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gantk.inference.picture import BadPicture
from gantk.inference.picture_input import PictureInput
from gantk.inference.spooling import FILE_LIMIT, IN_MEMORY, SharedFile, too_large

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Content:
    """What an input holds.

    Args:
        sha256: Of the bytes, in hex.
        size: How many there are.
        held: The bytes, where they are in memory.
        path: The file, where they are in one that the user knows.
        file: The open file without a name, where they are in none of both.
    """

    sha256: str
    size: int
    held: bytes | None = None
    path: Path | None = None
    file: IO[bytes] | None = None

    def open(self) -> IO[bytes]:
        """Return a new stream from the first byte on; one may be read in each thread. Raises `OSError`."""
        if self.held is not None:
            return io.BytesIO(self.held)
        if self.file is not None:
            return io.BufferedReader(SharedFile(self.file))
        assert self.path is not None
        return self.path.open("rb")

    def read(self) -> bytes:
        """Return the bytes.

        Raises:
            BadPicture: They are more than 2 GiB.
            OSError: They cannot be read.
        """
        if self.held is not None:
            return self.held
        if self.size > FILE_LIMIT:
            raise BadPicture(too_large(self.size, ", and cannot be read in rows"))
        with self.open() as stream:
            return stream.read()


def content_of(picture: PictureInput, folder: Path | None = None) -> Content:
    """Read an input; one of more than 32 MB only to compute its checksum, where it can be read again.

    Args:
        picture: The input.
        folder: Takes the content of a large one that lies in an archive or behind a URL, in a file without a name;
            without a folder it is held in memory.

    Raises:
        BadPicture, OSError: It cannot be read.
    """
    if picture.path is not None and picture.path.stat().st_size > IN_MEMORY:
        with picture.path.open("rb") as stream:
            return Content(*_checksum(stream), path=picture.path)
    read = picture.read() if folder is None or picture.spool is None else picture.spool(folder)
    if isinstance(read, bytes):
        return Content(hashlib.sha256(read).hexdigest(), len(read), held=read)
    with io.BufferedReader(SharedFile(read)) as stream:
        return Content(*_checksum(stream), file=read)


def _checksum(stream: IO[bytes]) -> tuple[str, int]:
    checksum, size = hashlib.sha256(), 0
    while block := stream.read(_BLOCK):
        checksum.update(block)
        size += len(block)
    return checksum.hexdigest(), size
