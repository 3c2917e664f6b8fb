"""Reading at an offset of a compressed file, which by itself can only be read from its beginning.

What has been unpacked once is not unpacked again where that can be helped:

- gzip: the state of the decompressor is kept every megabyte or more (at most `MOST_CHECKPOINTS` states of
  some 40 KB for each process and file), so that after one pass any place is near.
- bzip2, xz: their decompressors cannot be copied, so the one that stopped nearest before the offset goes on,
  and an offset before all of them costs a pass from the beginning.
"""

from __future__ import annotations

import bisect
import bz2
import lzma
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHUNK = 256 * 1024
FIRST_SPACING = 2**20
MOST_CHECKPOINTS = 256
MOST_IDLE = 4
MOST_STREAMS = 4
MOST_LZMA_MEMORY = 2**30
"""Bytes that an xz file may ask for; `xz -9` asks for 65 MiB."""

DAMAGE = (zlib.error, lzma.LZMAError, EOFError, OSError)
"""What a damaged or shortened file raises while it is unpacked."""

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
"""First bytes of the compressed formats."""


def _decompressor(kind: str) -> Any:
    if kind == "gzip":
        return zlib.decompressobj(wbits=31)
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MOST_LZMA_MEMORY)


class Cursor:
    """A decompressor at a place of the unpacked bytes; it only moves forward."""

    def __init__(self, stream: CompressedStream, decompressor: Any, position: int, packed_position: int) -> None:
        self.stream = stream
        self.position = position
        self._decompressor = decompressor
        self._packed_position = packed_position
        self._pending = b""
        self._ended = False

    def skip_to(self, offset: int) -> None:
        """Unpack and drop what lies before an offset; stops at the end of the file."""
        while self.position < offset and self._more(min(CHUNK, offset - self.position)):
            pass

    def read(self, size: int) -> bytes:
        """Return the next `size` unpacked bytes; fewer only at the end of the file.

        Raises:
            One of `DAMAGE`: The file is damaged or ends early.
        """
        pieces = []
        while size > 0:
            piece = self._more(min(CHUNK, size))
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _more(self, limit: int) -> bytes:
        while not self._ended:
            piece: bytes = self._decompressor.decompress(self._pending, limit)
            # bz2 and lzma keep by themselves what they have not used yet.
            self._pending = getattr(self._decompressor, "unconsumed_tail", b"")
            if self._decompressor.eof:
                self._next_member()
            if piece:
                self.position += len(piece)
                if self.stream.kind == "gzip" and not self._ended:
                    self.stream.keep(self._decompressor, self.position, self._packed_position - len(self._pending))
                return piece
            if not self._pending and not self._ended and not self._feed():
                raise EOFError("the compressed data ends early")
        return b""

    def _feed(self) -> bool:
        self._pending = os.pread(self.stream.file.fileno(), CHUNK, self._packed_position)
        self._packed_position += len(self._pending)
        return bool(self._pending)

    def _next_member(self) -> None:
        # Compressed files may be joined end to end, and tapes leave zeros behind them.
        self._pending = self._decompressor.unused_data.lstrip(b"\0")
        while not self._pending:
            if not self._feed():
                self._ended = True
                return
            self._pending = self._pending.lstrip(b"\0")
        self._decompressor = _decompressor(self.stream.kind)


class CompressedStream:
    """One compressed file and the places in it where unpacking can begin.

    Args:
        path: The file.
        kind: `gzip`, `bzip2` or `xz`.
    """

    def __init__(self, path: str, kind: str) -> None:
        self.kind = kind
        # Unbuffered and read with pread only, so threads and forked processes can share it.
        self.file = open(path, "rb", buffering=0)  # noqa: SIM115
        self._lock = threading.Lock()
        self._spacing = FIRST_SPACING
        self._places: list[int] = []
        self._states: list[tuple[Any, int]] = []
        self._idle: list[Cursor] = []
        self._damage: tuple[int, Exception] | None = None

    def keep(self, decompressor: Any, position: int, packed_position: int) -> None:
        """Remember a decompressor's state if no other is near before it."""
        with self._lock:
            index = bisect.bisect_right(self._places, position)
            before = self._places[index - 1] if index else 0
            if position - before < self._spacing:
                return
            self._places.insert(index, position)
            self._states.insert(index, (decompressor.copy(), packed_position))
            if len(self._places) > MOST_CHECKPOINTS:
                self._spacing *= 2
                del self._places[::2], self._states[::2]

    @contextmanager
    def cursor(self, offset: int) -> Iterator[Cursor]:
        """Lend a cursor that stands at the nearest known place before an offset.

        Raises:
            One of `DAMAGE`: The file was found damaged before the offset.
        """
        with self._lock:
            # Without this, every file behind the damage would cost a pass up to it.
            if self._damage is not None and offset >= self._damage[0]:
                raise self._damage[1]
            near = [cursor for cursor in self._idle if cursor.position <= offset]
            cursor = max(near, key=lambda cursor: cursor.position, default=None)
            index = bisect.bisect_right(self._places, offset)
            if index and (cursor is None or cursor.position < self._places[index - 1]):
                decompressor, packed_position = self._states[index - 1]
                cursor = Cursor(self, decompressor.copy(), self._places[index - 1], packed_position)
            elif cursor is not None:
                self._idle.remove(cursor)
            else:
                cursor = Cursor(self, _decompressor(self.kind), 0, 0)
        try:
            yield cursor
        except DAMAGE as error:
            with self._lock:
                self._damage = (cursor.position, error)
            raise
        with self._lock:
            self._idle.append(cursor)
            del self._idle[:-MOST_IDLE]


_streams: dict[tuple[int, str, int, int], CompressedStream] = {}
_streams_lock = threading.Lock()


def open_stream(path: str, kind: str) -> CompressedStream:
    """Return this process's stream of a file, with all it knows about it; a changed file is a new one."""
    status = os.stat(path)
    key = (os.getpid(), os.path.abspath(path), status.st_size, status.st_mtime_ns)
    with _streams_lock:
        stream = _streams.pop(key, None) or CompressedStream(path, kind)
        _streams[key] = stream
        while len(_streams) > MOST_STREAMS:
            del _streams[next(iter(_streams))]
        return stream
