"""Where the tiles of a picture lie, so that a local network gives the same result on them as on the whole picture.

Every tile lies inside the picture and no tile is extended: one that touches the picture's border has its own border
there, and the network pads it (by zeros, by reflection) just as it pads the whole picture. Next to a border that is not
the picture's, a margin of `halo` pixels is computed and thrown away, since there the network saw its padding in place of
the picture. What is left of each tile, its core, is exact; cores do not overlap and cover the picture.

Where the remainder is smaller than a tile, the last one is moved inwards and its core is smaller. Thus all tiles of a
picture have one shape; only a picture that is smaller than a tile has tiles of its own shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

# The sides of the tiles for small pictures where every shape is compiled: all the shapes there are.
_RUNGS = (Fraction(1), Fraction(3, 4), Fraction(1, 2), Fraction(3, 8), Fraction(1, 4), Fraction(3, 16), Fraction(1, 8))
_SMALLEST_CORE = 8


@dataclass(frozen=True, slots=True)
class Span:
    """A tile along one axis.

    Args:
        low: First pixel that the network is given.
        high: One past the last.
        start: First pixel of the core: of what is kept.
        stop: One past the last.
    """

    low: int
    high: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture, in pixels of the network's input."""

    rows: Span
    columns: Span

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what the network is given."""
        return self.rows.high - self.rows.low, self.columns.high - self.columns.low

    @property
    def core_pixels(self) -> int:
        """Height × width of what is kept."""
        return (self.rows.stop - self.rows.start) * (self.columns.stop - self.columns.start)


def spans(low: int, high: int, start: int, stop: int, *, side: int, halo: int) -> list[Span]:
    """Cover a part of an axis by tiles of one length.

    Args:
        low: The tiles lie at or after this pixel; a core may begin right here.
        high: They end at or before this pixel; a core may end right here.
        start: The first pixel that a core must hold.
        stop: One past the last.
        side: Length of a tile; the whole of `low` to `high` where that is less.
        halo: Pixels between a core and the tile's border, unless that border is `low` or `high`.

    Raises:
        ValueError: `side` leaves nothing of a tile between two halos.
    """
    side = min(side, high - low)
    if side <= 2 * halo and side < high - low:
        raise ValueError(f"a tile must be longer than two halos of {halo}. Received: {side}")
    found = []
    while start < stop:
        first = min(max(low, start - halo), high - side)
        last = first + side
        end = stop if last == high else min(stop, last - halo)
        found.append(Span(first, last, start, end))
        start = end
    return found


@dataclass(frozen=True, slots=True)
class TileRule:
    """How pictures are cut.

    Args:
        side: Height and width of a tile, at most.
        halo: How far a result's pixel looks, in pixels of the input (`GeneratorOptions.halo`); None where it may see
            everything, and pictures are not cut.
        multiple: Height and width that the network takes are multiples of this; so tiles begin at multiples of it.
        smallest: They are at least this.
        constant: Keep to few shapes: every tile has the full side, and smaller pictures one of seven lengths. For
            backends on which a shape costs a compilation. Otherwise tiles are made as small as their number allows,
            which saves arithmetic.

    Raises:
        ValueError: The side leaves nothing of a tile between two halos.
    """

    side: int
    halo: int | None
    multiple: int = 1
    smallest: int = 1
    constant: bool = False

    def __post_init__(self) -> None:
        if self.halo is not None and self.side < self.smallest_side:
            raise ValueError(f"a tile's side must be at least {self.smallest_side}. Received: {self.side}")
        if self.side % self.multiple:
            raise ValueError(f"a tile's side must be a multiple of {self.multiple}. Received: {self.side}")

    @property
    def margin(self) -> int:
        """The halo as a multiple of what the network needs."""
        return _up(self.halo or 0, self.multiple)

    @property
    def smallest_side(self) -> int:
        """The side below which a tile is hardly more than its margins."""
        return smallest_side(self.halo or 0, self.multiple, self.smallest)

    def extended(self, size: int) -> int:
        """Return the length that the network takes for a picture's side; larger where it takes no such length."""
        return _up(max(size, self.smallest), self.multiple)

    def tile_side(self, size: int) -> int:
        """Return the length of the tiles along a side of a picture.

        Args:
            size: Length of that side, extended.
        """
        if self.halo is None or (size <= self.side and not self.constant):
            return size
        between = 2 * self.margin
        if not self.constant:
            number = math.ceil((size - between) / (self.side - between))
            return min(self.side, _up(math.ceil((size - between) / number) + between, self.multiple))
        if size >= self.side:
            return self.side
        rungs = {_up(int(self.side * rung), self.multiple) for rung in _RUNGS}
        fitting = [side for side in rungs if self.smallest_side <= side <= size]
        # The least arithmetic; among equals, the fewest tiles.
        return min(
            fitting or [size],
            key=lambda side: (side * len(spans(0, size, 0, size, side=side, halo=self.margin)), -side),
        )

    def bands(self, height: int, width: int) -> Iterator[list[Tile]]:
        """Yield the tiles of a picture from top to bottom, those of equal rows together, from left to right.

        Args:
            height: Rows of the picture.
            width: Columns of the picture.

        Returns:
            Tiles of one shape, inside the picture as extended at its bottom and right by `extended`.
        """
        height, width = self.extended(height), self.extended(width)
        columns = spans(0, width, 0, width, side=self.tile_side(width), halo=self.margin)
        for rows in spans(0, height, 0, height, side=self.tile_side(height), halo=self.margin):
            yield [Tile(rows, span) for span in columns]

    def count(self, height: int, width: int) -> int:
        """Return the number of a picture's tiles.

        Args:
            height: Rows of the picture.
            width: Columns of the picture.
        """
        number = 1
        for size in map(self.extended, (height, width)):
            number *= len(spans(0, size, 0, size, side=self.tile_side(size), halo=self.margin))
        return number

    def parts(self, tile: Tile) -> list[Tile]:
        """Cut a tile that turned out too large; its parts lie inside it, so they need no other pixels."""
        rows, columns = (
            spans(span.low, span.high, span.start, span.stop, side=self.side, halo=self.margin)
            for span in (tile.rows, tile.columns)
        )
        return [Tile(row, column) for row in rows for column in columns]

    def halved(self, shape: tuple[int, int]) -> TileRule | None:
        """Return the rule with tiles of half the length of those that turned out too large.

        Args:
            shape: Height and width of a tile that was too large.

        Returns:
            None where tiles cannot be smaller.
        """
        longest = max(shape)
        side = max(self.smallest_side, longest // 2 // self.multiple * self.multiple)
        # What is left of less than a quarter is no gain.
        if self.halo is None or 4 * side > 3 * longest:
            return None
        return replace(self, side=min(side, self.side))


def smallest_side(halo: int, multiple: int = 1, smallest: int = 1) -> int:
    """Return the side below which a tile is hardly more than its margins. The arguments are those of `TileRule`."""
    return _up(max(smallest, 2 * _up(halo, multiple) + _SMALLEST_CORE), multiple)


def _up(length: int, multiple: int) -> int:
    return math.ceil(length / multiple) * multiple
