"""Parts of pictures before and after they were enlarged, to be looked at side by side."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.inference.archives import open_archive
from gantk.inference.batch_job import announce_archives
from gantk.inference.destination import destination_for
from gantk.inference.inputs import PictureInput, discover
from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_reading import read_picture
from gantk.inference.picture_writing import fitted
from gantk.inference.record_files import MANIFEST, is_inside, read_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_PIXELS = 64_000_000


@dataclass(frozen=True)
class BeforeAfter:
    """The same part of a picture and of its result.

    Args:
        label: What the user knows the picture by.
        before: uint8, height × width × 3.
        after: uint8, scale times as high and wide.
        scale: Of the result.
    """

    label: str
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    scale: float


def before_and_after(
    inputs: Iterable[str | Path | PictureInput], output: str | Path, *, count: int = 8, side: int = 192
) -> list[BeforeAfter]:
    """Return parts of some pictures of a job that has ended, spread over all of its results.

    Of each picture the part with the most detail is taken. Pictures whose result has more than 64 million pixels, and
    those that cannot be read any more, are passed over.

    Args:
        inputs: Those of the job.
        output: Its folder or archive.
        count: How many, at most.
        side: Height and width of a part in pixels of the input, at most.

    Raises:
        UsageError: An input is not there any more.
    """
    target = destination_for(output)
    results = {line["input"]: line for line in read_lines(target.records(MANIFEST)) if _is_shown(line)}
    with closing(discover(inputs, target)) as found:
        pictures = [picture for picture in found.pictures if picture.label in results]
        if not pictures:
            return []
        chosen = _spread(pictures, count)
        announce_archives(chosen)
        names = {results[picture.label]["output"] for picture in chosen}
        with _results(target.path, target.is_archive, names) as read:
            samples = [_sample(picture, results[picture.label], read, side) for picture in chosen]
    return [sample for sample in samples if sample is not None]


def _is_shown(line: Mapping[str, Any]) -> bool:
    size, output = (line.get("width"), line.get("height")), line.get("output")
    return (
        line.get("status") == "done"
        and isinstance(output, str)
        and is_inside(output)
        and isinstance(line.get("input"), str)
        and all(isinstance(side, int) for side in size)
        and line["width"] * line["height"] <= _MOST_PIXELS
    )


def _spread(pictures: Sequence[PictureInput], count: int) -> list[PictureInput]:
    """Return so many of them at equal distances, in their order."""
    count = min(count, len(pictures))
    return [pictures[number * len(pictures) // count] for number in range(count)]


@contextmanager
def _results(path: Path, is_archive: bool, names: Container[str]) -> Iterator[Callable[[str], bytes]]:
    """Give a function that reads those results."""
    archive = open_archive(path) if is_archive else None
    if archive is None:
        yield lambda name: (path / name).read_bytes()
        return
    with closing(archive):
        members = {member.name: member for member in archive.members(lambda name: False) if member.name in names}
        archive.expect(member.number for member in members.values())
        yield lambda name: archive.read(members[name])


def _sample(
    picture: PictureInput, line: Mapping[str, Any], read: Callable[[str], bytes], side: int
) -> BeforeAfter | None:
    try:
        before = _rgb(read_picture(picture.read(), max_pixels=_MOST_PIXELS))
        after = _rgb(read_picture(read(line["output"]), max_pixels=_MOST_PIXELS))
    except (BadPicture, OSError, MemoryError, KeyError):
        # The page shows others; that the job is done is beyond question.
        return None
    scale = after.shape[0] / before.shape[0]
    if abs(scale * before.shape[1] - after.shape[1]) > max(1.0, scale):
        return None
    top, left = _most_detailed(before, side)
    bottom, right = min(top + side, before.shape[0]), min(left + side, before.shape[1])
    rows, columns = (slice(round(low * scale), round(high * scale)) for low, high in ((top, bottom), (left, right)))
    return BeforeAfter(picture.label, before[top:bottom, left:right], after[rows, columns], scale)


def _rgb(picture: Picture) -> NDArray[np.uint8]:
    """Return 8-bit RGB, laid on white where it is transparent, as BMP would hold it."""
    colour = fitted(picture, "bmp").colour
    return np.asarray(np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour, np.uint8)


def _most_detailed(image: NDArray[np.uint8], side: int) -> tuple[int, int]:
    """Return top and left of the square, of those on a grid, in which neighbouring pixels differ most."""
    height, width = image.shape[:2]
    grey = image[..., 1].astype(np.int16)
    corners = list(
        itertools.product(range(0, max(1, height - side + 1), side), range(0, max(1, width - side + 1), side))
    )
    return max(
        corners,
        key=lambda corner: float(
            np.abs(np.diff(grey[corner[0] : corner[0] + side, corner[1] : corner[1] + side], axis=1)).sum()
        ),
    )
