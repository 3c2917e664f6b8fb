"""The bytes of an input: in memory, or, of a large file, where they lie."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gantk.inference.inputs import PictureInput

_IN_MEMORY = 32 << 20
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Content:
    """What an input holds.

    Args:
        sha256: Of the bytes, in hex.
        size: How many there are.
        held: The bytes, where they are in memory.
        path: The file, where they are not.
    """

    sha256: str
    size: int
    held: bytes | None = None
    path: Path | None = None

    def open(self) -> IO[bytes]:
        """Return a new stream from the first byte on. Raises `OSError`."""
        if self.held is not None:
            return io.BytesIO(self.held)
        assert self.path is not None
        return self.path.open("rb")

    def read(self) -> bytes:
        """Return the bytes. Raises `OSError`."""
        if self.held is not None:
            return self.held
        assert self.path is not None
        return self.path.read_bytes()


def content_of(picture: PictureInput) -> Content:
    """Read an input; one that is a file of more than 32 MB only to compute its checksum.

    What lies in an archive is held in memory, whatever its size.

    Raises:
        BadPicture, OSError: It cannot be read.
    """
    if picture.path is None or picture.path.stat().st_size <= _IN_MEMORY:
        held = picture.read()
        return Content(hashlib.sha256(held).hexdigest(), len(held), held=held)
    checksum, size = hashlib.sha256(), 0
    with picture.path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            checksum.update(block)
            size += len(block)
    return Content(checksum.hexdigest(), size, path=picture.path)
