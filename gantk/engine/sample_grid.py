"""Grids of samples: what the model does with the same pictures, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gantk.atomic_files import write_bytes, write_json


@dataclass(frozen=True)
class SampleGrid:
    """Pictures in rows and columns.

    Args:
        rows: A title for each row; rows of one direction share theirs.
        columns: Pictures by column, float in [-1, 1], rows × height × width × 1 or 3.
        directions: The direction of each row, such as `AtoB`; empty where rows have none.
    """

    rows: Sequence[str]
    columns: Mapping[str, NDArray[Any]]
    directions: Sequence[str] = ()

    @classmethod
    def from_preview(cls, preview: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> SampleGrid:
        """Arrange what `AdversarialModel.preview` returns.

        Args:
            preview: Images by direction and column; every direction has the same columns.
            titles: The title of a direction's rows, such as `{"AtoB": "horse → zebra"}`; by default its name.
        """
        rows: list[str] = []
        directions: list[str] = []
        columns: dict[str, list[NDArray[Any]]] = {}
        for direction, shown in preview.items():
            arrays = {name: np.asarray(images, dtype=np.float32) for name, images in shown.items()}
            count = len(next(iter(arrays.values())))
            rows += [titles.get(direction, direction)] * count
            directions += [direction] * count
            for name, images in arrays.items():
                columns.setdefault(name, []).append(images)
        return cls(rows, {name: np.concatenate(parts) for name, parts in columns.items()}, directions)

    def image(self) -> NDArray[np.uint8]:
        """Return the grid as one picture, uint8 height × width × 3, its cells side by side without a gap.

        Every cell has the size of the largest picture; smaller ones are enlarged by nearest neighbour.
        """
        height = max(images.shape[1] for images in self.columns.values())
        width = max(images.shape[2] for images in self.columns.values())
        cells = [
            [_cell(images[row], height, width) for images in self.columns.values()] for row in range(len(self.rows))
        ]
        return np.concatenate([np.concatenate(row, axis=1) for row in cells], axis=0)


def write_sample_grid(directory: Path, grid: SampleGrid, *, step: int, epoch: int) -> Path:
    """Write `step-00000100.png` and, after it, `step-00000100.json` that says what the picture shows.

    Returns:
        The path of the picture.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"step-{step:08d}.png"
    encoded = BytesIO()
    Image.fromarray(grid.image()).save(encoded, "PNG", compress_level=1)
    write_bytes(path, encoded.getvalue())
    about = {"step": step, "epoch": epoch, "rows": list(grid.rows), "columns": list(grid.columns)}
    write_json(path.with_suffix(".json"), about)
    return path


def _cell(image: NDArray[Any], height: int, width: int) -> NDArray[np.uint8]:
    eight_bit = np.round((np.clip(np.nan_to_num(image), -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    if eight_bit.shape[-1] == 1:
        eight_bit = np.repeat(eight_bit, 3, axis=-1)
    if eight_bit.shape[:2] != (height, width):
        enlarged = Image.fromarray(eight_bit).resize((width, height), Image.Resampling.NEAREST)
        eight_bit = np.asarray(enlarged, dtype=np.uint8)
    return eight_bit
