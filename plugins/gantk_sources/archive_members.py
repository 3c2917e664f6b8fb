"""A listing of an archive's members, in the form of a tree of picture files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from gantk_sources.layout import Entry, is_ignored

_DRIVE = re.compile(r"[A-Za-z]:")


class Member(NamedTuple):
    """A member of an archive that is no folder, as its name says it.

    `size` is what must be read; `defect` says why it cannot be.
    """

    name: str
    size: int
    stamp: str
    locator: str
    defect: str = ""


def clean_path(name: str) -> tuple[str, str]:
    """Return a member's name as a path inside the archive, and what is wrong with it (`""`: nothing).

    Nothing is ever written under such a name, but one that points outside is a sign of an archive made to harm.
    """
    if "/" not in name:
        name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    defect = ""
    if name.startswith("/") or _DRIVE.match(name):
        defect = f"a relative path was expected. Received: {name!r}"
    elif ".." in parts:
        defect = f"a path inside the archive was expected. Received: {name!r}"
    return "/".join(part for part in parts if part != ".."), defect


class ArchiveTree:
    """The members of an archive as folders of picture files, in the order of the archive.

    Of several members with one name the last one counts, as when the archive is unpacked; the others are
    entries with a defect.

    Args:
        path: The archive, for messages.
        members: All members.
        suffixes: Lower-case file name suffixes of pictures, with the dot.
    """

    def __init__(self, path: str, members: Iterator[Member], suffixes: frozenset[str]) -> None:
        self.path = path
        self._entries: list[Entry] = []
        self._folders: dict[str, set[str]] = {"": set()}
        self._files: dict[str, list[str]] = {}
        places: dict[str, int] = {}
        for member in members:
            name, defect = clean_path(member.name)
            if not name or any(map(is_ignored, name.split("/"))):
                continue
            self._add_folders(name)
            stem, suffix = posixpath.splitext(name)
            if suffix.lower() not in suffixes:
                continue
            defect = defect or member.defect
            other = places.get(name)
            if other is not None:
                loser = len(self._entries) if defect else other
                renamed = f"{stem} (member {loser + 1}){suffix}"
                if defect:
                    name = renamed
                else:
                    same = "a later member has the same name"
                    self._entries[other] = self._entries[other]._replace(path=renamed, defect=same)
            places[name] = len(self._entries)
            self._entries.append(Entry(name, member.size, member.stamp, member.locator, defect))

    def _add_folders(self, name: str) -> None:
        folder, _, file = name.rpartition("/")
        files = self._files.setdefault(folder, [])
        files.append(file)
        while folder and len(files) == 1:
            folder, _, inner = folder.rpartition("/")
            siblings = self._folders.setdefault(folder, set())
            if inner in siblings:
                break
            siblings.add(inner)

    def describe(self) -> str:
        return f"the archive {self.path!r}"

    def folders(self, path: str) -> list[str]:
        return sorted(self._folders.get(path, ()))

    def files(self, path: str) -> list[str]:
        return sorted(self._files.get(path, ()))

    def entries(self, path: str) -> Iterator[Entry]:
        if not path:
            yield from self._entries
            return
        prefix = path + "/"
        for entry in self._entries:
            if entry.path.startswith(prefix):
                yield entry._replace(path=entry.path[len(prefix) :])
