"""Points of a grid of Gaussians in the plane, as the smallest of images (Srivastava 2017, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gantk import Item, RunFailed
from gantk_sources.gaussians_options import GaussiansOptions

_SPLITS = ("train", "test")


class GaussiansSource:
    """On which it can be counted what a generator has lost: every centre is known.

    A point is an image of 1 × 2 pixels with one channel, whose values are its coordinates. Centres are equally likely.

    Args:
        options: The grid.
    """

    def __init__(self, options: GaussiansOptions) -> None:
        self._options = options

    def items(self) -> Iterator[Item]:
        """Yield every point by its number; keys are `split/number`."""
        options = self._options
        stamp = f"seed={options.seed} side={options.side} spacing={options.spacing!r} deviation={options.deviation!r}"
        for split in _SPLITS:
            for number in range(getattr(options, split)):
                yield Item(key=f"{split}/{number:07d}", domain="image", split=split, size=2, stamp=stamp)

    def read(self, items: Sequence[Item]) -> Iterator[tuple[Item, Mapping[str, Any] | Exception]]:
        """Draw points, in the order given; an item that is not of this source yields its error."""
        for item in items:
            split, _, number = item.key.partition("/")
            if split in _SPLITS and number.isdecimal():
                yield item, {"image": self._point(_SPLITS.index(split), int(number))}
            else:
                yield (
                    item,
                    RunFailed(f"gaussians: an item must be one that `items` yields. Received: {item.key!r}"),
                )

    def _point(self, split: int, number: int) -> Any:
        options = self._options
        random = np.random.default_rng([options.seed, split, number])
        centre = (random.integers(options.side, size=2) - (options.side - 1) / 2) * options.spacing
        point = centre + random.normal(0, options.deviation, 2)
        return np.clip(np.rint((point + 1) * 127.5), 0, 255).astype(np.uint8).reshape(1, 2, 1)
