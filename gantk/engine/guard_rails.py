"""Warnings of a training that goes wrong without failing: once for each cause, and again when it goes on and on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from gantk.engine.input_watch import InputShare

logger = logging.getLogger("gantk.engine")

ACCURACY = "accuracy"
"""Reported values with this word at the start or end of their name are accuracies of discriminators, from 0 to 1."""

WINS_ACCURACY = 0.99
"""A discriminator that is right this often tells real from generated images apart without fail."""

WINS_STEPS = 1000
"""For so many steps on end it must be, before a warning."""

COLLAPSED_DIVERSITY = 0.1
"""Outputs that differ by less than this share of what their inputs differ by are alike; see `output_diversity`."""

COLLAPSED_GRIDS = 2
"""In so many sample grids on end they must be, before a warning."""

EARLIEST_COLLAPSE = 200
"""Steps before which a network that has hardly begun makes one grey of everything, which is no collapse."""

INPUT_SHARE = 0.3
"""The input is a bottleneck where the step waits for it for more than this share of the time."""

INPUT_WINDOWS = 2
"""In so many windows on end it must, before a warning: the first fills caches and buffers."""

INPUT_SECONDS = 2.0
"""And for so long in all: nobody minds less."""

AGAIN = 10
"""A cause is told again at this many times the step of its last warning."""


class GuardRails:
    """Watches what the loop hands it and tells what to look at.

    Args:
        tell: Takes the name of a cause and a message for people; called for every warning.
    """

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._next: dict[str, int] = {}
        self._winning_since: dict[str, int] = {}
        self._alike: dict[str, int] = {}
        self._waiting = 0
        self._waited = 0.0

    def losses(self, step: int, epoch: int, since: int, means: Mapping[str, float]) -> None:
        """Look at the means of a log line for discriminators that always win.

        Args:
            step: The step of the line.
            epoch: Its epoch, counted from one.
            since: The step of the line before.
            means: The mean of every reported value.
        """
        for name, value in means.items():
            if not is_accuracy(name):
                continue
            if value < WINS_ACCURACY:
                self._winning_since.pop(name, None)
                continue
            began = self._winning_since.setdefault(name, since)
            if step - began >= WINS_STEPS:
                self._warn(
                    f"discriminator_wins.{name}",
                    step,
                    f"the discriminator wins: {name} has been {WINS_ACCURACY:.0%} or more from step {began} to {step} "
                    f"(epoch {epoch}), so the generator learns little from it. Lower the discriminators' learning rate "
                    "(`optimizers`), or set `instance_noise`, `label_smoothing`, `augmentation` or `penalties`",
                )

    def diversity(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Look at the diversity of a sample grid for outputs that are all alike.

        Args:
            step: The step of the grid.
            epoch: Its epoch, counted from one.
            values: As `output_diversity` returns them.
        """
        for direction, value in values.items():
            if value >= COLLAPSED_DIVERSITY or step < EARLIEST_COLLAPSE:
                self._alike.pop(direction, None)
                continue
            self._alike[direction] = self._alike.get(direction, 0) + 1
            if self._alike[direction] >= COLLAPSED_GRIDS:
                self._warn(
                    f"mode_collapse.{direction}",
                    step,
                    f"mode collapse: {direction} makes nearly the same picture of different ones; in epoch {epoch} they "
                    f"differ by {value:.1%} of what their inputs differ by (below {COLLAPSED_DIVERSITY:.0%}). Look at the "
                    "samples; lower the learning rate, weigh the adversarial loss less, or train anew with another seed",
                )

    def input(self, step: int, share: InputShare) -> None:
        """Look at a window of steps for time lost by waiting for batches."""
        if share.share < INPUT_SHARE:
            self._waiting, self._waited = 0, 0.0
            return
        self._waiting += 1
        self._waited += share.seconds
        if self._waiting >= INPUT_WINDOWS and self._waited >= INPUT_SECONDS:
            self._warn(
                "input_bottleneck",
                step,
                f"the input is the bottleneck: {share.share:.0%} of the time goes by waiting for batches "
                f"({1000 * share.step_seconds:.0f} ms a step, of which the step itself takes "
                f"{1000 * share.own_seconds:.0f} ms). Store smaller pictures (`resize` and `crop` in the transforms of "
                "`prepare` in place of those of `train`), use fewer transforms in training, or prepare with "
                "`encoding: raw` or `jpeg`",
            )

    def to_plain(self) -> dict[str, Any]:
        """Return what was told and is being watched as JSON values, for a checkpoint."""
        return {"next": dict(self._next), "winning_since": dict(self._winning_since), "alike": dict(self._alike)}

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Continue from a checkpoint."""
        self._next = dict(plain["next"])
        self._winning_since = dict(plain["winning_since"])
        self._alike = dict(plain["alike"])

    def _warn(self, cause: str, step: int, message: str) -> None:
        if step < self._next.get(cause, 0):
            return
        self._next[cause] = AGAIN * step
        logger.warning("%s", message)
        self._tell(cause, message)


def is_accuracy(name: str) -> bool:
    """Tell whether a reported value is the accuracy of a discriminator."""
    return name.startswith(f"{ACCURACY}_") or name.endswith(f"_{ACCURACY}") or name == ACCURACY
