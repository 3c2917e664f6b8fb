"""Turning a picture upright that is too large for the memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.inference.exif import upright
from gantk.inference.picture import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK_BYTES = 32 << 20


def upright_strips(
    strips: Iterator[Picture], height: int, width: int, orientation: int, folder: Path
) -> Iterator[Picture]:
    """Yield the rows of a picture as its EXIF orientation wants them.

    Where the order of the rows changes, the pixels are written to a file without a name, which vanishes with the
    process whatever ends it.

    Args:
        strips: The rows as stored.
        height: Of the picture as stored.
        width: Of the picture as stored.
        orientation: 1 to 8.
        folder: Has room for the pixels, uncompressed.
    """
    if orientation == 1:
        yield from strips
        return
    if orientation == 2:
        for strip in strips:
            yield _with(strip, upright(_samples(strip), orientation))
        return
    with tempfile.TemporaryFile(dir=folder, prefix=".gantk-rows-") as file:
        about, channels, dtype = None, 0, np.dtype(np.uint8)
        for strip in strips:
            samples = _samples(strip)
            about, channels, dtype = (
                replace(strip, dpi=_turned(strip.dpi, orientation)),
                samples.shape[2],
                samples.dtype,
            )
            file.write(np.ascontiguousarray(samples).data)
        file.flush()
        assert about is not None
        stored = _StoredRows(file.fileno(), height, width, channels, dtype)
        lines = width if orientation >= 5 else height
        most = max(1, _BLOCK_BYTES * lines // (height * width * channels * dtype.itemsize))
        for first in range(0, lines, most):
            last = min(lines, first + most)
            if orientation in (3, 4, 7, 8):
                first, last = lines - last, lines - first
            block = stored.columns(first, last) if orientation >= 5 else stored.rows(first, last)
            yield _with(about, upright(block, orientation))


class _StoredRows:
    # Read and not mapped, as mapped pages count as the memory of this process.
    def __init__(self, descriptor: int, height: int, width: int, channels: int, dtype: np.dtype[Any]) -> None:
        self._descriptor = descriptor
        self._shape = (height, width, channels)
        self._dtype = dtype
        self._row_bytes = width * channels * dtype.itemsize

    def rows(self, first: int, last: int) -> NDArray[Any]:
        content = os.pread(self._descriptor, (last - first) * self._row_bytes, first * self._row_bytes)
        return np.frombuffer(content, self._dtype).reshape(last - first, *self._shape[1:])

    def columns(self, first: int, last: int) -> NDArray[Any]:
        height, _, channels = self._shape
        pixel = channels * self._dtype.itemsize
        block = np.empty((height, last - first, channels), self._dtype)
        for row in range(height):
            content = os.pread(self._descriptor, (last - first) * pixel, row * self._row_bytes + first * pixel)
            block[row] = np.frombuffer(content, self._dtype).reshape(last - first, channels)
        return block


def _samples(strip: Picture) -> NDArray[Any]:
    return strip.colour if strip.alpha is None else np.dstack([strip.colour, strip.alpha])


def _with(about: Picture, samples: NDArray[Any]) -> Picture:
    if about.alpha is None:
        return replace(about, colour=samples)
    return replace(about, colour=samples[..., :-1], alpha=samples[..., -1])


def _turned(dpi: tuple[float, float] | None, orientation: int) -> tuple[float, float] | None:
    return dpi[::-1] if dpi and orientation >= 5 else dpi
