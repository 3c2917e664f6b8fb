"""Mean and covariance of more vectors than fit in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Moments:
    """Mean and covariance of vectors that come in batches, in float64.

    While there are no more vectors than dimensions they are kept, since their covariance is then described best, and
    soonest, by themselves; from there on only sums are (Chan 1979, the pairwise update), so that memory does not grow.

    Args:
        dimension: Length of a vector.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(dimension)
        self._kept: list[NDArray[np.float64]] = []
        self._scatter: NDArray[np.float64] | None = None
        self._factor: NDArray[np.float64] | None = None

    def add(self, vectors: NDArray[Any]) -> None:
        """Take vectors in, batch × dimension."""
        batch = np.asarray(vectors, np.float64)
        if len(batch) == 0:
            return
        mean = batch.mean(axis=0)
        shift = mean - self.mean
        total = self.count + len(batch)
        if self._scatter is None and total > len(mean):
            self._scatter = self.covariance() * (self.count - 1) if self.count > 1 else np.zeros((len(mean),) * 2)
            self._kept = []
        if self._scatter is None:
            self._kept.append(batch)
        else:
            centred = batch - mean
            self._scatter += centred.T @ centred + np.outer(shift, shift) * (self.count * len(batch) / total)
        self.mean = self.mean + shift * (len(batch) / total)
        self.count = total
        self._factor = None

    def covariance(self) -> NDArray[np.float64]:
        """Return the covariance of the sample, divided by the count less one.

        Raises:
            ValueError: There are fewer than two vectors.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 vectors. Received: {self.count}")
        if self._scatter is not None:
            return self._scatter / (self.count - 1)
        factor = self.factor()
        return factor @ factor.T

    def factor(self) -> NDArray[np.float64]:
        """Return L with L Lᵀ = the covariance, dimension × at most as many columns as vectors or dimensions.

        Raises:
            ValueError: There are fewer than two vectors.
        """
        if self._factor is None:
            if self._scatter is None and self.count >= 2:
                self._factor = (np.concatenate(self._kept) - self.mean).T / np.sqrt(self.count - 1)
            else:
                self._factor = factor_of(self.covariance())
        return self._factor


def factor_of(covariance: NDArray[Any]) -> NDArray[np.float64]:
    """Return L with L Lᵀ = a covariance, with as many columns as it has rank.

    It is made of eigenvectors; directions in which the distribution has no extent but rounding are left out.
    """
    values, vectors = np.linalg.eigh(np.asarray(covariance, np.float64))
    kept = values > max(values.max(), 0.0) * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])
