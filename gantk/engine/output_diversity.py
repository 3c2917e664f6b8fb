"""Whether a model still makes different pictures of different inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk.engine.sample_grid import SampleGrid


def mean_pairwise_distance(images: NDArray[Any]) -> float:
    """Return the mean absolute difference of two different images, over all pairs.

    Args:
        images: At least two, float in [-1, 1], batch × height × width × channels.
    """
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    distances = [
        float(np.mean(np.abs(flat[first] - flat[second]))) for first in range(len(flat)) for second in range(first)
    ]
    return float(np.mean(distances))


def output_diversity(grid: SampleGrid) -> dict[str, float]:
    """Compare how different the outputs of a preview are with how different their inputs are.

    Returns:
        By direction (or the rows' title where the grid names none) the mean pairwise distance of its outputs divided by
        that of its inputs: about 1 where the model keeps what tells pictures apart, near 0 where it makes one
        picture of all. Left out: a direction with fewer than two samples, without the columns `input` and `output`,
        with inputs that are all alike, or with outputs that are not finite.
    """
    if not {"input", "output"} <= set(grid.columns):
        return {}
    labels = list(grid.directions or grid.rows)
    found = {}
    for label in dict.fromkeys(labels):
        rows = [index for index, other in enumerate(labels) if other == label]
        outputs = grid.columns["output"][rows]
        if len(rows) < 2 or not np.all(np.isfinite(outputs)):
            continue
        of_inputs = mean_pairwise_distance(grid.columns["input"][rows])
        if of_inputs > 0:
            found[label] = mean_pairwise_distance(outputs) / of_inputs
    return found
