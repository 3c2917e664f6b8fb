"""Finding the pictures behind URLs: `https://…/a.jpg`, `s3://bucket/folder/`, `s3://bucket/**/*.png`, archives.

Every protocol of fsspec will do. A file's result goes to OUT/name, a folder's to OUT/path-inside. In folders, what has a
picture's suffix is taken, and what has no suffix at all and begins as a picture does; other suffixes are not looked into,
since each look is a request. Nothing else is read before its turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from gantk.errors import UsageError
from gantk.inference.archives import ARCHIVE_MAGIC_BYTES, Archive, ArchiveSource, archive_from, safe_name
from gantk.inference.picture import BadPicture
from gantk.inference.picture_input import Discovery, PictureInput, is_picture_name, unreadable
from gantk.inference.picture_reading import MAGIC_BYTES, picture_format
from gantk.inference.remote_files import RemoteFile, is_missing, reason_of, stamp_of, wait_longer, without_secrets
from gantk.inference.spooling import FILE_LIMIT, too_large

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")
_LOCAL = ("file://", "local://")
_HTTP = ("http://", "https://")
_REQUESTS = 16
_AT_ONCE = 256
_DEEPEST = 100
# What is imported by another name than it is installed by.
_PACKAGES = {"smbclient": "smbprotocol"}


def is_url(argument: str) -> bool:
    """Whether an argument names something by protocol."""
    return _URL.match(argument) is not None


def is_url_pattern(argument: str) -> bool:
    """Whether a URL stands for all that fit it. In a web address, `?` is no such sign."""
    signs = "*[" if argument.startswith(_HTTP) else "*[?"
    return is_url(argument) and any(sign in argument for sign in signs)


def local_path(url: str) -> str | None:
    """Return the path that a `file://` URL names; None for others."""
    prefix = next((prefix for prefix in _LOCAL if url.startswith(prefix)), None)
    return None if prefix is None else url.removeprefix(prefix)


def remote_inputs(url: str, found: Discovery) -> Iterator[PictureInput | Archive]:
    """Yield the pictures and archives that a URL stands for; folders by name.

    Args:
        url: Of a file, a folder, an archive, or a pattern.
        found: Counts other files.

    Raises:
        UsageError: There is nothing at the URL, or the protocol is unknown, or its package not installed.
    """
    shown = without_secrets(url)
    name = _plain_path(url).rstrip("/").rpartition("/")[2] or shown
    try:
        system, path = _file_system(url)
        # Listings that an earlier job has left may be old.
        system.invalidate_cache()
        matches = _matches(system, path, url)
    except UsageError:
        raise
    except Exception as error:
        if not is_missing(error):
            yield unreadable(_result_name(name), shown, f"It cannot be read: {reason_of(error)}.")
            return
        raise UsageError(
            f"An input must be a file, a folder, an archive or a pattern. Received: {shown}, which does not exist"
        ) from error
    search = _RemoteSearch(system, url, found)
    for info in matches:
        if info["type"] == "directory":
            yield from search.folder(str(info["name"]))
        else:
            yield search.file(info)


def _file_system(url: str) -> tuple[Any, str]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        module = str(getattr(error.__cause__ or error, "name", None) or "").partition(".")[0]
        package = _PACKAGES.get(module, module)
        raise UsageError(
            f"A package is missing for {without_secrets(url)}. Received: {error}",
            hint=f"pip install {package}" if package else "",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"The protocol of a URL must be one that fsspec knows, such as https, s3, gs, sftp. "
            f"Received: {without_secrets(url)} ({error})"
        ) from error
    wait_longer(system)
    return system, path


def _matches(system: Any, path: str, url: str) -> Sequence[dict[str, Any]]:
    """Return what the file system says of the file or folder, or of all that fit the pattern."""
    if is_url_pattern(url):
        matches = system.glob(path, detail=True)
        if "**" in path:
            # Stands for what lies in the folders that fit it, too: they would be taken a second time.
            matches = {name: info for name, info in matches.items() if info["type"] != "directory"}
        if not matches:
            raise UsageError(f"The pattern must fit at least one file. Received: {without_secrets(url)!r}")
        return [matches[name] for name in sorted(matches)]
    if path.startswith(_HTTP) and path.endswith("/"):
        # Of a web address nobody says whether it is a folder; its page must list the files.
        system.ls(path)
        return [{"name": path, "type": "directory"}]
    info = system.info(path)
    if info.get("mimetype") == "text/html" and not is_picture_name(_plain_path(path)):
        return [{"name": path.rstrip("/") + "/", "type": "directory"}]
    return [info]


class _RemoteSearch:
    """A search behind one URL."""

    def __init__(self, system: Any, url: str, found: Discovery) -> None:
        self._system = system
        self._url = url
        self._found = found

    def file(self, info: dict[str, Any]) -> PictureInput | Archive:
        """Return a picture or an archive."""
        remote = RemoteFile.of(self._system, info, self._label(str(info["name"])))
        name = _plain_path(remote.path).rstrip("/").rpartition("/")[2]
        if not is_picture_name(name):
            try:
                beginning = remote.beginning(ARCHIVE_MAGIC_BYTES)
            except BadPicture as error:
                return unreadable(_result_name(name), remote.label, error.message)
            archive = archive_from(ArchiveSource(name, remote.label, remote.open, remote.stamp), beginning)
            if archive is not None:
                return archive
        return _picture(remote, name, self._address(remote.path))

    def folder(self, root: str) -> Iterator[PictureInput]:
        """Yield the pictures of a folder with its tree; a folder that cannot be listed fails."""
        entries = self._walk(root, 0, set())
        with ThreadPoolExecutor(_REQUESTS, thread_name_prefix="gantk-listing") as pool:
            while some := list(islice(entries, _AT_ONCE)):
                for one in pool.map(lambda entry: self._looked_at(root, entry), some):
                    if one is None:
                        self._found.ignored += 1
                    else:
                        yield one

    def _walk(self, path: str, depth: int, seen: set[str]) -> Iterator[dict[str, Any] | PictureInput]:
        try:
            entries = sorted(self._system.ls(path, detail=True), key=lambda entry: _plain_path(str(entry["name"])))
        except Exception as error:
            label = self._label(path)
            name = _result_name(_plain_path(path).rstrip("/").rpartition("/")[2])
            yield unreadable(name, label, f"The folder cannot be listed: {reason_of(error)}.")
            return
        for entry in entries:
            full = str(entry["name"])
            last = _plain_path(full).rstrip("/").rpartition("/")[2]
            # Pages list themselves in another order, and the folder above; object stores have a file for a folder.
            if full in seen or full.rstrip("/") == path.rstrip("/") or ("?" in full and path.startswith(_HTTP)):
                continue
            seen.add(full)
            if last.startswith(".") or not last:
                continue
            if entry["type"] != "directory":
                yield entry
            elif depth < _DEEPEST:
                yield from self._walk(full, depth + 1, seen)

    def _looked_at(self, root: str, entry: dict[str, Any] | PictureInput) -> PictureInput | None:
        """Return an input, or None for a file that is no picture. Called in several threads."""
        if isinstance(entry, PictureInput):
            return entry
        full = str(entry["name"])
        relative = _plain_path(full).removeprefix(_plain_path(root).rstrip("/")).lstrip("/")
        remote = RemoteFile.of(self._system, entry, self._label(full))
        if not is_picture_name(relative):
            if PurePosixPath(relative).suffix:
                return None
            try:
                if picture_format(remote.beginning(MAGIC_BYTES)) is None:
                    return None
            except BadPicture:
                # Not known to be a picture, and not readable: as little an input as a text file.
                return None
        if not remote.stamp:
            try:
                info = self._system.info(full)
                remote = replace(remote, size=info.get("size") or remote.size, stamp=stamp_of(info))
            except Exception as error:
                return unreadable(_result_name(relative), remote.label, f"It cannot be read: {reason_of(error)}.")
        return _picture(remote, relative, self._address(full))

    def _address(self, path: str) -> str:
        _, chain, rest = self._url.partition("::")
        return f"{self._system.unstrip_protocol(path)}{chain}{rest}"

    def _label(self, path: str) -> str:
        return without_secrets(self._address(path))


def _picture(remote: RemoteFile, name: str, address: str) -> PictureInput:
    try:
        result = safe_name(name)
    except BadPicture as error:
        return unreadable("picture", remote.label, error.message)
    if remote.size is not None and remote.size > FILE_LIMIT:
        return unreadable(result, remote.label, too_large(remote.size))
    return PictureInput(
        result,
        remote.label,
        remote.read,
        stamp=remote.stamp,
        spool=remote.spool,
        address=address,
        remote=True,
        beginning=remote.beginning,
    )


def _plain_path(path: str) -> str:
    """Return a path with the names that files have: those of a web address without its query, and not quoted."""
    return unquote(urlsplit(path).path) if path.startswith(_HTTP) else path


def _result_name(name: str) -> str:
    """Return where a result would go that there will not be."""
    try:
        return safe_name(name)
    except BadPicture:
        return "picture"
