"""Files of the safetensors format: a JSON header and the tensors' elements."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from gantk.artifacts.foreign.contents import Contents
from gantk.artifacts.foreign.stored_tensor import BFLOAT16, Storage, StoredTensor, Unreadable

NAME = "safetensors file"
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": BFLOAT16,
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
}


def recognises(path: Path, beginning: bytes) -> bool:
    """Say whether a file begins with the length of a JSON object and with one."""
    if len(beginning) < 10 or beginning[8:9] != b"{":
        return False
    (length,) = struct.unpack("<Q", beginning[:8])
    return 2 <= length < 1 << 32


def read(path: Path) -> Contents:
    """Read all tensors.

    Raises:
        Unreadable: It is damaged, or has a type of number that is not known here.
    """
    from safetensors import SafetensorError, deserialize

    content = path.read_bytes()
    try:
        members: list[tuple[str, dict[str, Any]]] = deserialize(content)  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError) as error:
        raise Unreadable(f"a safetensors file must be whole. Received: {error}") from error
    elements: dict[str, bytes] = {}
    tree: dict[str, StoredTensor] = {}
    for name, facts in members:
        dtype = _DTYPES.get(facts["dtype"])
        if dtype is None:
            raise Unreadable(f"{name!r} must be of the types {', '.join(_DTYPES)}. Received: {facts['dtype']}")
        shape = tuple(facts["shape"])
        strides = [1]
        for length in reversed(shape[1:]):
            strides.insert(0, strides[0] * length)
        count = 1
        for length in shape:
            count *= length
        elements[name] = facts["data"]
        tree[name] = StoredTensor(Storage(name, dtype, count), dtype, 0, shape, tuple(strides[: len(shape)]))
    return Contents(NAME, tree, lambda storage: bytes(elements[storage.key]))
