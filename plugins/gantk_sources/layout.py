"""Where the domains, pairs and splits are in a tree of picture files, be it a folder or an archive."""

from __future__ import annotations

import json
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from gantk import Item, RunFailed
from gantk_sources.options import PictureOptions

PICTURE_SUFFIXES = frozenset(
    f".{name}"
    for name in "avif bmp dib gif jfif jp2 jpe jpeg jpg pgm png pnm ppm tif tiff webp".split()  # noqa: SIM905
)
"""File name suffixes of pictures, in lower case."""

SPLITS = {"train": "train", "val": "valid", "valid": "valid", "validation": "valid", "test": "test"}
"""Split by the folder name that stands for it, in lower case."""

_MOST_WRAPPERS = 4
"""How many folders around the data are entered."""

_TWO_NAMES = re.compile(r"([a-z]+)2([a-z]+)(_[a-z]+)?\Z")
_DOMAIN_FOLDER = re.compile(r"(train|val|valid|validation|test)[_-]?([AB])\Z", re.IGNORECASE)


class Entry(NamedTuple):
    """A picture file of a tree.

    `path` is relative to the folder asked for; `locator` is what `PictureTree.fetch` takes. `defect`
    says why the file cannot be read at all, where the listing knows already.
    """

    path: str
    size: int
    stamp: str
    locator: str
    defect: str = ""


class Part(NamedTuple):
    """A folder of a tree that holds one domain; `split` is None where its sub-folders or a hash decide."""

    folder: str
    domain: str
    split: str | None


class PictureTree(Protocol):
    """A listing of picture files in folders. Paths are POSIX, relative, `""` for the root."""

    def describe(self) -> str:
        """Name the tree in a message: `the folder 'data/x'`."""
        ...

    def folders(self, path: str) -> list[str]:
        """Return the names of a folder's sub-folders, sorted."""
        ...

    def files(self, path: str) -> list[str]:
        """Return the names of the files directly in a folder, sorted."""
        ...

    def entries(self, path: str) -> Iterator[Entry]:
        """Yield the picture files below a folder, in an order that does not change."""
        ...


def is_picture(name: str, suffixes: Iterable[str]) -> bool:
    """Say whether a file name ends in one of the suffixes."""
    return posixpath.splitext(name)[1].lower() in suffixes


def is_ignored(name: str) -> bool:
    """Say whether a file or folder is the litter of a file manager: hidden, or macOS's archive metadata."""
    return name.startswith(".") or name == "__MACOSX"


def domain_folder(name: str) -> tuple[str, str] | None:
    """Return split and domain of a name such as `trainA`, or None."""
    match = _DOMAIN_FOLDER.match(name)
    return (SPLITS[match[1].lower()], match[2].upper()) if match else None


def domain_parts(tree: PictureTree, start: str = "") -> list[Part]:
    """Find the folders of the domains A and B.

    A single folder around them is entered, as archives often have it.

    Returns:
        The parts in the order of their names, both domains or none.
    """
    names = tree.folders(start)
    parts = []
    for name in names:
        if found := domain_folder(name):
            parts.append(Part(posixpath.join(start, name), domain=found[1], split=found[0]))
    if not parts:
        parts = [Part(posixpath.join(start, name), name.upper(), None) for name in names if name.upper() in ("A", "B")]
    if not parts:
        for name in names:
            if name.lower() in SPLITS:
                folder = posixpath.join(start, name)
                inner = [domain for domain in tree.folders(folder) if domain.upper() in ("A", "B")]
                parts += [Part(posixpath.join(folder, each), each.upper(), SPLITS[name.lower()]) for each in inner]
    if {part.domain for part in parts} == {"A", "B"}:
        if {part.split for part in parts} == {"train"}:
            # Nothing is set apart for a test: the preparation's `splits` then hold a share out.
            return [part._replace(split=None) for part in parts]
        return parts
    if not parts and (wrapper := _wrapper(tree, start)):
        return domain_parts(tree, wrapper)
    return []


def _wrapper(tree: PictureTree, start: str) -> str:
    if start.count("/") >= _MOST_WRAPPERS:  # a link to its own folder would otherwise be entered for ever
        return ""
    names = tree.folders(start)
    if len(names) == 1 and names[0].lower() not in SPLITS and not tree.files(start):
        return posixpath.join(start, names[0])
    return ""


def unpaired_items(tree: PictureTree, parts: Iterable[Part]) -> Iterator[Item]:
    """Yield the items of two domains."""
    for part in parts:
        keys = _Keys()
        for entry in tree.entries(part.folder):
            yield _item(
                keys.of(posixpath.join(part.folder, entry.path)),
                part.domain,
                part.split or split_of(entry.path),
                [entry],
            )


def whole_items(tree: PictureTree, domain: str) -> Iterator[Item]:
    """Yield every picture of a tree as one item: a single domain (`image`), or side-by-side pairs (`AB`)."""
    keys = _Keys()
    start = ""
    while wrapper := _wrapper(tree, start):
        start = wrapper
    skip = len(start) + 1 if start else 0
    for entry in tree.entries(""):
        yield _item(keys.of(entry.path), domain, split_of(entry.path[skip:]), [entry])


def class_items(tree: PictureTree) -> Iterator[Item]:
    """Yield every picture of a tree as one item of the domain `image`, labelled with the folder of its class.

    The classes are the folders next to the root, or next to folders called `train`, `test` and so on.

    Raises:
        RunFailed: A picture lies in no such folder.
    """
    keys = _Keys()
    start = ""
    # The last folder around pictures is a class, even where it is the only one.
    while (wrapper := _wrapper(tree, start)) and tree.folders(wrapper):
        start = wrapper
    skip = len(start) + 1 if start else 0
    for entry in tree.entries(""):
        split, label = split_and_class(entry.path[skip:])
        if not label:
            raise RunFailed(
                f"With `labels: folders` every picture of {tree.describe()} must lie in the folder of its class. "
                f"Received: {entry.path!r}, which lies in {'the folder of a split alone' if split else 'none'}",
                hint="Move it into a sub-folder with the name of its class (`cat/`, or `train/cat/`), or leave out `labels`. "
                "Folders called train, valid, val and test are splits, not classes.",
            )
        yield _item(keys.of(entry.path), "image", split, [entry], label=_printable(label))


def split_and_class(path: str) -> tuple[str | None, str]:
    """Return split and class that the folders of a path stand for: `train/cat/…`, `cat/train/…` or `cat/…`; empty: no class."""
    first, second = [*path.split("/")[:-1], "", ""][:2]
    if first.lower() in SPLITS:
        return SPLITS[first.lower()], second
    return SPLITS.get(second.lower()), first


def matched_items(tree: PictureTree, parts: Iterable[Part]) -> Iterator[Item]:
    """Yield pairs of files with the same path without suffix in the folders of A and B.

    A file without partner, or with two, is an item whose reading fails, so that it is counted.
    """
    by_split: dict[str | None, dict[str, list[Part]]] = {}
    for part in parts:
        by_split.setdefault(part.split, {"A": [], "B": []})[part.domain].append(part)
    for split, sides in by_split.items():
        files = {
            domain: _by_stem(entry for part in sides[domain] for entry in tree.entries(part.folder)) for domain in "AB"
        }
        stems = list(files["A"]) + [stem for stem in files["B"] if stem not in files["A"]]
        for stem in stems:
            found = {domain: files[domain].get(stem, []) for domain in "AB"}
            key = posixpath.join(split, stem) if split else stem
            defect = ""
            for domain in "AB":
                if len(found[domain]) != 1:
                    names = ", ".join(repr(entry.path) for entry in found[domain]) or "none"
                    defect = f"a pair needs one picture {stem!r} in the folder of {domain}. Received: {names}"
            yield _item(key, "AB", split or split_of(stem), found["A"] + found["B"], defect)


def _by_stem(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    stems: dict[str, list[Entry]] = {}
    for entry in entries:
        stems.setdefault(_printable(posixpath.splitext(entry.path)[0]), []).append(entry)
    return stems


def split_of(path: str) -> str | None:
    """Return the split that the first folder of a path stands for, if any."""
    first, separator, _ = path.partition("/")
    return SPLITS.get(first.lower()) if separator else None


def _printable(path: str) -> str:
    """Return a path as the same valid text on every system: composed accents, undecodable bytes as escapes."""
    if path.isascii():
        return path
    readable = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", readable)


class _Keys:
    """Turns paths into keys that stay different where only the spelling in Unicode differs."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def of(self, path: str) -> str:
        if path.isascii():
            return path
        key = _printable(path)
        while key in self._seen:
            key += "'"
        self._seen.add(key)
        return key


def _item(key: str, domain: str, split: str | None, entries: list[Entry], defect: str = "", label: str = "") -> Item:
    defect = defect or next((entry.defect for entry in entries if entry.defect), "")
    return Item(
        key=key,
        domain=domain,
        split=split,
        size=sum([entry.size for entry in entries]),
        stamp="+".join([entry.stamp for entry in entries]),
        locator=f"!{defect}" if defect else _locator([entry.locator for entry in entries]),
        label=label,
    )


def _locator(locators: list[str]) -> str:
    if len(locators) == 1 and locators[0].isascii():
        return "=" + locators[0]
    # JSON escapes what is not ASCII, undecodable bytes of file names (lone surrogates) included.
    return json.dumps(locators)


def parse_locator(locator: str) -> list[str] | str:
    """Return the locators of an item's files, or the reason (`str`) why it cannot be read."""
    if locator.startswith("="):
        return [locator[1:]]
    if locator.startswith("!"):
        return locator[1:]
    files: list[str] = json.loads(locator)
    return files


def picture_items(tree: PictureTree, options: PictureOptions, parts: list[Part] | None = None) -> Iterator[Item]:
    """Yield the items of a tree in the layout that the options ask for.

    Args:
        tree: The files.
        options: Pairing and the rest.
        parts: The folders of A and B where they are given; searched for otherwise.

    Raises:
        RunFailed: There is no such layout, or a domain is empty; says what was looked for and found. Or a picture lies in no
            folder of a class.
    """
    parts = (domain_parts(tree) if options.pairing != "single" else []) if parts is None else parts
    if options.pairing == "unpaired":
        if not parts:
            raise _not_found(tree, options)
        items = unpaired_items(tree, parts)
    elif options.pairing == "aligned":
        items = matched_items(tree, parts) if parts else whole_items(tree, "AB")
    else:
        items = class_items(tree) if options.labels == "folders" else whole_items(tree, "image")

    missing = {"A", "B"} if options.pairing == "unpaired" else {"AB"} if options.pairing == "aligned" else {"image"}
    for item in items:
        missing.discard(item.domain)
        yield item
    if missing:
        raise _not_found(tree, options, parts=[part for part in parts if part.domain in missing] or parts)


_LOOKED_FOR = {
    "unpaired": "the sub-folders trainA and trainB (testA, testB, valA, valB), or A and B, or train/A and train/B",
    "aligned": "the sub-folders trainA and trainB, A and B, or train/A and train/B with matching names, "
    "or side-by-side pictures in any folder",
    "single": "pictures in any folder",
}


def _not_found(tree: PictureTree, options: PictureOptions, parts: Iterable[Part] = ()) -> RunFailed:
    folders = tree.folders("")
    shown = ", ".join(folders[:12]) + (", …" if len(folders) > 12 else "")
    files = tree.files("")
    suffixes = PICTURE_SUFFIXES.union(options.suffixes)
    pictures = sum(is_picture(name, suffixes) for name in files)
    found = f"{_counted(len(folders), 'folder')}{f' ({shown})' if folders else ''}, {_counted(pictures, 'picture')}, "
    found += _counted(len(files) - pictures, "other file")
    empty = [part.folder for part in parts]
    where = f" No picture is in: {', '.join(empty)}." if empty else ""
    return RunFailed(
        f"There is no {options.pairing} picture data in {tree.describe()}.{where} "
        f"Looked for {_LOOKED_FOR[options.pairing]}. Received: {found}",
        hint="Check the path, or set `pairing`, `a` and `b`, or `suffixes` of the source.",
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def names_in(text: str) -> dict[str, str]:
    """Return the two domains that a name such as `horse2zebra` speaks of, or nothing."""
    match = _TWO_NAMES.match(text)
    return {"A": match[1], "B": match[2]} if match else {}
