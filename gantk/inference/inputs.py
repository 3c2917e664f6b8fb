"""Finding the pictures that a command names: files, folders, patterns and archives."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from gantk.errors import UsageError
from gantk.inference.archives import FILE_LIMIT, Archive, Member, archive_stem, open_archive, safe_name
from gantk.inference.picture import BadPicture
from gantk.inference.picture_reading import MAGIC_BYTES, picture_format
from gantk.wording import counted

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif")
)
"""Suffixes of the formats that can be read."""

# Pictures, too, so they are inputs that fail with a reason, and not other files that nobody misses.
_OTHER_PICTURES = frozenset((".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k"))
_PATTERN = frozenset("*?[")


@dataclass(frozen=True)
class PictureInput:
    """One picture to be translated, not read yet.

    Args:
        name: Where its result goes: a POSIX path below the output folder, with the input's own suffix.
        label: What the user knows it by: a path, or `archive.zip!member`.
        read: Returns its content; may be called in any thread. Raises `BadPicture` or `OSError`.
        stamp: Changes whenever the content does (size and time, or a checksum); empty where that is not known.
        identity: Device and number of the file it is, where it is one.
        archive: The archive it is in, where it is in one.
        number: Its number in the archive.
        problem: Why it cannot be read; empty where nothing is known against it.
        path: The file it is, where it is one: a large one is then read where it lies.
    """

    name: str
    label: str
    read: Callable[[], bytes]
    stamp: str = ""
    identity: tuple[int, int] | None = None
    archive: Archive | None = None
    number: int = 0
    problem: str = ""
    path: Path | None = None


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


def discover(arguments: Iterable[str | Path | PictureInput], output: Path | None = None) -> Discovery:
    """Find the pictures that the arguments stand for.

    A file's result goes to OUT/name, a folder's to OUT/path-inside-the-folder, an archive's to
    OUT/archive-name/path-inside. In folders and archives, what has a picture's suffix or begins as a
    picture does is taken; hidden files and the rest are passed over and counted.

    Args:
        arguments: Files, folders, patterns (`photos/**/*.png`) and archives; or inputs made by a program.
        output: The output folder, if there is one. Where it lies inside a folder to be read, it is passed over.

    Raises:
        UsageError: Something does not exist, is neither file nor folder, or is the output folder; or there is
            not one picture.
    """
    found = Discovery()
    named: list[str] = []
    for argument in arguments:
        if isinstance(argument, PictureInput):
            found.pictures.append(argument)
            continue
        named.append(str(argument))
        for path in _paths(str(argument)):
            _take(path, output, found)
    found.pictures = _once_each(found.pictures)
    if not found.pictures:
        others = f" and {counted(found.ignored, 'other file')}" if found.ignored else ""
        raise UsageError(
            f"At least one picture is needed. Received: {', '.join(named) or 'nothing'}, with none{others}"
        )
    return found


def _paths(argument: str) -> Sequence[Path]:
    path = Path(argument)
    if os.path.lexists(path):
        return [path]
    if _PATTERN.intersection(argument):
        matches = sorted(glob.glob(argument, recursive=True))
        if matches:
            return [Path(match) for match in matches]
        raise UsageError(f"The pattern must fit at least one file. Received: {argument!r}")
    raise UsageError(
        f"An input must be a file, a folder, an archive or a pattern. Received: {argument}, which does not exist"
    )


def _take(path: Path, output: Path | None, found: Discovery) -> None:
    if path.is_dir():
        if output is not None and output.exists() and path.samefile(output):
            raise UsageError(
                f"The output folder must not be an input, since it would read its own results. Received: {path}",
                hint="Choose another folder with -o.",
            )
        _take_folder(path, output, found)
    elif path.is_file():
        try:
            archive = open_archive(path)
        except OSError:
            # Not readable: an input that fails with its reason, as every other one.
            archive = None
        if archive is None:
            found.pictures.append(_file(path, path.name))
        else:
            _take_archive(archive, found)
    elif path.is_symlink():
        found.pictures.append(_unreadable(path.name, str(path), "The link leads nowhere."))
    else:
        raise UsageError(f"An input must be a file or a folder. Received: {path}, which is neither")


def _take_folder(folder: Path, output: Path | None, found: Discovery) -> None:
    excluded = _identity(output) if output is not None and output.exists() else None
    for path in _walk(folder, excluded, frozenset(), found):
        relative = path.relative_to(folder).as_posix()
        if _is_picture_name(path.name) or _begins_as_picture(path):
            found.pictures.append(_file(path, relative))
        else:
            found.ignored += 1


def _walk(
    folder: Path, excluded: tuple[int, int] | None, above: frozenset[tuple[int, int]], found: Discovery
) -> Iterator[Path]:
    """Yield the files of a folder by name, links followed, a folder inside itself only once."""
    identity = _identity(folder)
    if identity == excluded or identity in above:
        return
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        reason = f"The folder cannot be listed: {error.strerror}."
        found.pictures.append(_unreadable(folder.name, str(folder), reason))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, excluded, above | {identity}, found)
        elif entry.is_file() or (entry.is_symlink() and not entry.exists()):
            yield entry


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_picture_name(name: str) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in SUFFIXES or suffix in _OTHER_PICTURES


def _begins_as_picture(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return picture_format(stream.read(MAGIC_BYTES)) is not None
    except OSError:
        return False


def _file(path: Path, name: str) -> PictureInput:
    try:
        status = path.stat()
    except OSError as error:
        return _unreadable(name, str(path), f"It cannot be read: {error.strerror}.")
    if status.st_size > FILE_LIMIT:
        return _unreadable(name, str(path), f"It is larger than {FILE_LIMIT >> 30} GiB: {status.st_size} bytes.")
    stamp = f"{status.st_size}-{status.st_mtime_ns}"
    identity = (status.st_dev, status.st_ino)
    return PictureInput(name, str(path), path.read_bytes, stamp=stamp, identity=identity, path=path)


def _unreadable(name: str, label: str, problem: str) -> PictureInput:
    def read() -> bytes:
        raise BadPicture(problem)

    return PictureInput(name, label, read, problem=problem)


def _take_archive(archive: Archive, found: Discovery) -> None:
    found.archives.append(archive)
    stem = archive_stem(archive.path)
    try:
        for member in archive.members(lambda name: not _is_picture_name(name)):
            if _is_hidden(member.name) or not (_is_picture_name(member.name) or picture_format(member.beginning)):
                found.ignored += 1
            else:
                found.pictures.append(_member(archive, stem, member))
    except BadPicture as error:
        found.pictures.append(_unreadable(stem, str(archive.path), error.message))


def _is_hidden(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts or parts[-1].startswith(".")


def _member(archive: Archive, stem: str, member: Member) -> PictureInput:
    label = f"{archive.path}!{member.name}"
    try:
        name = f"{stem}/{safe_name(member.name)}"
    except BadPicture as error:
        return _unreadable(stem, label, error.message)
    if member.problem:
        return _unreadable(name, label, member.problem)
    return PictureInput(
        name, label, lambda: archive.read(member), stamp=member.stamp, archive=archive, number=member.number
    )


def _once_each(pictures: Sequence[PictureInput]) -> list[PictureInput]:
    """Leave out a file that was named twice, as long as both would give the same result."""
    seen: set[tuple[str, tuple[int, int]]] = set()
    kept = []
    for picture in pictures:
        if picture.identity is None or (picture.name, picture.identity) not in seen:
            kept.append(picture)
        if picture.identity is not None:
            seen.add((picture.name, picture.identity))
    return kept
