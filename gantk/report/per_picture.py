"""The numbers of single pictures, laid out for the run's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_SHOWN = 16
"""Pictures that are shown with their numbers."""

MOST_ROWS = 500
"""Rows of the table of all pictures; the file of the run holds the rest."""


def shown_lines(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the lines whose picture can be shown, at most `MOST_SHOWN`."""
    return [line for line in lines if line["shown"]][:MOST_SHOWN]


def picture_table(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Lay out the numbers of pictures: pictures and their values down, candidates across.

    Args:
        lines: Lines of `per_picture.jsonl`.

    Returns:
        `candidates`; `rows`, each `{"picture", "value", "unit", "better", "cells"}`, a cell being `(number or None, is
        it the best one)`; `left_out`, how many rows there were more.
    """
    values = [(line["picture"], name, value) for line in lines for name, value in line["values"].items()]
    candidates = list(dict.fromkeys(candidate for _, _, value in values for candidate in value["numbers"]))
    rows = []
    for picture, name, value in values[:MOST_ROWS]:
        numbers = [value["numbers"].get(candidate) for candidate in candidates]
        known = [number for number in numbers if number is not None]
        best = {"higher": max, "lower": min}[value["better"]](known) if value["better"] and known else None
        rows.append(
            {
                "picture": picture,
                "value": name.rpartition(".")[2],
                "unit": value["unit"],
                "better": value["better"],
                "cells": [(number, best is not None and number == best) for number in numbers],
            }
        )
    return {"candidates": candidates, "rows": rows, "left_out": max(0, len(values) - MOST_ROWS)}
