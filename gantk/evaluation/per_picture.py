"""The numbers of single pictures, and what was made of each to look at."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gantk.atomic_files import write_bytes, write_text
from gantk.evaluation.translators import enlarged_bicubic
from gantk.protocols import EvaluationData, MetricResult, Translator

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SHOWN = 8
"""Pictures that are written to look at, of each split and direction."""

WINDOW = 384
"""Height and width in pixels of what is shown of a larger picture: its part with the most detail, pixel for pixel."""


class PerPicture:
    """Collects the numbers of each picture while metrics measure candidates."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str, str], dict[str, Any]] = {}

    def add(self, label: str, candidate: str, result: MetricResult) -> None:
        """Take in what a metric says of single pictures.

        Args:
            label: What the metric's values are called by, `psnr` or `psnr-2`.
            candidate: Who was measured.
            result: What the metric found.
        """
        for numbers in result.per_picture:
            for key, number in numbers.numbers.items():
                line = self._lines.setdefault(
                    (numbers.split, numbers.direction, key),
                    {"picture": key, "split": numbers.split, "direction": numbers.direction, "values": {}, "shown": {}},
                )
                value = line["values"].setdefault(
                    f"{label}.{numbers.value}",
                    {
                        "unit": result.units.get(numbers.value, ""),
                        "better": result.better.get(numbers.value, ""),
                        "numbers": {},
                    },
                )
                value["numbers"][candidate] = float(number) if math.isfinite(number) else None

    def write(self, directory: Path, translator: Translator, data: EvaluationData) -> None:
        """Write `per_picture.jsonl`, one line a picture, and the first pictures to look at; nothing where there are none.

        Args:
            directory: The stage's folder.
            translator: Whose translations are shown.
            data: The prepared data that was measured on.
        """
        if not self._lines:
            # What an earlier run of the stage has left speaks of other metrics.
            (directory / "per_picture.jsonl").unlink(missing_ok=True)
            return
        for split, direction in dict.fromkeys((split, direction) for split, direction, _ in self._lines):
            self._write_pictures(split, direction, directory, translator, data)
        lines = [json.dumps(line, ensure_ascii=False) for line in self._lines.values()]
        write_text(directory / "per_picture.jsonl", "".join(f"{line}\n" for line in lines))

    def _write_pictures(
        self, split: str, direction: str, directory: Path, translator: Translator, data: EvaluationData
    ) -> None:
        source, target = direction.split("to")
        for number, sample in enumerate(data.samples(split, "AB", (source, target), limit=MOST_SHOWN)):
            line = self._lines.get((split, direction, sample["key"]))
            if line is None:
                continue
            shown = shown_parts(sample[source], translator(direction, sample[source][None])[0], sample[target])
            for role, pixels in shown.items():
                path = directory / "pictures" / f"{split}-{direction}-{number + 1}-{role}.png"
                path.parent.mkdir(exist_ok=True)
                encoded = io.BytesIO()
                Image.fromarray(pixels).save(encoded, "PNG", compress_level=1)
                write_bytes(path, encoded.getvalue())
                line["shown"][role] = path.relative_to(directory).as_posix()


def shown_parts(
    given: NDArray[np.float32], result: NDArray[np.float32], truth: NDArray[np.float32]
) -> dict[str, NDArray[np.uint8]]:
    """Return the same part of an input, its translation and the truth, each pixel for pixel of the truth.

    Args:
        given: Float in [-1, 1], height × width × channels; where the truth is a whole number of times as large, it is
            enlarged by Pillow's bicubic.
        result: Of the size of the truth.
        truth: The truth.

    Returns:
        `input`, `result` and `truth`: uint8, height × width × 3, at most `WINDOW` pixels high and wide.
    """
    levels = {"input": _levels(given), "result": _levels(result), "truth": _levels(truth)}
    scale = truth.shape[0] // given.shape[0]
    if scale > 1 and truth.shape[:2] == (scale * given.shape[0], scale * given.shape[1]):
        levels["input"] = enlarged_bicubic(levels["input"], scale)
    row, column = most_detailed(levels["truth"], WINDOW)
    return {
        role: np.ascontiguousarray(picture[row : row + WINDOW, column : column + WINDOW])
        for role, picture in levels.items()
    }


def most_detailed(picture: NDArray[np.uint8], window: int) -> tuple[int, int]:
    """Return row and column of the window in which neighbouring pixels differ most, of windows half of one apart.

    Args:
        picture: uint8, height × width × channels.
        window: Height and width of a window; cut off where the picture is smaller.
    """
    grey = picture.mean(axis=2)
    difference = np.zeros(grey.shape)
    difference[1:] += np.abs(np.diff(grey, axis=0))
    difference[:, 1:] += np.abs(np.diff(grey, axis=1))
    starts = [_starts(side, window) for side in grey.shape]
    places = [(row, column) for row in starts[0] for column in starts[1]]
    return max(places, key=lambda place: difference[place[0] : place[0] + window, place[1] : place[1] + window].sum())


def _starts(side: int, window: int) -> Sequence[int]:
    last = max(0, side - window)
    return sorted({*range(0, last + 1, max(1, window // 2)), last})


def _levels(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return uint8, height × width × 3; values that are not finite are black."""
    finite = np.nan_to_num(image, nan=-1.0, posinf=1.0, neginf=-1.0)
    levels = np.clip(np.rint((finite + 1) * 127.5), 0, 255).astype(np.uint8)
    return np.repeat(levels[..., :1], 3, axis=-1) if levels.shape[-1] < 3 else levels[..., :3]
