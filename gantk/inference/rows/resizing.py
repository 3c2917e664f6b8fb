"""Resizing a picture while its rows go by, with antialiasing; equal, to the last bit, to resizing it whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kernel = Literal["lanczos", "bicubic"]

_RADIUS = {"lanczos": 3.0, "bicubic": 2.0}
_ROWS_AT_ONCE = 64


def taps(size: int, target: int, kernel: Kernel) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return which pixels of a line make each pixel of the resized line, and with what weights.

    As in Pillow, pixel centres are at halves, the kernel is stretched where the line becomes shorter (so nothing is
    passed over), and at the ends its weights are normalised anew. Lanczos has 3 lobes; bicubic is Keys' with a = -0.5
    (Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711).

    Args:
        size: Pixels of the line.
        target: Pixels of the resized line.
        kernel: The kernel.

    Returns:
        Indices and weights, each target × taps.
    """
    step = size / target
    stretch = max(1.0, step)
    radius = _RADIUS[kernel] * stretch
    centres = (np.arange(target) + 0.5) * step
    first = np.ceil(centres - radius - 0.5).astype(np.intp)
    indices = first[:, None] + np.arange(math.ceil(2 * radius) + 1)
    distances = np.abs(indices + 0.5 - centres[:, None]) / stretch
    weights = _lanczos(distances) if kernel == "lanczos" else _bicubic(distances)
    weights[(indices < 0) | (indices >= size)] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    return np.clip(indices, 0, size - 1), weights.astype(np.float32)


def _lanczos(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(distance < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)


def _bicubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))


class RowResizer:
    """Takes the rows of a picture and gives those of the resized one as soon as they are known.

    Args:
        height: Rows of the picture.
        width: Its columns.
        target: Height and width of the resized picture.
        kernel: The kernel.
    """

    def __init__(self, height: int, width: int, target: tuple[int, int], kernel: Kernel) -> None:
        self._same = (height, width) == target
        self._row_indices, self._row_weights = taps(height, target[0], kernel)
        self._column_indices, self._column_weights = taps(width, target[1], kernel)
        self._last_needed = self._row_indices.max(axis=1)
        self._first_needed = np.minimum.accumulate(self._row_indices.min(axis=1)[::-1])[::-1]
        self._held: NDArray[np.float32] | None = None
        self._first_held = 0
        self._made = 0

    def feed(self, rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Take further rows.

        Args:
            rows: uint8 or uint16, any height × width, or × channels.

        Yields:
            Rows of the resized picture, of the same type, in order.
        """
        if self._same:
            yield rows
            return
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            narrow = self._across(rows[start : start + _ROWS_AT_ONCE])
            self._held = narrow if self._held is None else np.concatenate([self._held, narrow])
            known = self._first_held + len(self._held)
            ready = int(np.searchsorted(self._last_needed, known))
            while self._made < ready:
                yield self._next(min(ready, self._made + _ROWS_AT_ONCE), rows.dtype)

    def _across(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        result = np.zeros((len(rows), len(self._column_indices), *rows.shape[2:]), np.float32)
        shape = (-1, *(1 for _ in rows.shape[2:]))
        for tap in range(self._column_indices.shape[1]):
            result += rows[:, self._column_indices[:, tap]] * self._column_weights[:, tap].reshape(shape)
        return result

    def _next(self, stop: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        assert self._held is not None
        made = slice(self._made, stop)
        indices, weights = self._row_indices[made] - self._first_held, self._row_weights[made]
        result = np.zeros((len(indices), *self._held.shape[1:]), np.float32)
        shape = (-1, *(1 for _ in self._held.shape[1:]))
        for tap in range(indices.shape[1]):
            result += self._held[indices[:, tap]] * weights[:, tap].reshape(shape)
        self._made = stop
        if stop < len(self._first_needed):
            drop = int(self._first_needed[stop]) - self._first_held
            self._held = self._held[drop:]
            self._first_held += drop
        return np.clip(np.rint(result), 0, np.iinfo(dtype).max).astype(dtype)
