"""PyTorch's checkpoints before 1.6: five pickles, then every storage with its number of elements before it.

The pickles are a magic number, the version of the format, facts about the system, the object that was saved, and the
keys of the storages in their order. Numbers are little-endian whatever the system was.
"""

from __future__ import annotations

import struct
from pathlib import Path

from gantk.artifacts.foreign.contents import Contents
from gantk.artifacts.foreign.stored_tensor import Storage, Unreadable
from gantk.artifacts.foreign.tensor_pickle import PickleStream, read_pickle

NAME = "PyTorch legacy checkpoint"
_MAGIC = 0x1950A86A20F9469CFC6C
_MAGIC_BYTES = _MAGIC.to_bytes(10, "little")
_VERSION = 1001


def recognises(path: Path, beginning: bytes) -> bool:
    """Say whether a file begins with a pickle of the magic number, of any protocol."""
    return beginning.startswith(b"\x80") and _MAGIC_BYTES in beginning[:32]


def read(path: Path) -> Contents:
    """Read the description of the tensors; storages are read when asked for.

    Raises:
        Unreadable: It is damaged or hostile, or holds more than tensors.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        pickles = PickleStream(stream)
        magic, version, _, saved, ordered = (read_pickle(pickles) for _ in range(5))
        keys, storages = ordered.value, saved.storages
        if magic.value != _MAGIC or version.value != _VERSION:
            raise Unreadable(f"the version must be {_VERSION}. Received: another one")
        if type(keys) is not list or not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
            raise Unreadable("the storages must have different keys. Received: something else")
        if set(keys) != set(storages):
            raise Unreadable("the keys must be those of the tensors' storages. Received: others")
        places: dict[str, int] = {}
        for key in keys:
            storage = storages[key]
            header = stream.read(8)
            if len(header) < 8:
                raise Unreadable(f"storage {key!r} must be in the file. Received: the end of the file")
            (elements,) = struct.unpack("<q", header)
            if elements != storage.elements:
                raise Unreadable(f"storage {key!r} must have {storage.elements} elements. Received: {elements}")
            places[key] = stream.tell()
            if places[key] + storage.bytes > size:
                raise Unreadable(f"storage {key!r} must have {storage.bytes} bytes. Received: {size - places[key]}")
            stream.seek(storage.bytes, 1)

    def load(storage: Storage) -> bytes:
        with path.open("rb") as stream:
            stream.seek(places[storage.key])
            content = stream.read(storage.bytes)
        if len(content) != storage.bytes:
            raise Unreadable(f"storage {storage.key!r} must have {storage.bytes} bytes. Received: {len(content)}")
        return content

    return Contents(NAME, saved.value, load)
