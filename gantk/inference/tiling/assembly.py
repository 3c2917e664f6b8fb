"""One picture on its way through a network: cut into tiles as its rows are read, put together in strips.

Of the picture no more is in memory than the rows that the tiles in work need, and of the result no more than the bands
of tiles that are not complete.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.inference.exif import with_dimensions
from gantk.inference.picture import LUMA, BadPicture, Picture
from gantk.inference.rows.reading import PictureRows
from gantk.inference.rows.resizing import RowResizer
from gantk.inference.tiling.tile_batches import TileResult, TileWork
from gantk.inference.tiling.tile_plan import Span, Tile, TileRule
from gantk.inference.transparency import BLEED, bled

if TYPE_CHECKING:
    from numpy.typing import NDArray


_STRIP_BYTES = 4 << 20


@dataclass(eq=False)
class _Band:
    """A strip of the result, with how many pixels of the input are still to be done for it."""

    rows: Span
    result: NDArray[Any]
    left: int


class PictureAssembly:
    """A picture in work.

    Attributes:
        failed: Why it has no result; None while nothing is wrong.
        complete: Whether every strip of the result has been given out.
        size: Height and width of the result.
        planes: Results for each tile: one for each colour where the network takes one channel.
    """

    def __init__(
        self,
        rows: PictureRows,
        rule: TileRule,
        *,
        channels: int,
        scale: int,
        target: tuple[int, int],
        emit: Callable[[Picture], None],
    ) -> None:
        """Prepare a picture.

        Args:
            rows: Its rows, to be read while `works` goes on.
            rule: How it is cut.
            channels: That the network takes and gives, 1 or 3. Grey pictures stay grey; in a network of one channel
                the colours of others go one by one.
            scale: Of the network.
            target: Height and width of the result; where the network's is another, it is resized (Lanczos).
            emit: Receives the strips of the result.
        """
        self.failed: BadPicture | None = None
        self.complete = False
        self.size = target
        self._rows = rows
        self._rule = rule
        self._channels = channels
        self._scale = scale
        self._colour_channels = rows.about.colour.shape[2]
        self.planes = self._colour_channels if channels == 1 else 1
        self._bands: deque[_Band] = deque()
        self._all_given = False
        height, width = rows.height, rows.width
        self._out = _Output(rows.about, (height, width), (scale * height, scale * width), target, emit)

    def works(self) -> Iterator[TileWork[PictureAssembly]]:
        """Read the picture and yield its tiles; stops early where it has failed.

        Raises:
            BadPicture, OSError: The file is damaged or cannot be read.
        """
        height, width = self._rows.height, self._rows.width
        down, across = (_mirrored(size, self._rule.extended(size)) for size in (height, width))
        margin = BLEED if self._rows.about.alpha is not None else 0
        bands = list(self._rule.bands(height, width))
        wanted = [down[band[0].rows.low : band[0].rows.high] for band in bands]
        firsts = [max(0, int(indices.min()) - margin) for indices in wanted]
        # Mirrored rows at the bottom may lie above those that the band before began with.
        keep = np.minimum.accumulate(firsts[::-1])[::-1]
        window = _RowWindow(self._rows, self._out.take_alpha)
        for number, band in enumerate(bands):
            first, last = firsts[number], min(height, int(wanted[number].max()) + 1 + margin)
            colour, alpha = window.rows(first, last, keep=int(keep[number]))
            self._begin_band(band[0].rows, colour.dtype)
            for tile in band:
                columns = across[tile.columns.low : tile.columns.high]
                pixels = _cut(colour, alpha, wanted[number] - first, columns, margin)
                yield from self._works_of(tile, pixels)
                if self.failed is not None:
                    return
        window.read_to_the_end()
        self._all_given = True
        self._give_out()

    def place(self, result: TileResult[PictureAssembly]) -> None:
        """Put the result of a tile where it belongs."""
        from gantk.artifacts.image_translator import from_unit_range

        if self.failed is not None:
            return
        if isinstance(result.outcome, BadPicture):
            self.fail(result.outcome)
            return
        rows, columns = result.tile.rows, result.tile.columns
        band = next(band for band in self._bands if band.rows.start <= rows.start < band.rows.stop)
        scale = self._scale
        top, left = scale * (rows.start - band.rows.start), scale * columns.start
        place = band.result[
            top : top + scale * (rows.stop - rows.start), left : left + scale * (columns.stop - columns.start)
        ]
        # What the picture was extended by has no place in the result.
        values = result.outcome[: place.shape[0], : place.shape[1]]
        if self._channels == 3 and self._colour_channels == 1:
            values = (values @ LUMA.astype(np.float32))[..., None]
        if result.plane is not None:
            place[..., result.plane] = from_unit_range(values[..., 0], place.dtype)
        else:
            place[...] = from_unit_range(values, place.dtype)
        band.left -= result.tile.core_pixels
        self._give_out()

    def fail(self, reason: BadPicture) -> None:
        """Give the picture up."""
        self.failed = self.failed or reason
        self._bands.clear()

    def _begin_band(self, rows: Span, dtype: np.dtype[Any]) -> None:
        height, width = self._rows.height, self._rows.width
        shape = (self._scale * (min(rows.stop, height) - min(rows.start, height)), self._scale * width)
        left = (rows.stop - rows.start) * self._rule.extended(width) * self.planes
        self._bands.append(_Band(rows, np.empty((*shape, self._colour_channels), dtype), left))

    def _works_of(self, tile: Tile, pixels: NDArray[Any]) -> Iterator[TileWork[PictureAssembly]]:
        from gantk.artifacts.image_translator import to_unit_range

        if self._channels == 1:
            for plane in range(self._colour_channels):
                yield TileWork(self, tile, to_unit_range(pixels[..., plane : plane + 1]), plane)
        else:
            image = to_unit_range(pixels)
            yield TileWork(self, tile, np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image)

    def _give_out(self) -> None:
        while self._bands and not self._bands[0].left:
            self._out.take_colour(self._bands.popleft().result)
        self.complete = self._all_given and not self._bands and self.failed is None


class _RowWindow:
    """The rows of a picture from one to another, both only growing."""

    def __init__(self, rows: PictureRows, seen: Callable[[Picture], None]) -> None:
        self._strips = rows.strips()
        self._seen = seen
        self._held: deque[tuple[int, Picture]] = deque()
        self._read = 0

    def rows(self, first: int, last: int, *, keep: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return colour and alpha of some rows, and forget those before `keep`."""
        while self._read < last:
            self._next()
        while self._held[0][0] + self._held[0][1].height <= keep:
            self._held.popleft()
        parts = [
            (strip, max(0, first - start), min(strip.height, last - start))
            for start, strip in self._held
            if start < last and start + strip.height > first
        ]
        colour = [strip.colour[top:bottom] for strip, top, bottom in parts]
        alpha = [strip.alpha[top:bottom] for strip, top, bottom in parts if strip.alpha is not None]
        return _joined(colour), _joined(alpha) if alpha else None

    def read_to_the_end(self) -> None:
        """Let the file be checked to its last byte."""
        for strip in self._strips:
            raise BadPicture(f"The file has {strip.height} more rows than it says.")

    def _next(self) -> None:
        strip = next(self._strips, None)
        if strip is None:
            raise BadPicture("The file has fewer rows than it says.")
        self._held.append((self._read, strip))
        self._read += strip.height
        self._seen(strip)


class _Output:
    """Resizes colour and transparency to the size of the result, and gives out what both are known of."""

    def __init__(
        self,
        about: Picture,
        size: tuple[int, int],
        made: tuple[int, int],
        target: tuple[int, int],
        emit: Callable[[Picture], None],
    ) -> None:
        exif = with_dimensions(about.exif, *target) if about.exif else None
        self._about = replace(about, colour=about.colour[:0], alpha=None, exif=exif)
        self._emit = emit
        self._colour_resizer = RowResizer(*made, target, "lanczos")
        self._alpha_resizer = RowResizer(*size, target, "bicubic") if about.alpha is not None else None
        self._colour: deque[NDArray[Any]] = deque()
        self._alpha: deque[NDArray[Any]] = deque()

    def take_colour(self, rows: NDArray[Any]) -> None:
        if not len(rows):
            return
        # What comes after works strip by strip: small ones need little memory there.
        step = max(1, _STRIP_BYTES // rows[:1].nbytes)
        for first in range(0, len(rows), step):
            for made in self._colour_resizer.feed(rows[first : first + step]):
                self._colour.append(made)
                self._give_out()

    def take_alpha(self, strip: Picture) -> None:
        if self._alpha_resizer is not None:
            assert strip.alpha is not None
            self._alpha.extend(self._alpha_resizer.feed(strip.alpha))
            self._give_out()

    def _give_out(self) -> None:
        if self._alpha_resizer is None:
            while self._colour:
                self._emit(replace(self._about, colour=self._colour.popleft()))
            return
        while self._colour and self._alpha:
            count = min(len(self._colour[0]), len(self._alpha[0]))
            colour, alpha = _first_rows(self._colour, count), _first_rows(self._alpha, count)
            self._emit(replace(self._about, colour=colour, alpha=alpha))


def _first_rows(parts: deque[NDArray[Any]], count: int) -> NDArray[Any]:
    part = parts.popleft()
    if len(part) > count:
        parts.appendleft(part[count:])
    return part[:count]


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _mirrored(size: int, length: int) -> NDArray[np.intp]:
    from gantk.artifacts.image_translator import mirror

    return mirror(size, length)


def _cut(
    colour: NDArray[Any],
    alpha: NDArray[Any] | None,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    margin: int,
) -> NDArray[Any]:
    """Return some rows and columns, after colour has bled into what is transparent there."""
    top, bottom, left, right = int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1
    if alpha is not None:
        above, before = max(0, top - margin), max(0, left - margin)
        around = (slice(above, bottom + margin), slice(before, right + margin))
        colour = bled(colour[around], alpha[around])
        rows, columns = rows - above, columns - before
        top, bottom, left, right = top - above, bottom - above, left - before, right - before
    if (bottom - top, right - left) == (len(rows), len(columns)) and rows[0] == top and columns[0] == left:
        return colour[top:bottom, left:right]
    return colour[rows[:, None], columns[None, :]]
