"""The mean of all training targets: what can be said without looking at the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.errors import RunFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gantk.evaluation.training_pairs import TrainingPairs


class TrainingMeanTranslator:
    """Gives the per-pixel mean of the training targets for every input. Implements `gantk.Translator`.

    Of all answers that ignore the input it has the smallest squared error on the training pairs.

    Args:
        pairs: What it learns from.
        directions: The directions it claims.

    Raises:
        RunFailed: The training targets differ in size.
    """

    def __init__(self, pairs: TrainingPairs, directions: tuple[str, ...]) -> None:
        self._means = {direction: _mean_target(pairs, direction) for direction in directions}
        self.protocol: Mapping[str, Any] = {
            "learnt": "mean of the training targets at every pixel",
            "split": pairs.split,
            "pairs": len(pairs),
        }

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions it claims."""
        return tuple(self._means)

    def __call__(self, direction: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean for every image, float32 in [-1, 1].

        Raises:
            RunFailed: The images have another size than the training targets.
        """
        mean = self._means[direction]
        if images.shape[1:3] != mean.shape[:2]:
            raise RunFailed(
                f"The baseline 'training_mean' needs pictures of the size it was learnt from, {mean.shape[:2]}. "
                f"Received: {images.shape[1:3]}",
                hint="Leave it out of `baselines`, or add a resize to the transforms of the prepare stage.",
            )
        return np.broadcast_to(mean, (len(images), *mean.shape)).copy()


def _mean_target(pairs: TrainingPairs, direction: str) -> NDArray[np.float32]:
    total: NDArray[np.float64] | None = None
    for _, target in pairs.read(direction):
        if total is None:
            total = np.zeros(target.shape)
        elif total.shape != target.shape:
            raise RunFailed(
                f"The baseline 'training_mean' needs targets of one size and as many channels. "
                f"Received: {total.shape} and {target.shape}",
                hint="Leave it out of `baselines`, or add a resize to the transforms of the prepare stage.",
            )
        total += target
    assert total is not None
    mean: NDArray[np.float32] = (total / len(pairs) / 127.5 - 1).astype(np.float32)
    return mean
