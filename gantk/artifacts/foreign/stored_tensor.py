"""A tensor as a checkpoint describes it: a view of a storage, checked before anything of it is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BFLOAT16 = "bfloat16"
ITEM_SIZES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    BFLOAT16: 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint64": 8,
    "uint32": 4,
    "uint16": 2,
    "uint8": 1,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
}
"""Bytes of one element, by the name that NumPy and PyTorch share."""

_MOST_DIMENSIONS = 16
# Tensors that share a storage are rare and few; a file that describes far more than it holds is hostile.
_MOST_OFTEN_DESCRIBED = 8


class Unreadable(Exception):
    """The file is damaged, hostile, or holds more than tensors. The text says what was expected and received."""


@dataclass(frozen=True)
class Storage:
    """Elements of a file, one after another.

    Args:
        key: Its name in the file.
        dtype: A key of `ITEM_SIZES`; empty for plain bytes.
        elements: How many; bytes where `dtype` is empty.
    """

    key: str
    dtype: str
    elements: int

    @property
    def bytes(self) -> int:
        """Size in the file."""
        return self.elements * ITEM_SIZES.get(self.dtype, 1)


@dataclass(frozen=True)
class StoredTensor:
    """A strided view of a storage.

    Args:
        storage: Where its elements are.
        dtype: A key of `ITEM_SIZES`.
        offset: Index of its first element.
        shape: Its shape.
        strides: Elements from one index of a dimension to the next.

    Raises:
        Unreadable: It reaches beyond its storage, or has more elements than that.
    """

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.strides)
        if any(type(number) is not int or not 0 <= number < 2**63 for number in numbers):
            raise Unreadable("a tensor's offset, shape and strides must be numbers from 0. Received: something else")
        if len(self.shape) != len(self.strides) or len(self.shape) > _MOST_DIMENSIONS:
            raise Unreadable(
                f"a tensor must have as many strides as dimensions, at most {_MOST_DIMENSIONS}. "
                f"Received: {len(self.shape)} dimensions and {len(self.strides)} strides"
            )
        if math.prod(max(size, 1) for size in self.shape) >= 2**59:
            raise Unreadable("a tensor must have a size that a machine can hold. Received: a larger one")
        held = self.storage.bytes // ITEM_SIZES[self.dtype]
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if self.elements and (last >= held or self.elements > held):
            raise Unreadable(
                f"a tensor must lie within its storage of {held} elements. Received: shape {self.shape}, "
                f"strides {self.strides}, offset {self.offset}"
            )

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)


def read_arrays(
    tensors: Mapping[str, StoredTensor], load: Callable[[Storage], bytes], *, big_endian: bool = False
) -> dict[str, NDArray[Any]]:
    """Read tensors.

    Args:
        tensors: By name.
        load: Returns the bytes of a storage, as many as it says; called once for each.
        big_endian: Byte order of the file.

    Returns:
        Arrays by the same names, in the byte order of this machine, read-only; bfloat16 as float32, which holds all
        of its values. Tensors that share a storage share memory.

    Raises:
        Unreadable: The tensors describe many times what the file holds.
    """
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    held = sum(storage.bytes for storage in storages.values())
    described = sum(tensor.elements * ITEM_SIZES[tensor.dtype] for tensor in tensors.values())
    if described > _MOST_OFTEN_DESCRIBED * held:
        raise Unreadable(
            f"tensors must not describe more than {_MOST_OFTEN_DESCRIBED} times what the file holds. "
            f"Received: {described} bytes in {held}"
        )
    loaded: dict[tuple[str, str], NDArray[Any]] = {}
    arrays = {}
    for name, tensor in tensors.items():
        at = tensor.storage.key, tensor.dtype
        if at not in loaded:
            loaded[at] = elements_of(load(tensor.storage), tensor.dtype, big_endian=big_endian)
        elements = loaded[at]
        # The bounds were checked when the tensor was made.
        array = np.lib.stride_tricks.as_strided(
            elements[tensor.offset :],
            tensor.shape,
            tuple(stride * elements.itemsize for stride in tensor.strides),
            writeable=False,
        )
        arrays[name] = array
    return arrays


def elements_of(content: bytes, dtype: str, *, big_endian: bool = False) -> NDArray[Any]:
    """Return the elements that bytes stand for, one dimension, in the byte order of this machine.

    Args:
        content: The bytes; a rest that is no whole element is left out.
        dtype: A key of `ITEM_SIZES`; bfloat16 becomes float32.
        big_endian: Byte order of `content`.
    """
    order: Literal["<", ">"] = ">" if big_endian else "<"
    count = len(content) // ITEM_SIZES[dtype]
    if dtype == BFLOAT16:
        # The upper half of a float32.
        halves = np.frombuffer(content, np.dtype(f"{order}u2"), count).astype(np.uint32)
        return (halves << np.uint32(16)).view(np.float32)
    if dtype == "bool":
        # Any byte but 0 is true; NumPy would keep others as they are.
        return np.frombuffer(content, np.uint8, count) != 0
    stored = np.frombuffer(content, np.dtype(dtype).newbyteorder(order), count)
    return stored.astype(np.dtype(dtype), copy=False)
