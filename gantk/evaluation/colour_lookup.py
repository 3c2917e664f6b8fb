"""A look-up by colour: what can be said of a pixel from its own colour, without its surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.errors import RunFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gantk.evaluation.training_pairs import TrainingPairs

_BITS = 4
"""Of a channel's eight; finer cells hold too few pixels, and their means are noise."""
_MOST_CHANNELS = 3
_CHUNK = 2048


class ColourLookupTranslator:
    """Translates every pixel by its colour alone. Implements `gantk.Translator`.

    Input colours are divided into cells of 16 × 16 × 16 levels. A cell that holds training pixels stands for the mean
    target colour of all of them; any other for that of the nearest cell that does, by the distance from its centre
    to the mean colour of the training pixels there. All pixels of all training pairs are used.

    Args:
        pairs: What it learns from.
        directions: The directions it claims.

    Raises:
        RunFailed: The inputs have more than 3 channels.
    """

    def __init__(self, pairs: TrainingPairs, directions: tuple[str, ...]) -> None:
        self._tables = {direction: _learn(pairs, direction) for direction in directions}
        self.protocol: Mapping[str, Any] = {
            "learnt": "mean target colour by input colour, all pixels; a colour not seen takes the nearest that was",
            "levels_a_cell": 2 ** (8 - _BITS),
            "split": pairs.split,
            "pairs": len(pairs),
        }

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions it claims."""
        return tuple(self._tables)

    def __call__(self, direction: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Translate images, float32 in [-1, 1], pixel by pixel."""
        levels = np.clip(np.rint((images + np.float32(1)) * np.float32(127.5)), 0, 255).astype(np.uint8)
        return self._tables[direction][_cells(levels)]


def _learn(pairs: TrainingPairs, direction: str) -> NDArray[np.float32]:
    """Return the target colour of every cell, float32 in [-1, 1], cells × channels."""
    count: Any = None
    inputs: Any = None
    targets: Any = None
    for source, target in pairs.read(direction):
        channels = source.shape[-1]
        if channels > _MOST_CHANNELS:
            raise RunFailed(
                f"The baseline 'colour_lookup' takes inputs of at most {_MOST_CHANNELS} channels. Received: {channels}",
                hint="Leave it out of `baselines`.",
            )
        if count is None:
            size = 1 << (_BITS * channels)
            count = np.zeros(size)
            inputs, targets = np.zeros((size, channels)), np.zeros((size, target.shape[-1]))
        cells = _cells(source).ravel()
        count += np.bincount(cells, minlength=size)
        for sums, picture in ((inputs, source), (targets, target)):
            for channel in range(picture.shape[-1]):
                sums[:, channel] += np.bincount(cells, weights=picture[..., channel].ravel(), minlength=size)
    seen = np.flatnonzero(count)
    nearest = np.arange(len(count))
    unseen = np.flatnonzero(count == 0)
    nearest[unseen] = seen[_nearest(_centres(unseen, inputs.shape[-1]), inputs[seen] / count[seen, None])]
    colours: NDArray[np.float32] = (targets[nearest] / count[nearest, None] / 127.5 - 1).astype(np.float32)
    return colours


def _cells(levels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the cell of each colour; the last axis holds its channels."""
    cells: NDArray[np.int64] = np.zeros(levels.shape[:-1], np.int64)
    for channel in range(levels.shape[-1]):
        cells = (cells << _BITS) | (levels[..., channel] >> (8 - _BITS))
    return cells


def _centres(cells: NDArray[np.intp], channels: int) -> NDArray[np.float64]:
    """Return the colour in the middle of each cell, cells × channels."""
    shifts = _BITS * np.arange(channels - 1, -1, -1)
    steps = (cells[:, None] >> shifts) & ((1 << _BITS) - 1)
    width = 2 ** (8 - _BITS)
    return steps * width + (width - 1) / 2


def _nearest(points: NDArray[np.float64], candidates: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the index of the candidate nearest to each point; the first of equals."""
    squares = np.sum(candidates**2, axis=1)
    chunks = [
        np.argmin(squares - 2 * points[start : start + _CHUNK] @ candidates.T, axis=1)
        for start in range(0, len(points), _CHUNK)
    ]
    return np.concatenate(chunks) if chunks else np.zeros(0, np.intp)
