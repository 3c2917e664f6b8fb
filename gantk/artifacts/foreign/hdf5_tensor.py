"""One data set of an HDF5 file as a tensor: what it is, and where in the file its elements lie.

Elements lie in one piece, in the description itself (compact, up to 64 KB), or in chunks, as they are or packed by
HDF5's own filters `gzip` and `shuffle`.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gantk.artifacts.foreign.stored_tensor import ITEM_SIZES, Storage, StoredTensor, Unreadable

_GZIP, _SHUFFLE = 1, 2
_MOST_OFTEN_PACKED = 8
_LARGEST_REST = 1 << 20
"""Chunks may reach beyond the tensor's edge, and a small file's by more than it holds."""


@dataclass(frozen=True)
class _Chunk:
    start: tuple[int, ...]
    offset: int
    bytes: int
    skipped_filters: int


def locate_tensor(
    name: str, facts: Mapping[str, Any], path: Path, size: int
) -> tuple[StoredTensor, Callable[[], bytes]]:
    """Compare what is said of a data set with the file, without reading its elements.

    Args:
        name: Of the tensor.
        facts: As `hdf5_description.describe` gives them.
        path: The file.
        size: Its bytes.

    Returns:
        The tensor, of a storage of its own, and what reads its bytes, little-endian.

    Raises:
        Unreadable: It lies beyond the file, or is larger than the file allows.
    """
    dtype, shape = facts["dtype"], tuple(facts["shape"])
    tensor = StoredTensor(
        Storage(name, dtype, math.prod(shape)),
        dtype,
        0,
        shape,
        tuple(math.prod(shape[place + 1 :]) for place in range(len(shape))),
    )
    wanted = tensor.storage.bytes
    if wanted > _MOST_OFTEN_PACKED * size:
        raise Unreadable(f"{name!r} must fit into the file of {size} bytes. Received: the shape {shape}")
    read: Callable[[], bytes]
    if not wanted:
        read = bytes
    elif "chunks" in facts:
        read = _chunked(name, facts, shape, ITEM_SIZES[dtype], path, size)
    elif "held" in facts:
        held = bytes.fromhex(facts["held"])
        if len(held) != wanted:
            raise Unreadable(f"{name!r} must have {wanted} bytes. Received: {len(held)}")
        read = partial(bytes, held)
    else:
        offset = facts["offset"]
        if facts["filters"] or facts["stored"] != wanted:
            raise Unreadable(f"{name!r} must have {wanted} bytes. Received: {facts['stored']}")
        if offset is None or not 0 <= offset <= size - wanted:
            raise Unreadable(f"{name!r} must lie within the file of {size} bytes. Received: another place")
        read = partial(_piece, path, name, offset, wanted)
    return tensor, partial(_little_endian, read, ITEM_SIZES[dtype]) if facts["big_endian"] else read


def _piece(path: Path, name: str, offset: int, count: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(offset)
        content = stream.read(count)
    if len(content) != count:
        raise Unreadable(f"{name!r} must have {count} bytes. Received: {len(content)}")
    return content


def _little_endian(read: Callable[[], bytes], item: int) -> bytes:
    import numpy as np

    return np.frombuffer(read(), f">u{item}").astype(f"<u{item}").tobytes()


def _chunked(
    name: str, facts: Mapping[str, Any], shape: tuple[int, ...], item: int, path: Path, size: int
) -> Callable[[], bytes]:
    filters, lengths = list(facts["filters"]), tuple(facts["lengths"])
    if any(code not in (_GZIP, _SHUFFLE) for code in filters):
        raise Unreadable(
            f"{name!r} may be packed by gzip and shuffle alone (h5repack -f NONE IN.h5 OUT.h5 unpacks it). "
            f"Received: the filters {', '.join(map(str, filters[:10]))}"
        )
    whole = math.prod(lengths) * item
    if len(lengths) != len(shape) or min(lengths) < 1:
        raise Unreadable(f"{name!r} must have chunks of its dimensions. Received: chunks of {lengths}")
    counts = [-(-length // chunk) for length, chunk in zip(shape, lengths, strict=True)]
    # Each takes at least a byte of the file.
    if math.prod(counts) > size or math.prod(counts) * whole > _MOST_OFTEN_PACKED * size + _LARGEST_REST:
        raise Unreadable(f"{name!r} must have chunks that fit into the file. Received: chunks of {lengths}")
    found = {tuple(start): _Chunk(tuple(start), *place) for start, *place in facts["chunks"]}
    if len(facts["chunks"]) != math.prod(counts):
        raise Unreadable(f"{name!r} must be whole, {math.prod(counts)} chunks. Received: {len(facts['chunks'])}")
    places = itertools.product(*(range(0, count * chunk, chunk) for count, chunk in zip(counts, lengths, strict=True)))
    inside = all(chunk.bytes >= 0 and 0 <= chunk.offset <= size - chunk.bytes for chunk in found.values())
    if set(found) != set(places) or not inside:
        raise Unreadable(f"{name!r} must be whole, chunk beside chunk in the file. Received: other places")
    return partial(_assembled, path, name, list(found.values()), filters, lengths, shape, item)


def _assembled(
    path: Path,
    name: str,
    chunks: list[_Chunk],
    filters: list[int],
    lengths: tuple[int, ...],
    shape: tuple[int, ...],
    item: int,
) -> bytes:
    import numpy as np

    elements = np.empty(shape, f"V{item}")
    for chunk in chunks:
        content = _unpacked(name, _piece(path, name, chunk.offset, chunk.bytes), chunk, filters, lengths, item)
        part = np.frombuffer(content, f"V{item}").reshape(lengths)
        inside = tuple(slice(0, end - start) for start, end in zip(chunk.start, shape, strict=True))
        target = tuple(slice(start, start + step) for start, step in zip(chunk.start, lengths, strict=True))
        elements[target] = part[inside]
    return elements.tobytes()


def _unpacked(
    name: str, content: bytes, chunk: _Chunk, filters: list[int], lengths: tuple[int, ...], item: int
) -> bytes:
    import numpy as np

    whole = math.prod(lengths) * item
    for place in reversed(range(len(filters))):
        if chunk.skipped_filters >> place & 1:
            continue
        if filters[place] == _GZIP:
            unpacker = zlib.decompressobj()
            try:
                # Never more than the chunk may hold, whatever its packed bytes would become.
                content = unpacker.decompress(content, whole + 1)
            except zlib.error as error:
                raise Unreadable(f"{name!r} must be packed by gzip. Received: {error}") from error
        elif len(content) == whole:
            content = np.frombuffer(content, np.uint8).reshape(item, -1).T.tobytes()
    if len(content) != whole:
        raise Unreadable(f"{name!r} must have chunks of {whole} bytes. Received: {len(content)}, or more")
    return content
