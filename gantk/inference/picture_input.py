"""One picture to be worked on, wherever it lies, and what counts as a picture by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from gantk.inference.archives import Archive, Member
from gantk.inference.picture import BadPicture

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif")
)
"""Suffixes of the formats that can be read."""

# Pictures, too, so they are inputs that fail with a reason, and not other files that nobody misses.
_OTHER_PICTURES = frozenset((".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k"))


@dataclass(frozen=True, slots=True)
class PictureInput:
    """One picture to be worked on, not read yet.

    Args:
        name: Where its result goes: a POSIX path below the output folder, with the input's own suffix.
        label: What the user knows it by: a path, a URL, or `archive.zip!member`.
        read: Returns its content; may be called in any thread. Raises `BadPicture` or `OSError`.
        stamp: Changes whenever the content does (size and time, or a checksum); empty where that is not known.
        identity: Device and number of the file it is, where it is one.
        archive: The archive it is in, where it is in one.
        member: What it is in the archive.
        problem: Why it cannot be read; empty where nothing is known against it.
        path: The file it is, where it is one: a large one is then read where it lies.
        spool: As `read`, but a large content comes as a file without a name in the folder given, where the input can
            do so.
        address: The URL it lies behind, whole, where it does; may hold what nobody is to see.
        remote: Whether it lies behind a URL: what is read comes over a network.
        beginning: Returns the first bytes without reading many more, where that is of use. Raises as `read`.
    """

    name: str
    label: str
    read: Callable[[], bytes]
    stamp: str = ""
    identity: tuple[int, int] | None = None
    archive: Archive | None = None
    member: Member | None = None
    problem: str = ""
    path: Path | None = None
    spool: Callable[[Path], bytes | IO[bytes]] | None = None
    address: str = ""
    remote: bool = False
    beginning: Callable[[int], bytes] | None = None

    @property
    def number(self) -> int:
        """Its number in the archive."""
        return self.member.number if self.member is not None else 0


@dataclass
class Discovery:
    """What was found.

    Args:
        pictures: In the order of the arguments, folders by name.
        ignored: Files in folders and archives that are no pictures.
        archives: Open archives.
    """

    pictures: list[PictureInput] = field(default_factory=list)
    ignored: int = 0
    archives: list[Archive] = field(default_factory=list)

    def close(self) -> None:
        """Close the archives."""
        for archive in self.archives:
            archive.close()


def is_picture_name(name: str) -> bool:
    """Whether the suffix is that of a picture, readable or not."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in SUFFIXES or suffix in _OTHER_PICTURES


def is_hidden(name: str) -> bool:
    """Whether a path in an archive is one that people do not see."""
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts or parts[-1].startswith(".")


def unreadable(name: str, label: str, problem: str) -> PictureInput:
    """Return an input that fails for a reason known beforehand."""

    def read() -> bytes:
        raise BadPicture(problem)

    return PictureInput(name, label, read, problem=problem)
