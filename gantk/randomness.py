"""Randomness that depends on names, never on order, time or the number of workers."""

from __future__ import annotations

import hashlib

import numpy as np


def _digest(*parts: str | int) -> int:
    # A length before each part keeps ("a", "bc") and ("ab", "c") apart.
    encoded = [str(part).encode() for part in parts]
    message = b"".join(len(part).to_bytes(8, "little") + part for part in encoded)
    return int.from_bytes(hashlib.blake2b(message, digest_size=16).digest(), "little")


def seed_of(*parts: str | int) -> int:
    """Return a seed in [0, 2³¹) that depends on the parts alone."""
    return _digest(*parts) & 0x7FFFFFFF


def fraction_of(*parts: str | int) -> float:
    """Return a number in [0, 1), uniform over different parts, that depends on the parts alone."""
    return (_digest(*parts) >> 75) / 2**53


def generator_of(*parts: str | int) -> np.random.Generator:
    """Return a generator whose stream depends on the parts alone; equal parts give equal streams."""
    return np.random.Generator(np.random.PCG64(_digest(*parts)))
