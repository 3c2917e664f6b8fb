"""What a person wants to see of a prepared dataset: its numbers and some of its pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gantk.atomic_files import write_bytes
from gantk.data.channels import with_channels
from gantk.data.reader import PreparedDataset
from gantk.errors import RunFailed
from gantk.wording import counted

_TILE = 96
_GAP = 4
_LABEL = 16

_SHOWN_CLASSES = 20


@dataclass(frozen=True)
class FieldRow:
    """The numbers of one field.

    Args:
        split: `train`, `valid` or `test`.
        domain: The domain, with its name where it has one.
        field: The field.
        samples: Samples of the split and domain.
        rejected: Inputs that were rejected there.
        size: Height × width × channels, or characters; a range where samples differ.
        encoding: How it is stored.
        bytes: Bytes of the split's and domain's shards of this resolution, all fields together.
        mean: By channel, in grey levels.
        standard_deviation: By channel, in grey levels.
    """

    split: str
    domain: str
    field: str
    samples: int
    rejected: int
    size: str
    encoding: str
    bytes: int
    mean: tuple[float, ...]
    standard_deviation: tuple[float, ...]


def field_rows(dataset: PreparedDataset) -> Iterator[FieldRow]:
    """Yield the numbers of every field, by split and domain; a domain without samples has one row without a field.

    Each resolution of a pyramid has rows of its own, from the largest down.
    """
    for split, domains in dataset.manifest["splits"].items():
        for domain, part in domains.items():
            name = dataset.domain_names.get(domain)
            for level in (part, *part.get("smaller", {}).values()):
                for field, summary in (level["fields"] or {"": {}}).items():
                    yield FieldRow(
                        split=split,
                        domain=f"{domain} ({name})" if name else domain,
                        field=field,
                        samples=part["count"],
                        rejected=part["rejected"],
                        size=_size(summary),
                        encoding=summary.get("encoding", ""),
                        bytes=level["bytes"],
                        mean=tuple(summary.get("mean", ())),
                        standard_deviation=tuple(summary.get("standard_deviation", ())),
                    )


def class_lines(dataset: PreparedDataset) -> Iterator[str]:
    """Yield, for each split and domain of data with classes, how many samples each has: `train image: 2 classes: cat 3, dog 4`."""
    for split, domains in dataset.manifest["splits"].items():
        for domain, part in domains.items():
            if counts := part.get("labels"):
                shown = ", ".join(f"{label} {count}" for label, count in list(counts.items())[:_SHOWN_CLASSES])
                more = f", … {max(len(counts) - _SHOWN_CLASSES, 0)} more" if len(counts) > _SHOWN_CLASSES else ""
                yield f"{split} {domain}: {counted(len(counts), 'class', 'classes')}: {shown}{more}"


def _size(summary: dict[str, Any]) -> str:
    if "characters" in summary:
        return f"{_range(summary['characters'])} characters"
    return " × ".join(_range(summary[axis]) for axis in ("height", "width", "channels") if axis in summary)


def _range(ends: list[int]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}–{ends[1]}"


def write_contact_sheet(dataset: PreparedDataset, path: Path, *, columns: int = 12) -> int:
    """Draw the first pictures of every split, domain and field, a row each, as one PNG file.

    Args:
        dataset: The dataset.
        path: Where to write the picture.
        columns: Pictures in a row.

    Returns:
        How many pictures it shows.

    Raises:
        RunFailed: The dataset holds no pictures.
    """
    rows = [
        (f"{split} {domain} {field}", split, domain, field)
        for split in dataset.splits
        for domain in dataset.domains(split)
        for field, summary in dataset.manifest["splits"][split][domain]["fields"].items()
        if "height" in summary
    ]
    if not rows:
        raise RunFailed(f"{dataset.directory}: a contact sheet needs pictures. Received: {dataset.layout} data")
    sheet = Image.new("RGB", (columns * (_TILE + _GAP) + _GAP, len(rows) * (_TILE + _LABEL + _GAP) + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    shown = 0
    for row, (label, split, domain, field) in enumerate(rows):
        top = _GAP + row * (_TILE + _LABEL + _GAP)
        pen.text((_GAP, top), label, fill="black")
        records = dataset.records(split, domain)
        for column in range(min(columns, len(records))):
            tile = _tile(records[column][field])
            left = _GAP + column * (_TILE + _GAP)
            sheet.paste(tile, (left + (_TILE - tile.width) // 2, top + _LABEL + (_TILE - tile.height) // 2))
            shown += 1
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())
    return shown


def _tile(image: NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(with_channels(image, 3, (255, 255, 255)))
    scale = _TILE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Small pictures are enlarged pixel by pixel: what is stored is what is shown.
    return picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
