"""One file as output: its name, and that nothing is replaced. Imports no framework."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gantk.errors import UsageError


def output_file(output: Path, *, name: str, suffixes: Sequence[str], overwrite: bool) -> Path:
    """Return the file to write; its folder is made.

    Args:
        output: The file; or a folder, which is a name without a suffix, there or not.
        name: The file's name in a folder.
        suffixes: What its name may end with.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        UsageError: Another suffix, or the file is there.
    """
    path = output / name if output.is_dir() or not output.suffix else output
    if path.suffix.lower() not in suffixes:
        raise UsageError(
            f"The output must be a folder or a file named {', '.join(suffixes)}. Received: {output}",
            hint=f"-o {output.with_suffix(suffixes[0])}",
        )
    if path.is_dir():
        raise UsageError(f"The output must be a file. Received: {path}, a folder")
    if os.path.lexists(path) and not overwrite:
        raise UsageError(f"The output must not be there yet. Received: {path}", hint="--overwrite replaces it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
