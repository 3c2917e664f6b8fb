"""Pictures by number: which ones are made. Imports no framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gantk.inference.generation.labels import labels_in_turn
from gantk.inference.option_checks import check_range

MOST = 10_000_000
"""Pictures in one call; more fit no folder."""


@dataclass(frozen=True)
class PictureSeries:
    """Some pictures of a seed, one after the other.

    Args:
        count: How many.
        seed: Decides the pictures.
        first: Number of the first.
        labels: Class numbers that the pictures have in turn, by their numbers: of `(3, 5)` the even ones have 3. None of a
            model without labels.

    Raises:
        UsageError: A number that is out of range.
    """

    count: int = 64
    seed: int = 0
    first: int = 0
    labels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_range("The number of pictures", self.count, 1, MOST)
        check_range("The seed", self.seed, 0, (1 << 63) - 1)
        check_range("The number of the first picture", self.first, 0, (1 << 53) - MOST)

    @property
    def numbers(self) -> range:
        """Numbers of the pictures."""
        return range(self.first, self.first + self.count)

    def labels_of(self, numbers: Sequence[int]) -> list[int] | None:
        """Return the label of each of some pictures; None of a model without labels."""
        return labels_in_turn(self.labels, numbers)

    def label_of(self, number: int) -> int | None:
        """Return the label of a picture; None of a model without labels."""
        return None if self.labels is None else self.labels[number % len(self.labels)]
