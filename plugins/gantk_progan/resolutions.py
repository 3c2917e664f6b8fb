"""The ladder of resolutions, from 4 × 4 to the images' own, and how images go up and down on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gantk import ConfigError

if TYPE_CHECKING:
    from gantk_progan.options import ProGANNetworkOptions

SMALLEST = 4


def resolution_of(network: str, shape: Sequence[int | None]) -> int:
    """Return the height of square images that can be reached from 4 × 4 by doubling.

    Args:
        network: The name of what needs them, for the message.
        shape: `(height, width, channels)`.

    Raises:
        ConfigError: They are of another shape.
    """
    height, width = shape[0], shape[1]
    if height is not None and height == width and height >= SMALLEST and height & (height - 1) == 0:
        return height
    near = SMALLEST
    while height is not None and 2 * near <= min(height, width or height):
        near *= 2
    raise ConfigError(
        f"{network!r} needs square images whose sides are a power of two, from {SMALLEST} on: 4, 8, … 1024.\n"
        f"Received: {height or 'any'} × {width or 'any'}",
        hint=f"Add `{{type: resize, size: {near}}}` to the transforms of the prepare stage.",
    )


def resolutions_to(last: int, first: int = SMALLEST) -> list[int]:
    """Return the resolutions from `first` to `last`, each twice the one before."""
    found = [first]
    while found[-1] < last:
        found.append(2 * found[-1])
    return found


def features(options: ProGANNetworkOptions, resolution: int) -> int:
    """Return the feature maps at a resolution: at most `widest`, and fewer the larger the images (Karras 2018, table 2)."""
    return max(1, min(options.widest, int(options.filter_base / (resolution / 2) ** options.filter_decay)))


def enlarged(images: Any, factor: int = 2) -> Any:
    """Return images of `factor` times the height and width, nearest neighbour."""
    from keras import ops

    return ops.repeat(ops.repeat(images, factor, axis=1), factor, axis=2) if factor > 1 else images


def halved(images: Any) -> Any:
    """Return images of half the height and width, each pixel the mean of 2 × 2 (box filter)."""
    from keras import ops

    height, width, channels = images.shape[1:]
    return ops.mean(ops.reshape(images, (-1, height // 2, 2, width // 2, 2, channels)), axis=(2, 4))


def blended(smaller: Any, larger: Any, fade: Any) -> Any:
    """Return (1 - fade) · smaller + fade · larger: exactly the one or the other at 0 and 1."""
    return (1.0 - fade) * smaller + fade * larger
