"""`--option KEY=VALUE` arguments as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gantk.config.nodes import Document, Node, Position
from gantk.config.problems import Problems
from gantk.config.yaml_reader import parse
from gantk.errors import UsageError


def parse_options(texts: Iterable[str], *, flag: str = "--option", example: str = "blocks=6") -> dict[str, Any]:
    """Read options from a command line, of a network or of something else; the last of several for one key counts.

    Args:
        texts: Each `KEY=VALUE`, where VALUE is YAML 1.2.
        flag: What stands before each on the command line.
        example: A right one.

    Raises:
        UsageError: One has another form.
    """
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        problems = Problems()
        document = Document(f"{flag} {text}", value, is_file=False)
        node = parse(document, problems) or Node(None, Position(document, 0, 0))
        if not equals or not key.strip().isidentifier() or problems:
            raise UsageError(f"{flag} must be KEY=VALUE, such as {example}. Received: {text!r}")
        found[key.strip()] = node.plain()
    return found
