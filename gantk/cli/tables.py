"""Tables on stdout: drawn on a terminal, plain columns where another program reads."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

import click

PLAIN_WIDTH = 120
"""Columns that explanations may take where no terminal says how many there are."""

LEAST_TEXT = 40
"""An explanation in a narrower column is a ribbon that nobody reads."""


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


def print_explained(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose last column is an explanation: as a table where that leaves room for it, else as a list.

    In the list each row is a line of its other cells, and below it the explanation, wrapped to the terminal (elsewhere
    to `PLAIN_WIDTH` columns).

    Args:
        columns: The headings.
        rows: The cells. In the list the first is the name, the second stands as it is, further ones behind their
            heading.
    """
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else PLAIN_WIDTH
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    needed = min(widths[-1], LEAST_TEXT) if terminal else widths[-1]
    if sum(widths[:-1]) + 2 * len(widths) + needed <= width:
        print_table(columns, rows)
        return
    for name, *details, text in rows:
        # `required` stands where a default would, and is none.
        facts = "; ".join(
            f"{heading} {detail}" if heading and detail != "required" else detail
            for heading, detail in zip(("", *columns[2:-1]), details, strict=True)
            if detail
        )
        head = f"{click.style(name, bold=True)}  {facts}"
        click.echo(
            textwrap.fill(head, width, subsequent_indent="        ", break_long_words=False, break_on_hyphens=False)
        )
        if text:
            indent = "    "
            click.echo(
                textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
            )


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
