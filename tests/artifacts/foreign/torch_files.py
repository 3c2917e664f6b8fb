"""Checkpoints as PyTorch writes them, byte by byte, without PyTorch: zip (since 1.6) and legacy."""

from __future__ import annotations

import struct
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}
SIZES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "float16": 2, "bfloat16": 2, "int16": 2}


@dataclass(frozen=True)
class Storage:
    """Elements, as little-endian bytes."""

    key: str
    dtype: str
    content: bytes
    elements: int | None = None  # what the pickle says; by default the truth

    @property
    def count(self) -> int:
        return len(self.content) // SIZES.get(self.dtype, 1) if self.elements is None else self.elements


@dataclass(frozen=True)
class Tensor:
    """A view of a storage, in elements."""

    storage: Storage
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0


@dataclass(frozen=True)
class Parameter:
    data: Tensor


@dataclass(frozen=True)
class Call:
    """A call of a global: what a hostile pickle does."""

    name: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Raw:
    """Instructions as they are."""

    instructions: bytes


def tensor(array: np.ndarray, key: str, dtype: str = "") -> Tensor:
    """A contiguous tensor; `bfloat16` takes the upper halves of float32."""
    dtype = dtype or array.dtype.name
    if dtype == "bfloat16":
        content = (np.ascontiguousarray(array, "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    else:
        content = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<")).tobytes()
    strides = [1]
    for size in reversed(array.shape[1:]):
        strides.insert(0, strides[0] * size)
    return Tensor(Storage(key, dtype, content), array.shape, tuple(strides[: array.ndim]))


def state_dict(arrays: dict[str, np.ndarray]) -> OrderedDict[str, Tensor]:
    return OrderedDict((name, tensor(array, str(index))) for index, (name, array) in enumerate(arrays.items()))


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


class Pickler:
    """Protocol 2, with the memo for texts and globals, as PyTorch's."""

    def __init__(self, *, legacy: bool) -> None:
        self.legacy = legacy
        self.storages: dict[str, Storage] = {}
        self.memo: dict[str, int] = {}

    def dump(self, value: Any) -> bytes:
        return b"\x80\x02" + self.of(value) + b"."

    def memoized(self, key: str, instructions: bytes) -> bytes:
        if key in self.memo:
            return b"h" + bytes([self.memo[key]])
        if len(self.memo) >= 256:
            return instructions
        self.memo[key] = len(self.memo)
        return instructions + b"q" + bytes([self.memo[key]])

    def name(self, name: str) -> bytes:
        module, _, attribute = name.rpartition(".")
        return self.memoized(f"global {name}", f"c{module}\n{attribute}\n".encode())

    def of(self, value: Any) -> bytes:
        if isinstance(value, Raw):
            return value.instructions
        if value is None or isinstance(value, bool):
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        if isinstance(value, int):
            if 0 <= value < 256:
                return b"K" + bytes([value])
            if abs(value) < 2**31:
                return b"J" + struct.pack("<i", value)
            length = value.bit_length() // 8 + 1
            return b"\x8a" + bytes([length]) + value.to_bytes(length, "little", signed=True)
        if isinstance(value, float):
            return b"G" + struct.pack(">d", value)
        if isinstance(value, str):
            return self.memoized(f"text {value}", text(value))
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self.of, value)) + b"t"
        if isinstance(value, list):
            return b"](" + b"".join(map(self.of, value)) + b"e"
        if isinstance(value, dict):
            start = self.name("collections.OrderedDict") + b")R" if isinstance(value, OrderedDict) else b"}"
            items = b"".join(self.of(key) + self.of(item) for key, item in value.items())
            # The attributes of a state dict: versions of its layers.
            end = b"}" + text("_metadata") + b"}sb" if isinstance(value, OrderedDict) and value else b""
            return start + b"(" + items + b"u" + end
        if isinstance(value, Call):
            return self.name(value.name) + self.of(value.arguments) + b"R"
        if isinstance(value, Parameter):
            call = Call("torch._utils._rebuild_parameter", (value.data, True, OrderedDict()))
            return self.of(call)
        if isinstance(value, Tensor):
            rest = (value.offset, value.shape, value.strides, False, OrderedDict())
            arguments = self.of(value.storage) + b"".join(map(self.of, rest))
            return self.name("torch._utils._rebuild_tensor_v2") + b"(" + arguments + b"tR"
        if isinstance(value, Storage):
            self.storages[value.key] = value
            kind = self.name(f"torch.{STORAGES[value.dtype]}")
            rest = (value.key, "cpu", value.count, *((None,) if self.legacy else ()))
            return b"(" + self.of("storage") + kind + b"".join(map(self.of, rest)) + b"tQ"
        raise TypeError(type(value))


def write_zip(
    path: Path, value: Any, *, big_endian: bool = False, change: Any = None, folder: str = "archive", **kind: Any
) -> Path:
    """Write a checkpoint; `change` may alter the members (name → bytes) before they are written."""
    pickler = Pickler(legacy=False)
    members = {f"{folder}/data.pkl": pickler.dump(value), f"{folder}/version": b"3\n"}
    members[f"{folder}/byteorder"] = b"big" if big_endian else b"little"
    for key, storage in pickler.storages.items():
        size = SIZES.get(storage.dtype, 1)
        content = np.frombuffer(storage.content, f"V{size}")
        if big_endian and size > 1:
            content = np.frombuffer(storage.content, f"<u{size}").byteswap()
        members[f"{folder}/data/{key}"] = content.tobytes()
    if change is not None:
        change(members)
    with zipfile.ZipFile(path, "w", **kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_legacy(path: Path, value: Any, *, protocol: bytes = b"\x80\x02") -> Path:
    """Write a checkpoint of the format before PyTorch 1.6."""
    pickler = Pickler(legacy=True)
    saved = pickler.dump(value)
    facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    keys = sorted(pickler.storages)
    plain = [Pickler(legacy=True).dump(part) for part in (MAGIC, 1001, facts)]
    pickles = [protocol + pickle[2:] for pickle in (*plain, saved, Pickler(legacy=True).dump(keys))]
    storages = [struct.pack("<q", pickler.storages[key].count) + pickler.storages[key].content for key in keys]
    path.write_bytes(b"".join([*pickles, *storages]))
    return path
