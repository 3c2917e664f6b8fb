"""YAML 1.2 to nodes with positions: the core schema of the specification, and nothing that could run code.

The events come from ruamel.yaml; values are made here, by YAML 1.2.2 section 10.3.2, so `1e-4` is a
number and `no`, `off` and `2024-01-01` are strings. Merge keys (`<<: *base`) are understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from gantk.config.nodes import Document, Entry, Node, Position, Scalar
from gantk.config.problems import Problem, Problems, shown

MAX_NODES = 50_000
"""Values in one document, aliases counted as often as they are used: far above any pipeline, far below a bomb."""
MAX_DEPTH = 64
"""Mappings and lists inside one another."""

_TAGS = "tag:yaml.org,2002:"
_NULL = re.compile(r"(?:null|Null|NULL|~|)\Z")
_TRUE = re.compile(r"(?:true|True|TRUE)\Z")
_FALSE = re.compile(r"(?:false|False|FALSE)\Z")
_DECIMAL = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_INFINITY = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)\Z")

_SYNTAX = (
    (r"found character '\\t'", "indentation by spaces: YAML does not allow a tab here"),
    (r"found character '([@`%|>])'", r"quotes around a value that starts with \1"),
    (r"mapping values are not allowed here", "no second ':' here: check the indentation, or quote the value"),
    (r"could not find expected ':'", "'key: value': this line has no ':'"),
    (r"expected ',' or '(.)', but got '<stream end>'", r"a closing '\1' before the end of the text"),
    (r"expected ',' or '(.)', but got", r"',' or '\1' here"),
    (r"found unexpected end of stream", "a closing quote before the end of the text"),
    (r"expected <block end>, but found '-'", "the indentation of the lines above, or a key before this list"),
    (r"expected <block end>, but found", "the indentation of the lines above"),
    (r"expected '<document start>', but found", "nothing more after the end of the value above"),
    (
        r"found unknown escape character (.+)",
        r"a known escape after '\\' ('\\n', '\\\\', …), not \1; 'single quotes' take no escapes",
    ),
    (r"found undefined tag handle (.+)", r"no tag \1: a pipeline holds plain values"),
)


class SyntaxStop(Exception):
    """The text cannot be read any further; the problem is noted."""


def parse(document: Document, problems: Problems) -> Node | None:
    """Read the one YAML document of a text.

    Args:
        document: The text.
        problems: Takes what is wrong with it. Reading goes on after a duplicate key or an unknown tag
            and ends at a syntax error.

    Returns:
        The top node; None where the text holds nothing, or cannot be read.
    """
    try:
        return _Composer(document, problems).compose()
    except SyntaxStop:
        return None
    except ReaderError as error:
        index = error.position if isinstance(error.position, int) else 0
        code = error.character if isinstance(error.character, int) else ord(error.character)
        problems.add(
            Problem(document.position(index), (), "expected printable characters only", f"the character U+{code:04X}")
        )
    except MarkedYAMLError as error:
        problems.add(_syntax_problem(document, error))
    return None


def _syntax_problem(document: Document, error: MarkedYAMLError) -> Problem:
    problem = str(error.problem or error.context or "invalid YAML")
    ends_early = "stream end" in problem or "end of stream" in problem
    mark = (error.context_mark if ends_early else None) or error.problem_mark or error.context_mark
    position = Position(document, mark.line, mark.column) if mark is not None else Position(document, 0, 0)
    for pattern, sentence in _SYNTAX:
        match = re.search(pattern, problem)
        if match:
            return Problem(position, (), f"expected {match.expand(sentence)}")
    return Problem(position, (), f"expected valid YAML: {problem}")


class _Composer:
    def __init__(self, document: Document, problems: Problems) -> None:
        self.document = document
        self.problems = problems
        self.events: Iterator[Any] = iter(YAML(typ="safe", pure=True).parse(document.text))
        self.anchors: dict[str, Node | None] = {}

    def compose(self) -> Node | None:
        root: Node | None = None
        for event in self.events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent" and root is not None:
                self.stop(event, "expected one YAML document", "a second one")
            elif kind in ("ScalarEvent", "SequenceStartEvent", "MappingStartEvent", "AliasEvent"):
                root = self.node(event, 0, None)
        return root

    def stop(self, event: Any, message: str, received: str = "") -> None:
        self.complain(self.position(event), message, received)
        raise SyntaxStop

    def complain(self, position: Position, message: str, received: str = "", hint: str = "") -> None:
        self.problems.add(Problem(position, (), message, received, hint))

    def position(self, event: Any) -> Position:
        start, end = event.start_mark, event.end_mark
        one_line = end.line == start.line
        length = end.column - start.column if one_line else len(self.document.line(start.line)) - start.column
        collection = type(event).__name__ in ("SequenceStartEvent", "MappingStartEvent")
        return Position(self.document, start.line, start.column, 1 if collection else max(1, length))

    def node(self, event: Any, depth: int, key: Position | None) -> Node:
        """Compose the value that starts with `event`; `key` is where its key stands."""
        kind = type(event).__name__
        if kind == "AliasEvent":
            node = self.alias(event)
        else:
            anchor = event.anchor
            if anchor:
                self.anchors[anchor] = None
            if kind == "ScalarEvent":
                node = self.scalar(event, key)
            else:
                if depth >= MAX_DEPTH:
                    self.stop(event, f"expected at most {MAX_DEPTH} mappings and lists inside one another")
                node = self.mapping(event, depth) if kind == "MappingStartEvent" else self.sequence(event, depth)
            if anchor:
                self.anchors[anchor] = node
        if node.weight > MAX_NODES:
            self.stop(event, f"expected at most {MAX_NODES} values, with every alias counted where it is used")
        return node

    def alias(self, event: Any) -> Node:
        name = event.anchor
        if name not in self.anchors:
            self.stop(event, f"expected an anchor '&{name}' above", f"*{name}")
        target = self.anchors[name]
        if target is None:
            self.stop(event, "expected a value that does not hold itself", f"*{name}")
        assert target is not None
        return target

    def scalar(self, event: Any, key: Position | None) -> Node:
        # An empty value has no characters of its own, and the parser reports the next token instead.
        empty = event.value == "" and not event.style
        position = key if empty and key is not None else self.position(event)
        tag = event.tag
        plain = tag is None and not event.style
        try:
            if plain:
                return Node(resolve(event.value), position)
            if tag is None or tag == "!" or tag == f"{_TAGS}str":
                return Node(event.value, position)
            name = tag.removeprefix(_TAGS)
            if tag.startswith(_TAGS) and name in ("int", "float", "bool", "null"):
                return Node(_as_tagged(event.value, name), position)
            self.unknown_tag(event)
        except ValueError as error:
            self.complain(position, str(error), shown(event.value))
        return Node(event.value, position)

    def unknown_tag(self, event: Any) -> None:
        tag = event.tag.replace(_TAGS, "!!")
        self.complain(self.position(event), "expected plain values without tags", f"the tag {shown(tag)}")

    def sequence(self, event: Any, depth: int) -> Node:
        if event.tag not in (None, "!", f"{_TAGS}seq"):
            self.unknown_tag(event)
        items: list[Node] = []
        weight = 1
        for item in self.events:
            if type(item).__name__ == "SequenceEndEvent":
                break
            items.append(self.node(item, depth + 1, None))
            weight = self.grown(item, weight + items[-1].weight)
        return Node(items, self.position(event), weight)

    def mapping(self, event: Any, depth: int) -> Node:
        if event.tag not in (None, "!", f"{_TAGS}map"):
            self.unknown_tag(event)
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        weight = 1
        for item in self.events:
            if type(item).__name__ == "MappingEndEvent":
                break
            key_position = self.position(item)
            key = self.key(item, depth)
            node = self.node(next(self.events), depth + 1, key_position)
            weight = self.grown(item, weight + node.weight)
            if key == "<<" and not item.style:
                merged.extend(self.merge_sources(item, node))
            elif key in entries:
                first = entries[key].key
                where = f"The first one is on line {first.line + 1}." if self.document.is_file else ""
                self.complain(key_position, f"expected every key once, but {shown(key)} is already set", hint=where)
            else:
                entries[key] = Entry(key_position, node)
        for source in merged:
            assert isinstance(source.value, dict)
            for name, entry in source.value.items():
                entries.setdefault(name, entry)
        return Node(entries, self.position(event), weight)

    def grown(self, event: Any, weight: int) -> int:
        # Checked while a collection grows, so that a bomb is refused before it takes memory.
        if weight > MAX_NODES:
            self.stop(event, f"expected at most {MAX_NODES} values, with every alias counted where it is used")
        return weight

    def key(self, event: Any, depth: int) -> str:
        """Return a key as text: the document model is JSON's, whose keys are strings."""
        kind = type(event).__name__
        if kind == "ScalarEvent":
            node = self.node(event, depth, None)
            return event.value if isinstance(event.value, str) and node is not None else ""
        if kind == "AliasEvent":
            node = self.alias(event)
            if not isinstance(node.value, (dict, list)):
                return node.value if isinstance(node.value, str) else shown(node.value)
        self.stop(event, "expected a key that is a plain word", "a list or mapping as the key")
        raise AssertionError

    def merge_sources(self, event: Any, node: Node) -> list[Node]:
        sources = node.value if isinstance(node.value, list) else [node]
        if all(isinstance(source.value, dict) for source in sources):
            return sources
        self.complain(self.position(event), "expected a mapping, or a list of them, to merge", shown(node.plain()))
        return []


def resolve(text: str) -> Scalar:
    """Return the value of an unquoted scalar by the YAML 1.2 core schema.

    Raises:
        ValueError: An integer with more digits than Python converts.
    """
    if _NULL.match(text):
        return None
    if _TRUE.match(text) or _FALSE.match(text):
        return text[0] in "tT"
    if _DECIMAL.match(text):
        return _integer(text, 10)
    if _OCTAL.match(text) or _HEXADECIMAL.match(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.match(text):
        return float(text)
    if _INFINITY.match(text) or _NAN.match(text):
        return float(text.replace(".", ""))
    return text


def _integer(digits: str, base: int) -> int:
    if len(digits) > 1000:
        raise ValueError("expected an integer of at most 1000 digits")
    return int(digits, base)


def _as_tagged(text: str, name: str) -> Scalar:
    value = resolve(text)
    types: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}
    if not isinstance(value, types[name]) or (isinstance(value, bool) and name != "bool"):
        raise ValueError(f"expected a value that fits its tag !!{name}")
    return float(value) if name == "float" and isinstance(value, (int, float)) else value
