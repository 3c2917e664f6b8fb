"""Pictures in folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from gantk import Item, RunFailed
from gantk_sources.layout import PICTURE_SUFFIXES, Entry, Part, is_ignored, names_in, picture_items
from gantk_sources.options import FolderOptions
from gantk_sources.picture_source import PictureSource


class FolderTree:
    """The picture files below a folder.

    Args:
        root: The folder.
        suffixes: Lower-case file name suffixes of pictures, with the dot.
        places: Folders that stand elsewhere, by the name they have in this tree.
    """

    def __init__(self, root: str, suffixes: frozenset[str], places: dict[str, str] | None = None) -> None:
        self.root = root
        self.suffixes = suffixes
        self.places = places or {}

    def describe(self) -> str:
        if self.places:
            return "the folders " + " and ".join(repr(place) for place in self.places.values())
        return f"the folder {self.root!r}"

    def path_of(self, locator: str) -> str:
        """Return the path in the file system of a path in this tree."""
        first, _, rest = locator.partition("/")
        if first in self.places:
            return os.path.join(self.places[first], rest) if rest else self.places[first]
        return os.path.join(self.root, locator) if locator else self.root

    def folders(self, path: str) -> list[str]:
        if self.places and not path:
            return sorted(self.places)
        return sorted(entry.name for entry in self._scan(path) if entry.is_dir())

    def files(self, path: str) -> list[str]:
        if self.places and not path:
            return []
        return sorted(entry.name for entry in self._scan(path) if not entry.is_dir())

    def _scan(self, path: str) -> list[os.DirEntry[str]]:
        folder = self.path_of(path)
        try:
            with os.scandir(folder) as listing:
                return [entry for entry in listing if not is_ignored(entry.name)]
        except OSError as error:
            raise RunFailed(
                f"The folder {folder!r} cannot be listed. Received: {error.strerror}",
                hint="Check the path and its permissions.",
            ) from error

    def entries(self, path: str) -> Iterator[Entry]:
        """Yield the pictures below a folder: files before sub-folders, each in the order of their names.

        Links to folders are followed, except to a folder that the link stands in.
        """
        # Each waiting folder knows those around it, by device and inode, so that a loop of links ends.
        waiting: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
        while waiting:
            inner, around = waiting.pop()
            where = "/".join(filter(None, (path, inner)))
            status = os.stat(self.path_of(where)) if os.path.isdir(self.path_of(where)) else None
            if status is not None and (status.st_dev, status.st_ino) in around:
                continue
            prefix = inner + "/" if inner else ""
            base = path + "/" if path else ""
            folders, files = [], []
            for entry in self._scan(where):
                if entry.is_dir():
                    folders.append(prefix + entry.name)
                elif os.path.splitext(entry.name)[1].lower() in self.suffixes:
                    files.append(entry)
            files.sort(key=lambda entry: entry.name)
            for entry in files:
                name = prefix + entry.name
                try:
                    found = entry.stat()
                except OSError as error:
                    yield Entry(name, 0, "missing", "", f"the file cannot be found: {error.strerror}")
                    continue
                if not stat.S_ISREG(found.st_mode):
                    yield Entry(name, 0, "special", "", "a regular file was expected. Received: a device or pipe")
                    continue
                yield Entry(name, found.st_size, f"{found.st_size}-{found.st_mtime_ns}", base + name)
            if status is not None:
                around |= {(status.st_dev, status.st_ino)}
            waiting += [(name, around) for name in sorted(folders, reverse=True)]


class FolderSource(PictureSource):
    """Pictures in folders; see `FolderOptions` for the layouts."""

    def __init__(self, options: FolderOptions) -> None:
        super().__init__(options)
        self.options = options
        places = {}
        if options.a is not None and options.b is not None:
            places = {
                "A": os.path.join(options.root or "", options.a),
                "B": os.path.join(options.root or "", options.b),
            }
        self._tree = FolderTree(options.root or "", PICTURE_SUFFIXES.union(options.suffixes), places)

    def items(self) -> Iterator[Item]:
        """Yield every picture or pair.

        Raises:
            RunFailed: A folder is missing, cannot be listed, or holds no such data.
        """
        parts = [Part("A", "A", None), Part("B", "B", None)] if self._tree.places else None
        yield from picture_items(self._tree, self.options, parts)

    def fetch(self, locators: Sequence[str]) -> Iterator[bytes | Exception]:
        """Yield the content of files."""
        for locator in locators:
            try:
                with open(self._tree.path_of(locator), "rb") as file:
                    yield file.read()
            except OSError as error:
                yield error

    def domain_names(self) -> dict[str, str]:
        """Return a name to show for A and B: given, or of the folders, or out of a root such as `horse2zebra`.

        Single pictures have the names given alone, for the pairs that a preparation derives from them.
        """
        given = {str(domain): name for domain, name in self.options.domain_names.items()}
        if self.options.pairing == "single":
            return given
        names = {"A": "A", "B": "B"}
        if self._tree.places:
            names = {domain: os.path.basename(os.path.normpath(path)) for domain, path in self._tree.places.items()}
        else:
            names |= names_in(os.path.basename(os.path.normpath(self._tree.root)))
        return names | given
