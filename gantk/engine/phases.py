"""Parts of a training that differ in the size of images and batches: how growing GANs grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """A part of a training with one compiled step.

    Args:
        steps: Training steps.
        batch_size: Samples of each field in one update.
        resolution: Height of the images, which the data must hold.
        learning_rate_factor: Multiplies every learning rate.
    """

    steps: int
    batch_size: int
    resolution: int
    learning_rate_factor: float = 1.0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.resolution) < 1 or self.learning_rate_factor <= 0:
            raise ValueError(
                f"steps, batch_size, resolution and learning_rate_factor must be positive. Received: {self}"
            )


def phase_starts(phases: Sequence[Phase]) -> list[int]:
    """Return the step, counted from zero, at which each phase begins, and behind these the end of the last."""
    starts = [0]
    for phase in phases:
        starts.append(starts[-1] + phase.steps)
    return starts


def phase_at(phases: Sequence[Phase], step: int) -> int:
    """Return the number of the phase in which a step, counted from zero, is taken; after the last step the last phase."""
    starts = phase_starts(phases)
    return next((number for number in range(len(phases)) if step < starts[number + 1]), len(phases) - 1)
