"""What is wrong with a pipeline file, and how all of it is told at once."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gantk.config.nodes import Path, Position, dotted
from gantk.errors import ConfigError, GantkError, PluginError
from gantk.registry.names import did_you_mean

_SHOWN = 50
_LINE_WIDTH = 100
_VALUE_WIDTH = 72


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        position: Where.
        path: Keys down to the value; empty for the file as a whole.
        message: What was expected, without a full stop.
        received: What was there instead; empty where there is nothing to show.
        hint: What to do next: the nearest candidates, or the accepted ones.
        plugin: Whether a missing or broken plugin is the cause.
    """

    position: Position
    path: Path
    message: str
    received: str = ""
    hint: str = ""
    plugin: bool = False

    def __str__(self) -> str:
        path = f"{dotted(self.path)}: " if self.path else ""
        lines = [f"{self.position}: {path}{self.message}", *_source_lines(self.position)]
        if self.received:
            lines.append(f"   Received: {self.received}")
        lines.extend(f"   {line}" for line in self.hint.splitlines())
        return "\n".join(lines)


class Problems:
    """The problems found so far, each place and message once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Path, str], Problem] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found.values())

    def add(self, problem: Problem) -> None:
        """Note one problem."""
        self._found.setdefault((str(problem.position), problem.path, problem.message), problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note several problems."""
        for problem in problems:
            self.add(problem)

    def error(self, name: str) -> GantkError:
        """Return the exception that tells all problems of the file `name`, in the order of the file.

        It is a `PluginError` where nothing but plugins is at fault, else a `ConfigError`.
        """
        found = sorted(self._found.values(), key=_order)
        kind = PluginError if all(problem.plugin for problem in found) else ConfigError
        count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        parts = [f"{name} is not a valid pipeline: {count}", *(str(problem) for problem in found[:_SHOWN])]
        if len(found) > _SHOWN:
            parts.append(f"… and {len(found) - _SHOWN} more")
        return kind("\n\n".join(parts))


def plugin_problem(position: Position, path: Path, message: str, *, received: str = "", hint: str = "") -> Problem:
    """Return the problem that a `PluginError` tells of.

    Args:
        position: Where the plugin, or something of it, is asked for.
        path: Keys down to there.
        message: The error's message: a line that may end with what was received, and lines that say more.
        received: What to show where the message does not end with what was received.
        hint: The error's hint.
    """
    first, _, more = message.partition("\n")
    first, _, told = first.partition("Received:")
    lines = "\n".join(line for line in (more, hint) if line)
    return Problem(position, path, first.strip().rstrip("."), told.strip() or received, lines, plugin=True)


def _order(problem: Problem) -> tuple[bool, int, int]:
    # The sort is stable: arguments of `--set`, which all stand at 0, keep their order.
    return (not problem.position.document.is_file, problem.position.line, problem.position.column)


def _source_lines(position: Position) -> list[str]:
    """Return the source line and a line with carets below the offending part."""
    if not position.document.is_file:
        return []
    text = position.document.line(position.line)
    if not text.strip():
        return []
    start, length = position.column, max(1, min(position.length, len(text) - position.column))
    if len(text) > _LINE_WIDTH:
        cut = max(0, min(start - _LINE_WIDTH // 3, len(text) - _LINE_WIDTH))
        before, after = ("…" if cut else ""), ("…" if cut + _LINE_WIDTH < len(text) else "")
        length = min(length, cut + _LINE_WIDTH - start)
        text = f"{before}{text[cut : cut + _LINE_WIDTH]}{after}"
        start += len(before) - cut
    shown = "".join(char if char.isprintable() else " " for char in text)
    number = f"{position.line + 1:5d}"
    padding, carets = _columns(shown[:start]), _columns(shown[start : start + length]) or 1
    return [f"{number} | {shown.rstrip()}", f"{' ' * len(number)} | {' ' * padding}{'^' * carets}"]


def _columns(text: str) -> int:
    """Terminal columns a text takes: East Asian wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def shown(value: Any) -> str:
    """Write a value as a message shows it, in one short line.

    Example:
        ```python
        shown("ten")              # 'ten'
        shown(True)               # true
        shown({"a": 1, "b": 2})   # a mapping with the keys a, b
        ```
    """
    if isinstance(value, dict):
        keys = "key" if len(value) == 1 else "keys"
        return shortened(f"a mapping with the {keys} {', '.join(map(str, value))}" if value else "an empty mapping")
    if isinstance(value, (list, tuple)):
        items = ", ".join("…" if isinstance(item, (dict, list, tuple)) else shown(item) for item in value[:20])
        return shortened(f"a list of {len(value)}: [{items}]" if value else "an empty list")
    if isinstance(value, str):
        return shortened(repr(value))
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return shortened(str(value))


def shortened(text: str) -> str:
    """Cut a text that would not fit on one line."""
    return text if len(text) <= _VALUE_WIDTH else f"{text[: _VALUE_WIDTH - 1]}…"


def nearest(name: str, candidates: Iterable[str], *, what: str) -> str:
    """Return a hint: the candidates closest to `name`, or all of them where none is close.

    Args:
        name: What was written.
        candidates: What could have been meant.
        what: What the candidates are, in the plural, such as `keys`.
    """
    names = sorted(set(candidates))
    if not names:
        return f"There are no {what} here."
    return did_you_mean(name, names) or f"The {what} here: {', '.join(names)}."
