"""Exact statistics of stored fields, kept as integers so that they add up in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def image_statistics(image: NDArray[np.uint8], encoding: str) -> dict[str, Any]:
    """Return the statistics of one image, uint8, height × width × channels.

    Returns:
        `encoding`, `height`, `width` and `channels` (each least and greatest), and, by channel, `pixels`, `sum`
        and `sum_of_squares`: integers.
    """
    height, width, channels = image.shape
    # Down the columns, along contiguous rows: several times faster than a histogram of each channel.
    rows = image.reshape(height, width * channels)
    wide = np.uint32 if height < 2**16 else np.uint64  # 2¹⁶ squares of 255 fit into 32 bits
    sums = rows.sum(0, dtype=wide)
    squares = np.square(rows, dtype=np.uint16).sum(0, dtype=wide)
    return {
        "encoding": encoding,
        "height": [height, height],
        "width": [width, width],
        "channels": [channels, channels],
        "pixels": [height * width] * channels,
        "sum": _by_channel(sums, channels),
        "sum_of_squares": _by_channel(squares, channels),
    }


def _by_channel(columns: NDArray[Any], channels: int) -> list[int]:
    totals: list[int] = columns.reshape(-1, channels).sum(0, dtype=np.uint64).tolist()
    return totals


def text_statistics(text: str) -> dict[str, Any]:
    """Return the statistics of one text: `encoding` and `characters` (least and greatest), and their `sum`."""
    return {"encoding": "text", "characters": [len(text), len(text)], "sum": [len(text)]}


def joined(statistics: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Join the statistics of the same field over samples or units."""
    result: dict[str, Any] = {}
    for part in statistics:
        for name, value in part.items():
            if name not in result:
                result[name] = list(value) if isinstance(value, list) else value
            elif name in ("height", "width", "channels", "characters"):
                result[name] = [min(result[name][0], value[0]), max(result[name][1], value[1])]
            elif name == "encoding":
                result[name] = value if result[name] == value else "mixed"
            else:
                longest = max(len(result[name]), len(value))
                columns = (list(numbers) + [0] * (longest - len(numbers)) for numbers in (result[name], value))
                result[name] = [sum(column) for column in zip(*columns, strict=True)]
    return result


def mean_and_deviation(statistics: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Return the mean and the standard deviation by channel, in grey levels from 0 to 255."""
    means, deviations = [], []
    for pixels, total, squares in zip(
        statistics["pixels"], statistics["sum"], statistics["sum_of_squares"], strict=True
    ):
        means.append(total / pixels)
        # In integers: the difference of two large floating-point numbers would lose its digits.
        deviations.append((max(pixels * squares - total * total, 0) ** 0.5) / pixels)
    return means, deviations
