"""The guard against losses and weights that are not finite, and the means of losses between two log lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk.errors import RunFailed

_REMEDY = (
    "Lower the learning rates or set gradient_clip_norm, under `optimizers` of the train stage, and continue from the "
    "last checkpoint with --resume; or train anew with precision float32."
)


class LossWindow:
    """The losses of the steps since the last log line, and of those since the epoch began.

    Losses stay on the device until they are asked for, so collecting them does not wait for a step.

    Args:
        names: The losses, in the order in which they are looked at.
        guard: Stop at a loss that is not finite.
    """

    def __init__(self, names: Sequence[str], *, guard: bool = True) -> None:
        self._names = tuple(names)
        self._guard = guard
        self._pending: list[tuple[int, Mapping[str, Any]]] = []
        self._sums = dict.fromkeys(self._names, 0.0)
        self._count = 0
        self._epoch_sums = dict.fromkeys(self._names, 0.0)
        self._epoch_count = 0

    def add(self, step: int, losses: Mapping[str, Any]) -> None:
        """Remember the losses of one step: scalars of the backend, by name."""
        self._pending.append((step, losses))

    def settle(self) -> None:
        """Wait for the losses collected so far and look at them.

        Raises:
            RunFailed: One is not finite; the message names the first, by step and then by the order of `names`.
        """
        pending, self._pending = self._pending, []
        for step, losses in pending:
            for name in self._names:
                value = float(np.asarray(losses[name], dtype=np.float64))
                if self._guard and not math.isfinite(value):
                    raise not_finite(name, value, step, {other: float(losses[other]) for other in self._names})
                self._sums[name] += value
                self._epoch_sums[name] += value
            self._count += 1
            self._epoch_count += 1

    def means(self) -> dict[str, float]:
        """Return the mean of each loss over the window and start the next one."""
        self.settle()
        means = {name: total / max(1, self._count) for name, total in self._sums.items()}
        self._sums = dict.fromkeys(self._names, 0.0)
        self._count = 0
        return means

    def epoch_means(self) -> dict[str, float]:
        """Return the mean of each loss over the epoch, which ends here; the window of the log line goes on."""
        self.settle()
        means = {name: total / max(1, self._epoch_count) for name, total in self._epoch_sums.items()}
        self._epoch_sums = dict.fromkeys(self._names, 0.0)
        self._epoch_count = 0
        return means

    def to_plain(self) -> dict[str, Any]:
        """Return the unfinished window and epoch as JSON values, for a checkpoint."""
        self.settle()
        return {
            "sums": dict(self._sums),
            "count": self._count,
            "epoch_sums": dict(self._epoch_sums),
            "epoch_count": self._epoch_count,
        }

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Continue the window of a checkpoint."""
        self._sums = {name: float(plain["sums"][name]) for name in self._names}
        self._count = int(plain["count"])
        self._epoch_sums = {name: float(plain["epoch_sums"][name]) for name in self._names}
        self._epoch_count = int(plain["epoch_count"])


def not_finite(name: str, value: float, step: int, losses: Mapping[str, float]) -> RunFailed:
    """Return the error for the first loss that is not finite."""
    others = ", ".join(f"{other} {number:.4g}" for other, number in losses.items())
    return RunFailed(
        f"The loss {name!r} stopped being finite at training step {step}.\nReceived: {name} = {value}; at that step {others}",
        hint=_REMEDY,
    )


def check_weights(tensors: Mapping[str, NDArray[Any]], step: int) -> None:
    """Look for weights of networks and of their averages that are not finite.

    Args:
        tensors: The state of a model by the names of `named_state`.
        step: Training steps done.

    Raises:
        RunFailed: There are some; the message names the first network.
    """
    for name, value in tensors.items():
        kind, _, rest = name.partition("/")
        if kind in ("networks", "averages") and not np.all(np.isfinite(value)):
            raise RunFailed(
                f"Weights of the network {rest.partition('/')[0]!r} stopped being finite by training step {step}.\n"
                f"Received: {np.count_nonzero(~np.isfinite(value))} of {value.size} numbers in {name}",
                hint=_REMEDY,
            )
