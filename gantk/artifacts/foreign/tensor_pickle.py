"""The pickles inside PyTorch's checkpoints, read by an interpreter that can build tensors and nothing else.

The instructions come from `pickletools.genops`, which only takes them apart. Of the globals that a pickle may name,
those below are known and stand for descriptions of tensors; every other one is refused with its name. No object of
another class is made, nothing is imported and nothing of the file is called.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from gantk.artifacts.foreign.stored_tensor import BFLOAT16, ITEM_SIZES, Storage, StoredTensor, Unreadable

LONGEST = 32 << 20
"""Most bytes of the pickles of a file; a network of a thousand layers needs some hundred thousand."""
_MOST_INSTRUCTIONS = 2_000_000
_LARGEST_NUMBER = 1 << 127

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "",
}
_DTYPE_ALIASES = {"double": "float64", "float": "float32", "half": "float16", "long": "int64", "int": "int32"}

_MARK = object()


class Refused(Unreadable):
    """The pickle names something that is no part of a tensor.

    Args:
        name: Its name, such as `os.system`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"refused: {name}")
        self.name = name


@dataclass(frozen=True)
class _StorageType:
    dtype: str


@dataclass(frozen=True)
class _DataType:
    name: str


@dataclass(frozen=True)
class _Function:
    name: str
    call: Callable[..., Any]


class PickleStream:
    """A stream that gives at most `LONGEST` bytes in all to the pickles at its beginning.

    Args:
        stream: An open file, positioned at the first pickle.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = LONGEST

    def read(self, count: int) -> bytes:
        """Read, as a file does. A count that is absurd is refused before memory is asked for."""
        self._spend(count)
        return self._stream.read(count)

    def readline(self) -> bytes:
        """Read up to and with a line feed."""
        line = self._stream.readline(self._left)
        self._spend(len(line))
        return line

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise Unreadable(f"the description of the tensors must have at most {LONGEST} bytes. Received: more")


@dataclass(frozen=True)
class Pickled:
    """What a pickle holds.

    Args:
        value: Plain values, lists, tuples and dicts, and `StoredTensor`s. Attributes of dicts are left out.
        storages: Every storage that it names, by key.
    """

    value: Any
    storages: Mapping[str, Storage]


def read_pickle(stream: PickleStream) -> Pickled:
    """Read one pickle, up to its end.

    Raises:
        Refused: It names a global that is not of a tensor.
        Unreadable: It is damaged, too long, or uses instructions that no tensor needs.
    """
    interpreter = _Interpreter()
    return Pickled(interpreter.run(stream), interpreter.storages)


class _Interpreter:
    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def run(self, stream: PickleStream) -> Any:
        try:
            for count, (instruction, argument, _) in enumerate(pickletools.genops(stream)):  # type: ignore[arg-type]
                if count >= _MOST_INSTRUCTIONS:
                    raise Unreadable(
                        f"a checkpoint must have at most {_MOST_INSTRUCTIONS} instructions. Received: more"
                    )
                if instruction.name == "STOP":
                    return self._pop()
                step = getattr(self, f"_do_{instruction.name.lower()}", None)
                if step is None:
                    raise Unreadable(f"tensors need no instruction {instruction.name}. Received: one")
                step(argument)
        except (ValueError, struct.error, IndexError, TypeError) as error:
            # A short or wrong pickle: pickletools says what is missing, the lists above what is not there.
            raise Unreadable(f"the description of the tensors must be whole. Received: {error}") from error
        raise Unreadable("the description of the tensors must have an end. Received: none")

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise Unreadable("the description of the tensors must be whole. Received: a mark in place of a value")
        return value

    def _pop_to_mark(self) -> list[Any]:
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] is _MARK:
                values = self._stack[index + 1 :]
                del self._stack[index:]
                return values
        raise Unreadable("the description of the tensors must be whole. Received: no mark")

    def _ignore(self, argument: Any) -> None:
        pass

    _do_proto = _do_frame = _ignore

    # Values.

    def _do_none(self, argument: Any) -> None:
        self._push(None)

    def _do_newtrue(self, argument: Any) -> None:
        self._push(True)

    def _do_newfalse(self, argument: Any) -> None:
        self._push(False)

    def _do_number(self, argument: int) -> None:
        if not -_LARGEST_NUMBER <= argument <= _LARGEST_NUMBER:
            raise Unreadable("numbers must have at most 128 bits. Received: a longer one")
        self._push(argument)

    _do_binint = _do_binint1 = _do_binint2 = _do_long1 = _do_long4 = _do_number

    def _do_value(self, argument: Any) -> None:
        self._push(argument)

    _do_binfloat = _do_value
    _do_binunicode = _do_short_binunicode = _do_binunicode8 = _do_value
    # Python 2's texts; pickletools decodes them as Latin-1.
    _do_binstring = _do_short_binstring = _do_value
    _do_binbytes = _do_short_binbytes = _do_binbytes8 = _do_value

    # Collections.

    def _do_mark(self, argument: Any) -> None:
        self._push(_MARK)

    def _do_empty_dict(self, argument: Any) -> None:
        self._push({})

    def _do_empty_list(self, argument: Any) -> None:
        self._push([])

    def _do_empty_tuple(self, argument: Any) -> None:
        self._push(())

    def _do_tuple(self, argument: Any) -> None:
        self._push(tuple(self._pop_to_mark()))

    def _do_tuple1(self, argument: Any) -> None:
        self._push((self._pop(),))

    def _do_tuple2(self, argument: Any) -> None:
        second, first = self._pop(), self._pop()
        self._push((first, second))

    def _do_tuple3(self, argument: Any) -> None:
        third, second, first = self._pop(), self._pop(), self._pop()
        self._push((first, second, third))

    def _do_append(self, argument: Any) -> None:
        value = self._pop()
        self._top(list).append(value)

    def _do_appends(self, argument: Any) -> None:
        values = self._pop_to_mark()
        self._top(list).extend(values)

    def _do_setitem(self, argument: Any) -> None:
        value, key = self._pop(), self._pop()
        _set(self._top(dict), key, value)

    def _do_setitems(self, argument: Any) -> None:
        values = self._pop_to_mark()
        target = self._top(dict)
        for key, value in zip(values[::2], values[1::2], strict=True):
            _set(target, key, value)

    def _top(self, kind: type) -> Any:
        if type(self._stack[-1]) is not kind:
            raise Unreadable(f"a {kind.__name__} must come before its members. Received: something else")
        return self._stack[-1]

    # The memo.

    def _do_put(self, argument: Any) -> None:
        self._memo[len(self._memo) if argument is None else argument] = self._stack[-1]

    _do_binput = _do_long_binput = _do_memoize = _do_put

    def _do_get(self, argument: int) -> None:
        if argument not in self._memo:
            raise Unreadable("the description of the tensors must be whole. Received: a reference to nothing")
        self._push(self._memo[argument])

    _do_binget = _do_long_binget = _do_get

    # Globals, and what is done with them.

    def _do_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._push(_known_global(module, name))

    def _do_stack_global(self, argument: Any) -> None:
        name, module = self._pop(), self._pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise Unreadable("a global must be named by texts. Received: something else")
        self._push(_known_global(module, name))

    def _do_reduce(self, argument: Any) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, _Function) or type(arguments) is not tuple:
            raise Unreadable("only the functions of tensors may be used. Received: a call of something else")
        self._push(function.call(*arguments))

    def _do_build(self, argument: Any) -> None:
        # The attributes of a state dict (`_metadata`: versions of layers) say nothing of tensors.
        self._pop()
        self._top(dict)

    def _do_binpersid(self, argument: Any) -> None:
        identity = self._pop()
        if type(identity) is tuple and identity and identity[0] == "module":
            raise Refused("a whole torch module")
        if type(identity) is not tuple or len(identity) not in (5, 6) or identity[0] != "storage":
            raise Unreadable("a reference must be to a storage. Received: something else")
        _, kind, key, _, elements, *view = identity
        if not isinstance(kind, _StorageType) or not isinstance(key, str) or type(elements) is not int or elements < 0:
            raise Unreadable("a storage must have a type, a key and a number of elements. Received: something else")
        if view and view[0] is not None:
            raise Unreadable("a storage must be whole. Received: a view of another storage")
        storage = Storage(key, kind.dtype, elements)
        if self.storages.setdefault(key, storage) != storage:
            raise Unreadable(f"a storage must have one type and size. Received: two of {key!r}")
        self._push(storage)


def _set(target: dict[Any, Any], key: Any, value: Any) -> None:
    # Also against tuples of tuples, whose hash takes time that doubles with every level.
    if type(key) not in (str, int, float, bool, type(None)):
        raise Unreadable("keys must be texts or numbers. Received: something else")
    target[key] = value


def _known_global(module: str, name: str) -> Any:
    dtype = _DTYPE_ALIASES.get(name, name)
    if module == "torch" and dtype in ITEM_SIZES:
        return _DataType(dtype)
    if module in ("torch", "torch.storage") and name.removeprefix("_") in _STORAGES:
        return _StorageType(_STORAGES[name.removeprefix("_")])
    known = _FUNCTIONS.get(f"{module}.{name}")
    if known is None:
        raise Refused(f"{module}.{name}")
    return known


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *others: Any) -> StoredTensor:
    _check_parts(storage, shape, strides, others)
    # Such a storage is of bytes; a tensor of it that says no more is one of bytes, too.
    return StoredTensor(storage, storage.dtype or "uint8", offset, shape, strides)


def _rebuild_tensor_with_type(
    storage: Any, offset: Any, shape: Any, strides: Any, gradient: Any, hooks: Any, dtype: Any, *others: Any
) -> StoredTensor:
    _check_parts(storage, shape, strides, others)
    if not isinstance(dtype, _DataType):
        raise Unreadable("a tensor must have a type. Received: something else")
    return StoredTensor(storage, dtype.name, offset, shape, strides)


def _check_parts(storage: Any, shape: Any, strides: Any, others: tuple[Any, ...]) -> None:
    if not isinstance(storage, Storage) or type(shape) is not tuple or type(strides) is not tuple:
        raise Unreadable("a tensor must have a storage, a shape and strides. Received: something else")
    # Hooks, and the marks of a conjugated or negated view: its numbers are not those of the storage.
    if any(isinstance(other, dict) and other for other in others):
        raise Unreadable("a tensor must be of plain numbers. Received: one with hooks, or a negated or conjugated view")


def _rebuild_parameter(data: Any, *others: Any) -> StoredTensor:
    if not isinstance(data, StoredTensor):
        raise Unreadable("a parameter must be a tensor. Received: something else")
    return data


def _size(lengths: Any = ()) -> tuple[Any, ...]:
    if type(lengths) not in (tuple, list):
        raise Unreadable("a size must be a tuple. Received: something else")
    return tuple(lengths)


def _ordered_dict(items: Any = ()) -> dict[Any, Any]:
    # Python 3 fills an empty one; Python 2 gives a list of pairs.
    found: dict[Any, Any] = {}
    if type(items) not in (tuple, list) or any(type(item) not in (tuple, list) or len(item) != 2 for item in items):
        raise Unreadable("a dict must be made of pairs. Received: something else")
    for key, value in items:
        _set(found, key, value)
    return found


_FUNCTIONS = {
    function.name: function
    for function in (
        _Function("collections.OrderedDict", _ordered_dict),
        _Function("torch.Size", _size),
        _Function("torch._utils._rebuild_tensor", _rebuild_tensor),
        _Function("torch._utils._rebuild_tensor_v2", _rebuild_tensor),
        _Function("torch._utils._rebuild_tensor_v3", _rebuild_tensor_with_type),
        _Function("torch._utils._rebuild_parameter", _rebuild_parameter),
        _Function("torch._utils._rebuild_parameter_with_state", _rebuild_parameter),
    )
}
