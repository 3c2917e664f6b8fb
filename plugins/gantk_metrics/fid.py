"""Fréchet inception distance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gantk_metrics.moments import Moments
from gantk_metrics.options import FIDOptions
from gantk_metrics.set_metric import SetMetric, Summarised


def frechet_distance(
    mean: NDArray[Any], factor: NDArray[Any], other_mean: NDArray[Any], other_factor: NDArray[Any]
) -> float:
    """Return the squared Fréchet distance of two normal distributions.

    Heusel 2017, equation 6: |m - m'|² + Tr(C + C' - 2 (C C')^½), all in float64. With C = L Lᵀ and C' = L' L'ᵀ the
    trace of the root is the sum of the singular values of Lᵀ L', which needs no root of a product that is not symmetric,
    and is as exact where C is singular.

    Args:
        mean: Features.
        factor: L, features × any number of columns.
        other_mean: Of the other distribution.
        other_factor: Of the other distribution.

    Returns:
        A number that is not negative.
    """
    one, other = np.asarray(factor, np.float64), np.asarray(other_factor, np.float64)
    difference = np.asarray(mean, np.float64) - other_mean
    root_trace = np.linalg.svd(one.T @ other, compute_uv=False).sum()
    distance = difference @ difference + np.sum(one**2) + np.sum(other**2) - 2 * root_trace
    return max(0.0, float(distance))


class FID(SetMetric[FIDOptions, Moments]):
    """The Fréchet distance between the features of two sets."""

    name = "fid"
    better: ClassVar[Mapping[str, str]] = {"fid": "lower"}

    def summarise(self, batches: Iterable[NDArray[np.float64]], dimension: int) -> Moments:
        """Keep mean and covariance: memory does not grow with the number of pictures."""
        moments = Moments(dimension)
        for batch in batches:
            moments.add(batch)
        return moments

    def distances(
        self, first: Summarised[Moments], second: Summarised[Moments], seed: int
    ) -> tuple[dict[str, float], dict[str, Any]]:
        """Return the distance, and a warning where the sets are too small for their covariance."""
        one, other = first.summary, second.summary
        value = frechet_distance(one.mean, one.factor(), other.mean, other.factor())
        notes: dict[str, Any] = {"covariance": "of the sample, divided by n - 1, float64"}
        fewest = min(first.count, second.count)
        if fewest <= len(one.mean):
            notes["warning"] = (
                f"{fewest} pictures are too few for {len(one.mean)} features: the covariance is singular, and the value is "
                "larger than with more pictures. Compare it only with values of as many pictures."
            )
        return {"fid": value}, notes
