"""The command line: thin, lazy commands. What they do is imported when they are called."""

from __future__ import annotations

from gantk.cli.entry import main

__all__ = ["main"]
