"""From what a run directory holds to one HTML file."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image, ImageOps

from gantk.atomic_files import write_text
from gantk.errors import UsageError
from gantk.report.contents import RunContents, SampleGrid, read_run
from gantk.report.curves import curve_groups, draw_curves
from gantk.report.per_picture import picture_table, shown_lines
from gantk.wording import byte_size

MOST_GRIDS = 24
"""Sample grids on the page; of more, evenly spread ones are shown, always the first and the last."""

MOST_PAIRS = 24
"""Before/after pictures on the page."""

LONGEST_SIDE = 1024
"""Larger pictures are shown scaled down to this many pixels; the files of the run keep their size."""

LOSSLESS_SIDE = 640
"""Pictures up to this many pixels are shown without any loss; compressed photographs would make a large page."""


def write_report(directory: Path, *, title: str = "") -> Path:
    """Write `report.html` into a run directory, finished or not.

    Args:
        directory: The run directory.
        title: Heading; by default the pipeline's name.

    Returns:
        The path of the page. It holds its pictures, styles and scripts and loads nothing.

    Raises:
        UsageError: The folder is not a run directory.
    """
    contents = read_run(directory)
    if not contents.run:
        raise UsageError(f"{directory} is not a run directory: it has no run.json.")
    page = directory / "report.html"
    write_text(page, render_report(contents, title=title or contents.run.get("name", directory.name)))
    return page


def render_report(contents: RunContents, *, title: str) -> str:
    """Return the page as HTML text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gantk.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(duration=duration, number=number, bytes=byte_size, moment=moment)
    curves = [
        draw_curves(contents.history, names, heading) for heading, names in curve_groups(contents.history).items()
    ]
    return environment.get_template("report.html.jinja").render(
        title=title,
        status=run_status(contents.run),
        contents=contents,
        grids=[(grid, embedded_picture(grid.path)) for grid in spread(contents.grids, MOST_GRIDS)],
        pairs=[
            (pair.caption, embedded_picture(pair.before), embedded_picture(pair.after))
            for pair in contents.pairs[:MOST_PAIRS]
        ],
        sheets=[(sheet, embedded_picture(sheet.path)) for sheet in contents.sheets],
        made_of_latents=any(network.get("latents") for network in contents.model.get("networks", {}).values()),
        row_titles=titles_with_counts(contents.grids[-1].rows) if contents.grids else [],
        curves=curves,
        metrics=metric_tables(contents.metrics),
        shown_pictures=[
            (line, [(role, embedded_picture(path)) for role, path in line["shown"].items()], picture_table([line]))
            for line in shown_lines(contents.per_picture)
        ],
        picture_numbers=picture_table(contents.per_picture),
    )


def run_status(run: Mapping[str, Any]) -> str:
    """Return the run's status; while only the stage that writes this page is left, `done`."""
    others = [stage["status"] for stage in run.get("stages", {}).values() if stage["type"] != "report"]
    if run.get("status") == "running" and others and set(others) == {"done"}:
        return "done"
    return str(run.get("status", "unknown"))


def spread(grids: Sequence[SampleGrid], most: int) -> list[SampleGrid]:
    """Return at most `most` grids, evenly spread, with the first and the last."""
    if len(grids) <= most:
        return list(grids)
    return [grids[round(index * (len(grids) - 1) / (most - 1))] for index in range(most)]


def titles_with_counts(titles: Sequence[str]) -> list[str]:
    """Return the titles of rows, each once where it is that of several in a row: `horse → zebra (4 rows)`."""
    runs = [(title, len(list(rows))) for title, rows in groupby(titles)]
    return [title if count == 1 else f"{title} ({count} rows)" for title, count in runs]


def metric_tables(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turn evaluation entries into one table a metric: values down, candidates across.

    Returns:
        A list of `{"name", "candidates", "rows", "protocol", "pictures"}`; a row is
        `{"value", "unit", "better", "cells"}`, a cell `(number or None, is it the best one)`.
    """
    tables: dict[str, dict[str, Any]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        # The same metric with other options is a table of its own, as in what the model says of itself.
        times[entry["name"], entry["candidate"]] += 1
        number = times[entry["name"], entry["candidate"]]
        name = entry["name"] if number == 1 else f"{entry['name']}-{number}"
        table = tables.setdefault(name, {"name": name, "entries": {}})
        table["entries"][entry["candidate"]] = entry
    for table in tables.values():
        by_candidate = table.pop("entries")
        table["candidates"] = list(by_candidate)
        first = next(iter(by_candidate.values()))
        table["protocol"] = first["protocol"]
        table["pictures"] = [
            (f"{candidate} · {caption}", embedded_picture(path))
            for candidate, entry in by_candidate.items()
            for caption, path in entry["pictures"].items()
            if path.is_file()
        ]
        table["rows"] = []
        for value in dict.fromkeys(key for entry in by_candidate.values() for key in entry["values"]):
            numbers = [entry["values"].get(value) for entry in by_candidate.values()]
            known = [item for item in numbers if item is not None]
            better = first["better"].get(value, "")
            best = {"higher": max, "lower": min}[better](known) if better and known else None
            table["rows"].append(
                {
                    "value": value,
                    "unit": first["units"].get(value, ""),
                    "better": better,
                    "cells": [(item, best is not None and item == best) for item in numbers],
                }
            )
    return list(tables.values())


def embedded_picture(path: Path) -> str:
    """Return a picture as a `data:` address, upright, scaled down to `LONGEST_SIDE` where it is larger."""
    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file)
        if max(picture.size) > LONGEST_SIDE:
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        encoded = io.BytesIO()
        exact = max(picture.size) <= LOSSLESS_SIDE
        picture.convert("RGB").save(encoded, "WEBP", lossless=exact, quality=60 if exact else 85)
    return "data:image/webp;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def duration(seconds: float | None) -> str:
    """Return a time a person reads: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def number(value: float | None) -> str:
    """Return a number with four significant digits; a dash for none."""
    return "–" if value is None else f"{value:.4g}"


def moment(seconds: float | None) -> str:
    """Return a moment, in seconds since 1970, as `2026-01-31 17:05 UTC`."""
    return "–" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
