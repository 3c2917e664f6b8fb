"""Layers that compute in float32, whatever else the process computes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def float32_layers() -> Iterator[None]:
    """Build every layer inside with the policy float32.

    Features are compared with each other, and differences of 16-bit numbers keep few digits; those of VGG's weights of
    Caffe also reach thousands, near to what float16 can hold.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
