"""The two sets of pictures that `gantk evaluate` is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from gantk.errors import UsageError
from gantk.evaluation.picture_files import PictureFiles
from gantk.inference.inputs import Discovery, PictureInput, discover

_SINGLE = "picture"


@dataclass
class PictureSets:
    """Both sets, and what is paired.

    Args:
        sets: All pictures of each.
        pairs: Those with a partner, by common names; empty sets where pairs were not asked for.
        without_partner: Labels of pictures without one, by argument.
        labels: What a user knows a picture by, by set and name.
        found: What holds open archives.
    """

    sets: tuple[PictureFiles, PictureFiles]
    pairs: tuple[PictureFiles, PictureFiles]
    without_partner: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[tuple[int, str], str] = field(default_factory=dict)
    found: list[Discovery] = field(default_factory=list)

    def all_sets(self) -> Iterator[PictureFiles]:
        """Yield the four sets."""
        yield from self.sets
        yield from self.pairs

    def unreadable(self) -> dict[str, str]:
        """Return the reason by label for every picture that could not be read, in any of the sets."""
        return {
            self.labels[number % 2, name]: reason
            for number, part in enumerate(self.all_sets())
            for name, reason in part.failures.items()
        }

    def close(self) -> None:
        """Close the archives."""
        for discovery in self.found:
            discovery.close()


def open_picture_sets(first: Path, second: Path, *, resize: int | None, limit: int | None, paired: bool) -> PictureSets:
    """Find the pictures of two folders, archives or single files.

    Args:
        first: The pictures to be judged.
        second: The reference.
        resize: Height and width to bring every picture to.
        limit: At most so many pictures of each set, and pairs, the first by name.
        paired: Whether pictures of equal names are needed.

    Raises:
        UsageError: One does not exist or holds no picture; or there is not one pair.
    """
    found = [discover([path]) for path in (first, second)]
    named = [_named(path, discovery) for path, discovery in zip((first, second), found, strict=True)]
    labels = {(number, name): picture.label for number, part in enumerate(named) for name, picture in part.items()}
    descriptions = [
        {"archive" if discovery.archives else "folder": str(path), "other_files": discovery.ignored}
        for path, discovery in zip((first, second), found, strict=True)
    ]
    common, alone = _common(named) if paired else ([], ([], []))
    if paired and not common:
        raise UsageError(
            f"Metrics of pairs need pictures of equal names in both. Received: {first} with {_some(named[0])}, "
            f"{second} with {_some(named[1])}"
        )
    limited = {"first_by_name": limit} if limit else {}

    def files(number: int, names: dict[str, str]) -> PictureFiles:
        readers = {key: named[number][name].read for key, name in names.items()}
        return PictureFiles(readers, {**descriptions[number], **limited}, resize=resize)

    sets = (
        files(0, {name: name for name in list(named[0])[:limit]}),
        files(1, {name: name for name in list(named[1])[:limit]}),
    )
    # Both pictures of a pair go by the first one's name.
    pairs = files(0, {one: one for one, _ in common[:limit]}), files(1, dict(common[:limit]))
    labels.update({(1, one): labels[1, other] for one, other in common})
    partnerless = {
        str(path): [named[number][name].label for name in names]
        for number, (path, names) in enumerate(zip((first, second), alone, strict=True))
        if names
    }
    return PictureSets(sets, pairs, partnerless, labels, found)


def _named(path: Path, discovery: Discovery) -> dict[str, PictureInput]:
    """Return the pictures by name, sorted: paths below the folder or inside the archive."""
    if path.is_file() and not discovery.archives:
        return {_SINGLE: discovery.pictures[0]}
    named: dict[str, PictureInput] = {}
    for picture in discovery.pictures:
        # An archive's pictures are named by the archive first.
        name = picture.name.partition("/")[2] or picture.name if picture.archive else picture.name
        while name in named:
            name = f"{name} again"
        named[name] = picture
    return dict(sorted(named.items()))


def _common(named: Sequence[dict[str, PictureInput]]) -> tuple[list[tuple[str, str]], tuple[list[str], list[str]]]:
    """Pair the names: without suffixes where that is unambiguous, else whole."""
    short = [[str(PurePosixPath(name).with_suffix("")) for name in part] for part in named]
    if any(len(set(names)) != len(names) for names in short):
        short = [list(part) for part in named]
    by_key = [dict(zip(keys, part, strict=True)) for keys, part in zip(short, named, strict=True)]
    pairs = [(name, by_key[1][key]) for key, name in by_key[0].items() if key in by_key[1]]
    first, second = (
        [name for key, name in by_key[number].items() if key not in by_key[1 - number]] for number in (0, 1)
    )
    return pairs, (first, second)


def _some(part: dict[str, PictureInput]) -> str:
    names = list(part)
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
