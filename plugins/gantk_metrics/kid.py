"""Kernel inception distance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gantk_metrics.options import KIDOptions
from gantk_metrics.set_metric import SetMetric, Summarised


def maximum_mean_discrepancy(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the unbiased estimate of MMD² with the kernel k(x, y) = (x·y / d + 1)³.

    Bińkowski 2018, equation 4 and section 4: the mean of k over pairs of different rows of each set, less twice its
    mean over pairs across the sets. It can be negative where the sets are alike.

    Args:
        first: n × d features, n at least 2.
        second: m × d features, m at least 2.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    within = sum(
        (kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1))
        for kernel in (_kernel(one, one), _kernel(other, other))
    )
    return float(within - 2 * _kernel(one, other).mean())


def _kernel(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = one @ other.T
    return (product / one.shape[1] + 1) ** 3


class KID(SetMetric[KIDOptions, NDArray[np.float32]]):
    """MMD² between the features of two sets: over subsets, or over all pictures where they are few."""

    name = "kid"
    better: ClassVar[Mapping[str, str]] = {"kid": "lower"}

    def summarise(self, batches: Iterable[NDArray[np.float64]], dimension: int) -> NDArray[np.float32]:
        """Keep the features themselves: 4 bytes each, 400 MB for 50,000 pictures of 2,048."""
        rows = [batch.astype(np.float32) for batch in batches]
        return np.concatenate(rows) if rows else np.zeros((0, dimension), np.float32)

    def distances(
        self, first: Summarised[NDArray[np.float32]], second: Summarised[NDArray[np.float32]], seed: int
    ) -> tuple[dict[str, float], dict[str, Any]]:
        """Return the estimate, and its deviation over subsets where there are some."""
        one, other = first.summary, second.summary
        notes: dict[str, Any] = {"kernel": "(x·y / d + 1)³, float64"}
        size = self.options.subset_size
        if min(first.count, second.count) <= size:
            notes["estimator"] = "unbiased MMD² of all pictures, once; a smaller subset_size gives a mean and deviation"
            return {"kid": maximum_mean_discrepancy(one, other)}, notes
        random = np.random.default_rng([seed, first.count, second.count])
        estimates = [
            maximum_mean_discrepancy(
                one[random.choice(len(one), size, replace=False)], other[random.choice(len(other), size, replace=False)]
            )
            for _ in range(self.options.subsets)
        ]
        notes["estimator"] = (
            f"mean of the unbiased MMD² of {self.options.subsets} subsets of {size} pictures, each drawn without "
            f"replacement, seed {seed}; kid_deviation is their standard deviation"
        )
        return {"kid": float(np.mean(estimates)), "kid_deviation": float(np.std(estimates))}, notes
