"""What a reader of a file format gives: a tree that describes tensors, and a way to read their elements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gantk.artifacts.foreign.stored_tensor import Storage

NEEDED = "a PyTorch checkpoint, a safetensors file or a Keras HDF5 file"
"""What can be imported, for errors."""


@dataclass(frozen=True)
class Contents:
    """A file whose description has been read, and whose tensors have not.

    Args:
        format: What kind of file it is, for people.
        tree: Dicts of `StoredTensor`s and of other dicts, among plain values.
        load: Reads the bytes of a storage, as many as it says; raises `Unreadable`.
        big_endian: Byte order of the storages.
    """

    format: str
    tree: Any
    load: Callable[[Storage], bytes]
    big_endian: bool = False
