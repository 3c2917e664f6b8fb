"""Content on its way from an archive or a server: in memory where it is small, else in a file without a name."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from pathlib import Path
from typing import IO, Any, Protocol

from gantk.errors import RunFailed

IN_MEMORY = 32 << 20
"""Most bytes of one content that are held in memory, where there is a folder to put more in."""
FILE_LIMIT = 2 << 30
"""Most bytes of one encoded picture that does not lie in a file of its own."""
_BLOCK = 1 << 20


class TooLarge(Exception):
    """There is more than `FILE_LIMIT`."""


def too_large(size: int | None = None, why: str = "") -> str:
    """Return the reason of an input that is larger than `FILE_LIMIT`.

    Args:
        size: Its bytes, where they are known.
        why: What makes that matter.
    """
    return f"It is larger than {FILE_LIMIT >> 30} GiB{why}" + ("." if size is None else f": {size} bytes.")


class Readable(Protocol):
    """What content is read from."""

    def read(self, size: int = ..., /) -> bytes:
        """Return at most so many bytes; none at the end."""
        ...


def spooled(stream: Readable, folder: Path | None, *, limit: int = FILE_LIMIT) -> bytes | IO[bytes]:
    """Read a stream to its end.

    Args:
        stream: The content.
        folder: There, or can be made; takes a content of more than 32 MB. None holds all in memory.
        limit: Most bytes.

    Returns:
        The bytes, or an open file that is gone when it is closed.

    Raises:
        TooLarge: There are more than the limit.
        OSError: It cannot be read, or the folder cannot be written.
        RunFailed: The disk is full.
    """
    blocks: list[bytes] = []
    size, file = 0, None
    try:
        while block := stream.read(_BLOCK):
            size += len(block)
            if size > limit:
                raise TooLarge
            if file is None and folder is not None and size > IN_MEMORY:
                folder.mkdir(parents=True, exist_ok=True)
                file = tempfile.TemporaryFile(dir=folder, prefix=".gantk-content-", buffering=0)  # noqa: SIM115
                _write(file, b"".join(blocks), folder)
                blocks = []
            if file is None:
                blocks.append(block)
            else:
                assert folder is not None
                _write(file, block, folder)
        return b"".join(blocks) if file is None else file
    except BaseException:
        if file is not None:
            file.close()
        raise


def _write(file: IO[bytes], block: bytes, folder: Path) -> None:
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            # No fault of the input: the next large one would fail as well.
            raise RunFailed(
                f"No space is left in {folder} for an input that is read from an archive or a URL.",
                hint="Free some space, then run the same command again: it continues.",
            ) from error
        raise


class SharedFile(io.RawIOBase):
    """A view of an open file with a position of its own, so that several threads may read it.

    Args:
        file: Stays open at least as long as the view is there.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def readinto(self, target: Any) -> int:
        content = os.pread(self.fileno(), len(target), self._position)
        target[: len(content)] = content
        self._position += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            offset += os.fstat(self.fileno()).st_size
        if offset < 0:
            raise ValueError(f"A position must be 0 or more. Received: {offset}")
        self._position = offset
        return offset
