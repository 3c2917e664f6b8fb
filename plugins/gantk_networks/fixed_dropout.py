"""Dropout that may stay on at test, always with the same pattern."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

_PRIME = 46337
"""The largest whose square fits into 31 bits; one less than a multiple of three, so that x³ mod it is a permutation."""


@keras.saving.register_keras_serializable(package="gantk_networks")
class FixedDropout(keras.layers.Dropout):
    """Dropout that is random in training and, if it is on at test, a fixed pattern there.

    pix2pix's noise is dropout that stays on at test, new at every call. Here what is dropped at test depends on row,
    column and channel alone: every image, batch, machine and backend has the same pattern, so the translation of an
    image can be repeated. As in training, what is kept is divided by the share that is kept.

    Args:
        rate: The share that is dropped.
        at_test: Whether it is on at test.
        pattern: Which of the fixed patterns is used; layers of one network take different ones.
        options: Further arguments of `keras.layers.Dropout`.

    Reference:
        Isola 2017, section 2.1 (noise in the form of dropout, at training and at test).
    """

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def __init__(self, rate: float, *, at_test: bool = False, pattern: int = 0, **options: Any) -> None:
        super().__init__(rate, **options)
        self.at_test = at_test
        self.pattern = pattern

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if training or not self.at_test or self.rate == 0:
            return super().call(inputs, training=training)
        kept = ops.cast(kept_positions(*ops.shape(inputs)[1:], rate=self.rate, pattern=self.pattern), inputs.dtype)
        return inputs * (kept * (1 / (1 - self.rate)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "at_test": self.at_test, "pattern": self.pattern}


def kept_positions(height: Any, width: Any, channels: Any, *, rate: float, pattern: int) -> Any:
    """Return which positions of an image a fixed pattern keeps.

    Integers below 2³¹ and no bit operations, so that every backend, accelerator and exchange format gives the same.

    Args:
        height: Rows; a number or a scalar tensor.
        width: Columns, likewise.
        channels: Channels, likewise.
        rate: The share that is dropped.
        pattern: Which pattern.

    Returns:
        bool, height × width × channels. A position is kept or not whatever the size.
    """
    # Rounds of x -> (x + key)³ mod p, as the block cipher MiMC (Albrecht 2016) has them, taking in one coordinate each.
    keys = [int(key) for key in np.random.default_rng(pattern).integers(_PRIME, size=4)]

    def mixed(number: Any, key: int) -> Any:
        number = ops.mod(number + key, _PRIME)
        return ops.mod(ops.mod(number * number, _PRIME) * number, _PRIME)

    rows = ops.reshape(ops.arange(height, dtype="int32"), (-1, 1, 1))
    columns = ops.reshape(ops.arange(width, dtype="int32"), (1, -1, 1))
    layers = ops.reshape(ops.arange(channels, dtype="int32"), (1, 1, -1))
    number = mixed(rows, keys[0])
    number = mixed(number + columns, keys[1])
    number = mixed(mixed(number + layers, keys[2]), keys[3])
    return number >= round(rate * _PRIME)
