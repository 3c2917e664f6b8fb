"""A YAML document as values that remember where they were written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]
"""Keys and list indices from the top of the document, such as `("stages", "train", "transforms", 0)`."""

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class Document:
    """A text that nodes point into: a pipeline file, or the argument of one `--set`.

    Args:
        name: How a message calls it: the path as the user gave it, or `--set a.b=c`.
        text: The YAML text.
        is_file: Whether positions are shown as `name:line:column` with the source line below.
    """

    def __init__(self, name: str, text: str, *, is_file: bool = True) -> None:
        self.name = name
        self.text = text
        self.is_file = is_file
        self._lines: list[str] | None = None

    def line(self, number: int) -> str:
        """Return line `number`, counted from 0 as YAML counts lines; empty behind the last."""
        if self._lines is None:
            self._lines = _LINE_BREAK.split(self.text)
        return self._lines[number] if 0 <= number < len(self._lines) else ""

    def position(self, index: int) -> Position:
        """Return the position of the character at `index`."""
        lines = _LINE_BREAK.split(self.text[:index])
        return Position(self, len(lines) - 1, len(lines[-1]))


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a document; `line` and `column` count from 0, `length` is in characters on that line."""

    document: Document
    line: int
    column: int
    length: int = 1

    def __str__(self) -> str:
        if not self.document.is_file:
            return self.document.name
        return f"{self.document.name}:{self.line + 1}:{self.column + 1}"


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its position. Never changed once made: overlays make new nodes.

    Args:
        value: A scalar, a list of nodes, or a mapping from key to `Entry`, in file order.
        position: Where the value starts.
        weight: Nodes in the whole tree below, with every alias counted as often as it is used.
    """

    value: Scalar | list[Node] | dict[str, Entry]
    position: Position
    weight: int = 1

    def plain(self) -> Any:
        """Return the value without positions: scalars, lists and dictionaries."""
        if isinstance(self.value, dict):
            return {key: entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def child(self, step: str | int) -> Node | None:
        """Return the value under a key or index, or None where there is none."""
        if isinstance(self.value, dict):
            entry = self.value.get(step) if isinstance(step, str) else None
            return entry.node if entry else None
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def with_child(self, key: str, entry: Entry) -> Node:
        """Return this mapping with one key added or replaced."""
        assert isinstance(self.value, dict)
        return Node({**self.value, key: entry}, self.position, self.weight + entry.node.weight)

    def without(self, key: str) -> Node:
        """Return this mapping without a key."""
        assert isinstance(self.value, dict)
        return Node({name: entry for name, entry in self.value.items() if name != key}, self.position, self.weight)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping: where the key is written, and its value."""

    key: Position
    node: Node


def dotted(path: Sequence[str | int]) -> str:
    """Write a path as `--set` takes it: `stages.train.transforms.0`."""
    return ".".join(str(step) for step in path)
