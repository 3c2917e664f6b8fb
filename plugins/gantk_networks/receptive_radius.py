"""How far a pixel of a network's result looks, by counting kernels. Imports no framework."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Kernel:
    """A convolution of stride 1, padded so that the size stays.

    Args:
        size: Odd height and width of the kernel.
    """

    size: int


@dataclass(frozen=True)
class Enlarged:
    """An enlargement in which each pixel becomes a square of pixels that depend on it alone.

    Args:
        factor: Height and width of the square.
    """

    factor: int


def receptive_radius(steps: Iterable[Kernel | Enlarged]) -> int:
    """Return how many rows and columns of the input, at most, a pixel of the result depends on to each side.

    Counted backwards from one pixel of the result: a kernel of size k adds (k - 1) / 2; before an enlargement by f
    a radius of r pixels is one of r / f, rounded up, around the pixel that the result's pixel lies in.

    Args:
        steps: The longest way through the network, from the input to the result.
    """
    radius = 0
    for step in reversed(list(steps)):
        radius = -(-radius // step.factor) if isinstance(step, Enlarged) else radius + step.size // 2
    return radius
