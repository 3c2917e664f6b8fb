"""One file behind a URL, read through fsspec, with errors in words."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gantk.inference.picture import BadPicture
from gantk.inference.spooling import FILE_LIMIT, IN_MEMORY, TooLarge, spooled, too_large

# What file systems call a checksum, and what they call a time; the first there is tells that a content has changed.
_CHECKSUMS = ("ETag", "etag", "md5Hash", "md5", "Content-MD5", "content_md5", "Digest", "checksum", "sha256", "CRC")
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "modified", "modify", "created")
_GONE = (404, 410)
_SNIFFED_BLOCK = 1 << 16


@dataclass(frozen=True)
class RemoteFile:
    """A file of an fsspec file system. Can be sent to another process.

    Args:
        system: The file system.
        path: As the file system has it.
        label: What the user knows it by.
        size: Bytes; None where that is not known.
        stamp: Changes whenever the content does; empty where that is not known.
    """

    system: Any
    path: str
    label: str
    size: int | None = None
    stamp: str = ""

    def __post_init__(self) -> None:
        wait_longer(self.system)

    @classmethod
    def of(cls, system: Any, info: Mapping[str, Any], label: str) -> RemoteFile:
        """Return a file by what the file system says of it."""
        size = info.get("size")
        return cls(system, str(info["name"]), label, int(size) if size is not None else None, stamp_of(info))

    def open(self, block_size: int | None = None) -> IO[bytes]:
        """Return a new stream, which can be sought in where the server gives parts of a file.

        Args:
            block_size: Bytes asked for at once; None leaves that to the file system.

        Raises:
            BadPicture: It cannot be read; so does the stream.
        """
        with in_words():
            options = {} if block_size is None else {"block_size": block_size}
            return io.BufferedReader(_RemoteStream(self.system.open(self.path, "rb", **options)))

    def beginning(self, count: int) -> bytes:
        """Return the first bytes, without asking for many more. Raises `BadPicture`."""
        if self.size == 0:
            return b""
        with self._from_the_front(max(count, _SNIFFED_BLOCK)) as stream:
            return stream.read(count)

    def read(self) -> bytes:
        """Return the content. Raises `BadPicture`: it cannot be read, or is larger than 2 GiB."""
        content = self.spool(None)
        assert isinstance(content, bytes)
        return content

    def spool(self, folder: Path | None) -> bytes | IO[bytes]:
        """Return the content; a large one as a file without a name in the folder, where one is given.

        Raises:
            BadPicture: It cannot be read, or is larger than 2 GiB.
            RunFailed: The disk is full.
        """
        if self.size is not None and self.size > FILE_LIMIT:
            raise BadPicture(too_large(self.size))
        try:
            with self._from_the_front() as stream:
                return spooled(stream, folder)
        except TooLarge:
            raise BadPicture(too_large()) from None

    def _from_the_front(self, count: int | None = None) -> IO[bytes]:
        """Return a stream that cannot be sought in, of one request where that can be.

        No more is in memory than what is read, whatever a server has announced and then sends.

        Args:
            count: Bytes that will be read; None for all.
        """
        if not _is_http(self.system):
            small = self.size if self.size is not None and self.size <= IN_MEMORY else None
            return self.open(count or small or None)
        options: dict[str, Any] = {}
        if count is not None:
            options["headers"] = {**self.system.kwargs.get("headers", {}), "Range": f"bytes=0-{count - 1}"}
        with in_words():
            # Without a size the file system would ask for it, and has no use for it here.
            file = self.system.open(self.path, "rb", block_size=0, size=self.size or 1, **options)
            return io.BufferedReader(_RemoteStream(file))


class _RemoteStream(io.RawIOBase):
    """A stream of a file system, whose errors become reasons."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def readinto(self, target: Any) -> int:
        with in_words():
            content = self._file.read(len(target))
        target[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with in_words():
            self._file.seek(offset, whence)
            return int(self._file.tell())

    def tell(self) -> int:
        with in_words():
            return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _is_http(system: Any) -> bool:
    protocol = getattr(system, "protocol", ())
    return "https" in ((protocol,) if isinstance(protocol, str) else protocol)


def wait_longer(system: Any) -> None:
    """Let a request to a web server take as long as its content comes, where nobody has set another limit.

    The limit of the library is five minutes, however much has come by then. What is set here is not sent to other
    processes with the file system.
    """
    if _is_http(system) and "timeout" not in {**system.client_kwargs, **system.kwargs}:
        import aiohttp

        system.kwargs = {**system.kwargs, "timeout": aiohttp.ClientTimeout(None, sock_connect=30, sock_read=60)}
    behind = getattr(system, "fs", None)
    if behind is not None:
        # That of a cache.
        wait_longer(behind)


def stamp_of(info: Mapping[str, Any]) -> str:
    """Return what changes whenever a file's content does, by what its file system says of it; empty where nothing does."""
    for key in (*_CHECKSUMS, *_TIMES):
        if info.get(key) not in (None, ""):
            return f"{info.get('size')}-{info[key]}"
    return ""


@contextmanager
def in_words() -> Iterator[None]:
    """Let every error of a file system, whatever its class, be a `BadPicture` with its reason."""
    try:
        yield
    except BadPicture:
        raise
    except Exception as error:
        raise BadPicture(f"It cannot be read: {reason_of(error)}.") from error


def is_missing(error: BaseException) -> bool:
    """Whether a file system's error says that there is no such file or folder."""
    cause = _cause(error)
    return isinstance(cause, FileNotFoundError) or getattr(cause, "status", None) in _GONE


def reason_of(error: BaseException) -> str:
    """Return a file system's error in words, on one line, without what a URL may hold of secrets."""
    cause = _cause(error)
    if is_missing(cause):
        return "there is no such file"
    if isinstance(cause, PermissionError):
        return "the permission is missing"
    if isinstance(cause, TimeoutError):
        return "the server did not answer in time"
    if isinstance(cause, ValueError) and "range requests" in str(cause):
        return "the server does not give parts of a file, which a zip file needs; download it, or pack a tar file"
    if isinstance(cause, io.UnsupportedOperation):
        return "it can only be read from the front, and a zip file begins at its end; download it, or pack a tar file"
    status = getattr(cause, "status", None)
    text = f"{status} {getattr(cause, 'message', '')}" if isinstance(status, int) else str(cause)
    return without_secrets(" ".join(text.split())).rstrip(".") or type(cause).__name__


def _cause(error: BaseException) -> BaseException:
    """Return what is behind a `FileNotFoundError` that a file system makes of any other error, as that for HTTP does."""
    while isinstance(error, FileNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def without_secrets(url: str) -> str:
    """Return a URL, or a text with some, without user names, passwords and what follows `?` or `#` in a web address."""
    return re.sub(r"(https?://[^\s?#'\"]*)[?#][^\s'\"]*", r"\1?…", re.sub(r"://[^/@\s]*@", "://", url))
