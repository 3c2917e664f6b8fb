"""Improved precision and recall, density and coverage: how much of one set lies where the other is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed
from gantk_metrics.options import PrecisionRecallOptions
from gantk_metrics.set_metric import SetMetric, Summarised

_NUMBERS_AT_ONCE = 1 << 24
"""Distances that are held at once."""


def neighbour_distances(points: NDArray[Any], neighbour: int) -> NDArray[np.float64]:
    """Return each point's squared distance to its nearest neighbours' last one, itself not counted.

    Args:
        points: n × dimensions, n above `neighbour`.
        neighbour: Which one; 1 is the nearest.
    """
    reached = []
    for start, squared in _squared_distances(points, points):
        rows = np.arange(len(squared))
        squared[rows, start + rows] = np.inf
        reached.append(np.partition(squared, neighbour - 1, axis=1)[:, neighbour - 1])
    return np.concatenate(reached)


def precision_recall(generated: NDArray[Any], real: NDArray[Any], neighbours: int) -> dict[str, float]:
    """Return how two sets of points overlap.

    A set is taken to fill balls about its points, each as far as the point's k-th nearest neighbour in the set.
    Kynkäänniemi 2019, equations 1 and 2: `precision` is the share of generated points in the balls of the real set,
    `recall` the share of real points in those of the generated set. Naeem 2020, equations 3 and 4: `density` is the mean
    number of real balls that a generated point lies in, over k, which single outliers cannot raise as they do precision and
    which may exceed 1; `coverage` the share of real balls with at least one generated point.

    Args:
        generated: n × dimensions.
        real: m × dimensions.
        neighbours: k, below n and m.
    """
    real_reach = neighbour_distances(real, neighbours)
    generated_reach = neighbour_distances(generated, neighbours)
    inside = recalled = 0
    balls = 0
    covered = np.zeros(len(real), bool)
    # One walk over all pairs serves both directions.
    in_generated = np.zeros(len(real), bool)
    for start, squared in _squared_distances(generated, real):
        within = squared <= real_reach
        inside += int(within.any(axis=1).sum())
        balls += int(within.sum())
        covered |= within.any(axis=0)
        in_generated |= (squared <= generated_reach[start : start + len(squared), None]).any(axis=0)
    recalled = int(in_generated.sum())
    return {
        "precision": inside / len(generated),
        "recall": recalled / len(real),
        "density": balls / (neighbours * len(generated)),
        "coverage": float(covered.mean()),
    }


def _squared_distances(first: NDArray[Any], second: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the number of a first row, and squared distances of some rows to all of the other set."""
    # About their mean, so that large numbers common to all cost no digits.
    mean = np.asarray(second, np.float64).mean(axis=0)
    others = np.asarray(second, np.float64) - mean
    lengths = np.sum(others**2, axis=1)
    size = max(1, _NUMBERS_AT_ONCE // len(others))
    for start in range(0, len(first), size):
        rows = np.asarray(first[start : start + size], np.float64) - mean
        sums = np.sum(rows**2, axis=1)[:, None] + lengths
        squared = sums - 2 * (rows @ others.T)
        # What is left of equal points is rounding.
        squared[squared < sums * 1e-13] = 0.0
        yield start, squared


class PrecisionRecall(SetMetric[PrecisionRecallOptions, NDArray[np.float32]]):
    """Precision and recall, density and coverage of the features of two sets."""

    name = "precision_recall"
    better: ClassVar[Mapping[str, str]] = dict.fromkeys(("precision", "recall", "density", "coverage"), "higher")

    def summarise(self, batches: Iterable[NDArray[np.float64]], dimension: int) -> NDArray[np.float32]:
        """Keep the features themselves."""
        rows = [batch.astype(np.float32) for batch in batches]
        return np.concatenate(rows) if rows else np.zeros((0, dimension), np.float32)

    def distances(
        self, first: Summarised[NDArray[np.float32]], second: Summarised[NDArray[np.float32]], seed: int
    ) -> tuple[dict[str, float], dict[str, Any]]:
        """Return the four shares.

        Raises:
            RunFailed: A set has no more pictures than neighbours are asked for.
        """
        neighbours = self.options.neighbours
        fewest = min(first.count, second.count)
        if fewest <= neighbours:
            raise RunFailed(
                f"{self.name}: {neighbours} neighbours need more pictures in each set. Received: {fewest}",
                hint=f"Use more pictures, or {{type: {self.name}, neighbours: 1}}.",
            )
        values = precision_recall(first.summary, second.summary, neighbours)
        return values, {"neighbours": neighbours, "distance": "Euclidean, of the features, float64"}
