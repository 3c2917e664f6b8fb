"""The arithmetic of networks: Keras dtype policies by the names a pipeline uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras

Precision = Literal["float32", "bfloat16", "float16"]

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@contextmanager
def precision_scope(precision: Precision) -> Iterator[None]:
    """Build every layer inside with this arithmetic; weights are float32 in all of them.

    Args:
        precision: `bfloat16` and `float16` compute in 16 bits and keep 32-bit weights. A layer built
            with a `dtype` of its own keeps it: a network's last activation should say `dtype="float32"`.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
