"""Lower the learning rates when a value has stopped improving.

Reference:
    `torch.optim.lr_scheduler.ReduceLROnPlateau` (without `cooldown`; `eps` 0).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping

import keras
import numpy as np

from gantk.engine.options import ScheduleOptions
from gantk.errors import ConfigError

logger = logging.getLogger("gantk.engine")


class Plateau(keras.layers.Layer):
    """The state of a `plateau` schedule: the factor of the learning rates, the best value, how long ago it was.

    A value v is an improvement on the best one b where, with the threshold t, v < b (1 - t) (`min`, relative),
    v < b - t (`min`, absolute), v > b (1 + t) (`max`, relative) or v > b + t (`max`, absolute); a value that is not a
    number is none. After more than `patience` values in a row without one the factor is multiplied by `drop` and the
    counting begins anew.

    The state is variables of the model, so that the compiled step reads the factor and checkpoints hold all of it.
    It changes between steps only.

    Args:
        schedule: A schedule of type `plateau`.
    """

    def __init__(self, schedule: ScheduleOptions) -> None:
        super().__init__(dtype="float32", trainable=False)
        self.schedule = schedule
        state = {"shape": (), "trainable": False}
        self.factor = self.add_weight(initializer="ones", dtype="float32", name="factor", **state)
        worst = keras.initializers.Constant(math.inf if schedule.mode == "min" else -math.inf)
        self.best = self.add_weight(initializer=worst, dtype="float32", name="best", **state)
        self.waited = self.add_weight(initializer="zeros", dtype="int32", name="waited", **state)
        self.built = True

    def reset(self) -> None:
        """Begin anew, at the full learning rates."""
        self.factor.assign(1.0)
        self.best.assign(math.inf if self.schedule.mode == "min" else -math.inf)
        self.waited.assign(0)

    def check(self, names: Iterable[str]) -> None:
        """Look for the value that is followed.

        Args:
            names: Every value that there will be.

        Raises:
            ConfigError: It is not among them.
        """
        self._find(tuple(names), required=True)

    def observe(self, values: Mapping[str, float]) -> None:
        """Look at the values of an epoch; nothing happens where the value that is followed is not among them.

        Args:
            values: Numbers by name.
        """
        name = self._find(tuple(values), required=False)
        if name is None:
            return
        # Rounded as the best one is, or an equal value would look like an improvement where the threshold is 0.
        value, best = float(np.float32(values[name])), float(keras.ops.convert_to_numpy(self.best.value))
        if self._improves(value, best):
            self.best.assign(value)
            self.waited.assign(0)
            return
        waited = int(keras.ops.convert_to_numpy(self.waited.value)) + 1
        if waited <= self.schedule.patience:
            self.waited.assign(waited)
            return
        factor = float(keras.ops.convert_to_numpy(self.factor.value)) * self.schedule.drop
        self.factor.assign(factor)
        self.waited.assign(0)
        logger.info(
            "%s was not better than %.4g %d times in a row: the learning rates are %.4g of what the options say from here on",
            name,
            best,
            waited,
            factor,
        )

    def _improves(self, value: float, best: float) -> bool:
        threshold, relative = self.schedule.threshold, self.schedule.threshold_mode == "relative"
        if self.schedule.mode == "min":
            return value < (best * (1.0 - threshold) if relative else best - threshold)
        return value > (best * (1.0 + threshold) if relative else best + threshold)

    def _find(self, names: tuple[str, ...], *, required: bool) -> str | None:
        wanted = self.schedule.metric or ""
        if wanted in names:
            return wanted
        found = [name for name in names if name.partition(".")[2] == wanted]
        if len(found) == 1:
            return found[0]
        if required or len(found) > 1:
            raise ConfigError(
                f"`schedule.metric` must name one value: a loss, or one that the evaluation while training measures.\n"
                f"Received: {wanted!r}; there are {', '.join(found or names)}",
                hint="Use one of these names."
                if found or names
                else "Let the evaluation while training measure something.",
            )
        return None
