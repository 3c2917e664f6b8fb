"""Finding the pictures that a command names: files, folders, patterns, archives and URLs."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gantk.errors import UsageError
from gantk.inference.archives import Archive, Member, archive_stem, open_archive, safe_name
from gantk.inference.destination import FolderOutput, JobOutput
from gantk.inference.picture import BadPicture
from gantk.inference.picture_input import (
    SUFFIXES,
    Discovery,
    PictureInput,
    is_hidden,
    is_picture_name,
    unreadable,
)
from gantk.inference.picture_reading import MAGIC_BYTES, picture_format
from gantk.inference.remote_inputs import is_url, is_url_pattern, local_path, remote_inputs
from gantk.inference.spooling import FILE_LIMIT, too_large
from gantk.wording import counted

__all__ = ["SUFFIXES", "Discovery", "PictureInput", "discover"]

_PATTERN = frozenset("*?[")
Identity = tuple[int, int]


@dataclass
class _Search:
    """A discovery under way.

    Args:
        found: What it has found.
        own: What the job writes and must not read: device and number of each file and folder.
        bare: Names in archives stay as they are, without the archive's own in front.
    """

    found: Discovery = field(default_factory=Discovery)
    own: Collection[Identity] = ()
    bare: bool = False


def discover(arguments: Iterable[str | Path | PictureInput], output: Path | JobOutput | None = None) -> Discovery:
    """Find the pictures that the arguments stand for.

    A file's result goes to OUT/name, a folder's to OUT/path-inside-the-folder, an archive's to
    OUT/archive-name/path-inside; one archive alone, whose results go into an archive, keeps its paths. In folders
    and archives, what has a picture's suffix or begins as a picture does is taken; hidden files and the rest are
    passed over and counted. URLs are read through fsspec, and go where a path of the same form would
    (`gantk.inference.remote_inputs`).

    Args:
        arguments: Files, folders, patterns (`photos/**/*.png`), archives and URLs of those; or inputs made by a program.
        output: What the job writes to, or its folder, if there is one. Where it lies inside a folder to be read, it
            is passed over.

    Raises:
        UsageError: Something does not exist, is neither file nor folder, or is the output; a package that a URL
            needs is missing; or there is not one picture.
    """
    arguments = list(arguments)
    target = FolderOutput(output) if isinstance(output, Path) else output
    search = _Search(
        own=[_identity(path) for path in target.own if path.exists()] if target is not None else [],
        bare=target is not None and target.is_archive and len(arguments) == 1 and not _is_pattern(arguments[0]),
    )
    found = search.found
    named: list[str] = []
    try:
        for argument in arguments:
            if isinstance(argument, PictureInput):
                found.pictures.append(argument)
                continue
            named.append(str(argument))
            _take_argument(str(argument), search)
    except BaseException:
        found.close()
        raise
    found.pictures = _once_each(found.pictures)
    if not found.pictures:
        found.close()
        others = f" and {counted(found.ignored, 'other file')}" if found.ignored else ""
        raise UsageError(
            f"At least one picture is needed. Received: {', '.join(named) or 'nothing'}, with none{others}"
        )
    return found


def _take_argument(argument: str, search: _Search) -> None:
    if os.path.lexists(argument) or not is_url(argument):
        for path in _paths(argument):
            _take(path, search)
        return
    local = local_path(argument)
    if local is not None:
        _take_argument(local, search)
        return
    for found in remote_inputs(argument, search.found):
        if isinstance(found, PictureInput):
            search.found.pictures.append(found)
        else:
            _take_archive(found, search, remote=True)


def _is_pattern(argument: str | Path | PictureInput) -> bool:
    text = str(argument)
    return not os.path.lexists(text) and (is_url_pattern(text) or not is_url(text))


def _paths(argument: str) -> Sequence[Path]:
    path = Path(argument)
    if os.path.lexists(path):
        return [path]
    if _PATTERN.intersection(argument):
        matches = sorted(glob.glob(argument, recursive=True))
        if "**" in argument:
            # Stands for what lies in the folders that fit it, too: they would be taken a second time.
            matches = [match for match in matches if not os.path.isdir(match)]
        if matches:
            return [Path(match) for match in matches]
        raise UsageError(f"The pattern must fit at least one file. Received: {argument!r}")
    raise UsageError(
        f"An input must be a file, a folder, an archive or a pattern. Received: {argument}, which does not exist"
    )


def _take(path: Path, search: _Search) -> None:
    if path.exists() and _identity(path) in search.own:
        raise UsageError(
            f"The output must not be an input, since it would read its own results. Received: {path}",
            hint="Choose another one with -o.",
        )
    if path.is_dir():
        _take_folder(path, search)
    elif path.is_file():
        try:
            archive = open_archive(path)
        except OSError:
            # Not readable: an input that fails with its reason, as every other one.
            archive = None
        if archive is None:
            search.found.pictures.append(_file(path, path.name))
        else:
            _take_archive(archive, search)
    elif path.is_symlink():
        search.found.pictures.append(unreadable(path.name, str(path), "The link leads nowhere."))
    else:
        raise UsageError(f"An input must be a file or a folder. Received: {path}, which is neither")


def _take_folder(folder: Path, search: _Search) -> None:
    found = search.found
    for path in _walk(folder, search.own, frozenset(), found):
        relative = path.relative_to(folder).as_posix()
        if is_picture_name(path.name) or _begins_as_picture(path):
            found.pictures.append(_file(path, relative))
        else:
            found.ignored += 1


def _walk(folder: Path, own: Collection[Identity], above: frozenset[Identity], found: Discovery) -> Iterator[Path]:
    """Yield the files of a folder by name, links followed, a folder inside itself only once."""
    identity = _identity(folder)
    if identity in own or identity in above:
        return
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        reason = f"The folder cannot be listed: {error.strerror}."
        found.pictures.append(unreadable(folder.name, str(folder), reason))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, own, above | {identity}, found)
        elif entry.is_file():
            if not own or _identity(entry) not in own:
                yield entry
        elif entry.is_symlink() and not entry.exists():
            yield entry


def _identity(path: Path) -> Identity:
    status = path.stat()
    return status.st_dev, status.st_ino


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
        return unreadable(name, str(path), f"It cannot be read: {error.strerror}.")
    stamp = f"{status.st_size}-{status.st_mtime_ns}"
    identity = (status.st_dev, status.st_ino)
    return PictureInput(name, str(path), partial(read_file, path), stamp=stamp, identity=identity, path=path)


def read_file(path: Path) -> bytes:
    """Return the content of a file. Raises `BadPicture` where it is larger than 2 GiB, and `OSError`."""
    size = path.stat().st_size
    if size > FILE_LIMIT:
        raise BadPicture(too_large(size))
    return path.read_bytes()


def _take_archive(archive: Archive, search: _Search, *, remote: bool = False) -> None:
    found, source = search.found, archive.source
    found.archives.append(archive)
    stem = archive_stem(source.name)
    try:
        for member in archive.members(lambda name: not is_picture_name(name)):
            if is_hidden(member.name) or not (is_picture_name(member.name) or picture_format(member.beginning)):
                found.ignored += 1
            else:
                found.pictures.append(_member(archive, "" if search.bare else f"{stem}/", member, remote))
    except BadPicture as error:
        found.pictures.append(unreadable(stem, source.label, error.message))


def _member(archive: Archive, above: str, member: Member, remote: bool) -> PictureInput:
    label = f"{archive.source.label}!{member.name}"
    try:
        name = above + safe_name(member.name)
    except BadPicture as error:
        return unreadable(archive_stem(archive.source.name), label, error.message)
    if member.problem:
        return unreadable(name, label, member.problem)
    return PictureInput(
        name,
        label,
        partial(archive.read, member),
        stamp=member.stamp,
        archive=archive,
        member=member,
        spool=partial(archive.spool, member),
        remote=remote,
    )


def _once_each(pictures: Sequence[PictureInput]) -> list[PictureInput]:
    """Leave out a file that was named twice, as long as both would give the same result."""
    seen: set[tuple[str, Identity | str]] = set()
    kept = []
    for picture in pictures:
        same = picture.identity or picture.address or None
        if same is None or (picture.name, same) not in seen:
            kept.append(picture)
        if same is not None:
            seen.add((picture.name, same))
    return kept
