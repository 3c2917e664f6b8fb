"""Tables on stdout: drawn on a terminal, plain columns where another program reads."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table.

    On a terminal it is as wide as that and long cells wrap. Elsewhere every row is one line of columns that
    are at least two spaces apart; an empty cell is a `-`.
    """
    if sys.stdout.isatty():
        _draw(columns, rows)
        return
    cells = [[" ".join(cell.split()) or "-" for cell in row] for row in [[name.upper() for name in columns], *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=index == 0, style="bold" if index == 0 else "")
    for row in rows:
        # Text, not str: square brackets in a description are no mark-up.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
