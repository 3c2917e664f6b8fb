"""Random draws of a scene that are the same on every machine and with every NumPy.

`numpy.random.Generator` may change its streams between releases (NEP 19); the raw words of PCG64 and
`SeedSequence` may not. Floats are made here, from the top 53 bits of a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class Draw:
    """One stream of random draws.

    Args:
        seed: Seed of the data set, 0 or more.
        index: Number of the scene, 0 or more.
        stream: What the draws are for. Every purpose has a stream of its own, so that one more draw
            for the sky does not change the animal.
        variation: In [0, 1]: how much of a range `between` uses, around its middle, and the factor of
            every `chance`.
    """

    def __init__(self, seed: int, index: int, stream: int, variation: float = 1.0) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, index, stream]))
        self._variation = variation

    def unit(self) -> float:
        """Return a float in [0, 1)."""
        return (int(self._bits.random_raw()) >> 11) * 2.0**-53

    def units(self, *shape: int) -> NDArray[np.float64]:
        """Return an array of floats in [0, 1)."""
        count = 1
        for length in shape:
            count *= length
        words = self._bits.random_raw(count) >> np.uint64(11)
        return (words.astype(np.float64) * 2.0**-53).reshape(shape)

    def between(self, low: float, high: float) -> float:
        """Return a float between two ends, narrowed around the middle by the variation."""
        middle = 0.5 * (low + high)
        return middle + (high - low) * (self.unit() - 0.5) * self._variation

    def chance(self, probability: float) -> bool:
        """Return True with a probability, which the variation lowers."""
        return self.unit() < probability * self._variation

    def choose(self, weighted: Sequence[tuple[float, T]]) -> T:
        """Return one of `(weight, value)`; the draw does not depend on the variation."""
        total = 0.0
        for weight, _ in weighted:
            total += weight
        rest = self.unit() * total
        for weight, value in weighted:
            rest -= weight
            if rest < 0:
                return value
        return weighted[-1][1]
