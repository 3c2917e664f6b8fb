"""The files of a job's records: lines of JSON, one for each output or input."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gantk.atomic_files import write_bytes

MANIFEST = "manifest.jsonl"
FAILURES = "failures.jsonl"


def is_inside(output: str) -> bool:
    """Whether a recorded output lies below the job's folder: records may come from elsewhere, with their archive."""
    return bool(output) and "\0" not in output and not output.startswith("/") and ".." not in output.split("/")


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file that are JSON objects; none where there is no file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for text in content.splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            # The last line of a killed job; what it told is found out anew.
            continue
        if isinstance(line, dict):
            yield line


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write a file in one step. See `gantk.atomic_files.atomic_file`."""
    write_bytes(path, joined(lines))


def joined(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the content of a file of these lines."""
    return b"".join(encoded(line) for line in lines)


def encoded(line: Mapping[str, Any]) -> bytes:
    """Return a line, with its end."""
    try:
        return (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        # A file name that is no UTF-8: JSON's escapes hold it, and Python reads them back as the same name.
        return (json.dumps(line) + "\n").encode("ascii")
