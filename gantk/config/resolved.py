"""The resolved pipeline as YAML: every default spelt out, the profile applied."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from gantk.config.pipeline import Pipeline
from gantk.config.yaml_reader import resolve

_WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+(-][A-Za-z0-9_./+()-]*)*\Z")


def resolved_yaml(pipeline: Pipeline) -> str:
    """Return a pipeline as YAML, with every default and without profiles.

    Loading the text gives an equal pipeline.
    """
    return "\n".join(_block(pipeline.model_dump(mode="json"), 0)) + "\n"


def _block(value: dict[str, Any], indent: int) -> list[str]:
    lines: list[str] = []
    margin = " " * indent
    for key, item in value.items():
        lead = f"{margin}{_scalar(key)}:"
        line = _one_line(item)
        if line is not None and len(lead) + 1 + len(line) <= _WIDTH:
            lines.append(f"{lead} {line}")
        elif isinstance(item, dict):
            lines += [lead, *_block(item, indent + 2)]
        elif isinstance(item, list):
            lines += [lead, *_items(item, indent + 2)]
        else:
            lines.append(f"{lead} {_scalar(item)}")
    return lines


def _items(values: list[Any], indent: int) -> list[str]:
    lines: list[str] = []
    margin = " " * indent
    for item in values:
        line = _one_line(item)
        if line is not None and indent + 2 + len(line) <= _WIDTH:
            lines.append(f"{margin}- {line}")
            continue
        below = _block(item, indent + 2) if isinstance(item, dict) else []
        below = _items(item, indent + 2) if isinstance(item, list) else below
        if not below:
            below = [f"{margin}  {_scalar(item)}"]
        lines.append(f"{margin}- {below[0][indent + 2 :]}")
        lines += below[1:]
    return lines


def _one_line(value: Any) -> str | None:
    """Return a value in flow style, or None where it is a mapping or list that holds others."""
    if isinstance(value, list):
        if any(isinstance(item, (dict, list)) for item in value):
            return None
        return f"[{', '.join(_scalar(item) for item in value)}]"
    if isinstance(value, dict):
        return None if value else "{}"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return repr(value)
        return ".nan" if math.isnan(value) else "-.inf" if value < 0 else ".inf"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if _PLAIN.match(text) and isinstance(resolve(text), str):
        return text
    # A JSON string is a double-quoted YAML scalar; what is not printable must be escaped in both.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escaped(char) for char in quoted)


def _escaped(char: str) -> str:
    return f"\\U{ord(char):08x}" if ord(char) > 0xFFFF else f"\\u{ord(char):04x}"
