"""TFRecord shards with an offset sidecar for random access.

A record is: length (uint64, little endian), masked CRC-32C of those 8 bytes, the data, masked CRC-32C
of the data. The sidecar `NAME.idx` holds a magic number, the count, and count + 1 offsets (uint64,
little endian) at which the records start, the last being the size of the shard.

Reference: https://www.tensorflow.org/tutorials/load_data/tfrecord (format); RFC 3720, appendix B.4 (CRC-32C)
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import IO, Any, NamedTuple

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from gantk.errors import RunFailed

INDEX_SUFFIX = ".idx"
INDEX_MAGIC = b"gantkidx"
_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_HEADER_BYTES = _LENGTH.size + _CRC.size


def masked_crc(data: bytes) -> int:
    """Return the CRC-32C of `data`, rotated and offset as TFRecord asks (a CRC of data holding CRCs is weak)."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """Return `data` as one TFRecord record."""
    length = _LENGTH.pack(len(data))
    return b"".join((length, _CRC.pack(masked_crc(length)), data, _CRC.pack(masked_crc(data))))


class Mark(NamedTuple):
    """A place in a shard that is being written: the records before it, and their hash."""

    records: int
    hash: Any


class ShardWriter:
    """Writes records to an open file and keeps their offsets, the size and the SHA-256.

    Args:
        file: Opened for binary writing, at its start; seekable.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._offsets = [0]
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Append one record."""
        record = frame(data)
        self._file.write(record)
        self._hash.update(record)
        self._offsets.append(self._offsets[-1] + len(record))

    def mark(self) -> Mark:
        """Return the place after the last record, to go back to."""
        return Mark(self.count, self._hash.copy())

    def roll_back(self, mark: Mark) -> None:
        """Take back all records that were written after a mark of this writer; the mark can be used again."""
        del self._offsets[mark.records + 1 :]
        self._hash = mark.hash.copy()
        self._file.seek(self.size)
        self._file.truncate()

    @property
    def count(self) -> int:
        """Records written so far."""
        return len(self._offsets) - 1

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._offsets[-1]

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes written so far, in hexadecimal."""
        return self._hash.hexdigest()

    def index(self) -> bytes:
        """Return the content of the sidecar."""
        return INDEX_MAGIC + _LENGTH.pack(self.count) + np.asarray(self._offsets, "<u8").tobytes()


def read_index(shard: Path) -> NDArray[np.uint64]:
    """Read the sidecar of a shard.

    Args:
        shard: Path of the shard itself.

    Returns:
        count + 1 offsets, uint64.

    Raises:
        RunFailed: The sidecar is missing, cut short, or of another format.
    """
    path = shard.with_name(shard.name + INDEX_SUFFIX)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunFailed(f"{path}: cannot read the index of a shard. Received: {error}") from error
    header = len(INDEX_MAGIC) + _LENGTH.size
    count = _LENGTH.unpack_from(data, len(INDEX_MAGIC))[0] if len(data) >= header else -1
    if not data.startswith(INDEX_MAGIC) or len(data) != header + 8 * (count + 1):
        raise RunFailed(
            f"{path}: expected {INDEX_MAGIC!r}, a count and count + 1 offsets. "
            f"Received: {len(data)} bytes starting with {data[:8]!r}",
            hint="Delete the dataset's folder and prepare it again.",
        )
    return np.frombuffer(data, "<u8", offset=header)


def read_record(shard: Path, start: int, end: int) -> bytes:
    """Read the record between two offsets of a shard, checking both of its checksums. Safe from any thread.

    Raises:
        RunFailed: The file is missing, cut short or damaged.
    """
    # A file descriptor per read costs some 10 µs, against milliseconds of decoding, and never runs out.
    try:
        descriptor = os.open(shard, os.O_RDONLY | os.O_CLOEXEC)
        try:
            record = os.pread(descriptor, end - start, start)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RunFailed(f"{shard}: cannot read a shard. Received: {error}") from error
    return _checked(record, f"{shard}, bytes {start} to {end}", end - start)


def _checked(record: bytes, where: str, expected: int) -> bytes:
    data = record[_HEADER_BYTES : -_CRC.size]
    intact = (
        len(record) == expected >= _HEADER_BYTES + _CRC.size
        and _LENGTH.unpack_from(record)[0] == len(data)
        and _CRC.unpack_from(record, _LENGTH.size)[0] == masked_crc(record[: _LENGTH.size])
        and _CRC.unpack_from(record, len(record) - _CRC.size)[0] == masked_crc(data)
    )
    if not intact:
        raise RunFailed(
            f"{where}: expected a TFRecord record of {expected} bytes with valid checksums. "
            f"Received: {len(record)} bytes that are not one",
            hint="The shard is damaged: delete it and prepare the dataset again.",
        )
    return data
