"""Whether a network that halves an image down to a few pixels can make or judge one of this size."""

from __future__ import annotations

from gantk import ConfigError


def halvings(network: str, shape: tuple[int | None, ...], *, smallest: int) -> tuple[int, int, int]:
    """Return how often the sides of an image can be halved, and height and width at the end.

    Args:
        network: The network's name, for the message.
        shape: `(height, width, channels)`.
        smallest: What the shorter side is to become; it may end between this and twice as much.

    Raises:
        ConfigError: A side is not known, too short, or cannot be halved so often.
    """
    height, width = shape[0], shape[1]
    count = 0
    if height is not None and width is not None:
        while min(height, width) >= smallest * 2 ** (count + 1):
            count += 1
        if min(height, width) >= smallest and height % 2**count == 0 and width % 2**count == 0:
            return count, height // 2**count, width // 2**count
    raise ConfigError(
        f"The network {network!r} needs images whose sides are multiples of a power of two that leaves {smallest} or a few "
        f"more pixels: 16, 32, 48, 64, 128 × 64.\nReceived: {height or 'any'} × {width or 'any'}",
        hint=f"Add `{{type: resize, size: {_near(height, smallest)}}}` to the transforms of the prepare stage.",
    )


def _near(side: int | None, smallest: int) -> int:
    size = smallest
    while side is not None and 2 * size <= side:
        size *= 2
    return max(size, 2 * smallest)
