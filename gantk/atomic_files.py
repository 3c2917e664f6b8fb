"""Files that are there whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from gantk.errors import RunFailed

_MARK_LENGTH = 12
"""Characters that tell temporary files of one name apart."""


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name only when the block ends well.

    The content and the folder entry are on disk when the block has ended.

    Raises:
        RunFailed: The disk is full. Nothing is left behind, and an older file stays as it was.
    """
    temporary = path.with_name(f"{_temporary_stem(path)}{uuid.uuid4().hex[:_MARK_LENGTH]}")
    try:
        with open(temporary, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        _tell_full_disk(path, error)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove what a process that was killed left behind of its work on a file; nobody may be writing it."""
    remove_all_leftovers([path])


def remove_all_leftovers(paths: Iterable[Path]) -> None:
    """Remove what a process that was killed left behind of its work on files; each folder is listed once."""
    stems: dict[Path, set[str]] = {}
    for path in paths:
        stems.setdefault(path.parent, set()).add(_temporary_stem(path))
    for folder, known in stems.items():
        try:
            entries = [entry.name for entry in os.scandir(folder) if entry.name[:-_MARK_LENGTH] in known]
        except FileNotFoundError:
            continue
        for name in entries:
            (folder / name).unlink(missing_ok=True)


def _tell_full_disk(path: Path, error: OSError) -> None:
    """Raise `RunFailed` where the error is that of a full disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise RunFailed(
            f"No space is left to write {path}.", hint="Free some space, then run the same command again."
        ) from error


def _temporary_stem(path: Path) -> str:
    # File systems limit a name to 255 bytes; the suffix must fit behind a name that is already that long.
    return f".{os.fsencode(path.name)[:200].decode(errors='ignore')}.tmp-"


@contextmanager
def atomic_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Make a folder that appears under its name only when the block ends well.

    Its files and the folder entry are on disk when the block has ended. A folder that is replaced is moved away just
    before, since no system call puts one in the place of another.

    Args:
        path: The folder; the one it is in exists.
        replace: Remove what is there under the name.

    Yields:
        The temporary folder to fill, empty and beside `path`.

    Raises:
        FileExistsError: There is something under the name, and `replace` is False.
        NotADirectoryError: It is no folder.
        RunFailed: The disk is full. Nothing is left behind, and an older folder stays as it was.
    """
    stem = os.fsencode(path.name)[:200].decode(errors="ignore")
    temporary, former = (path.with_name(f".{stem}.{kind}-{uuid.uuid4().hex[:12]}") for kind in ("tmp", "old"))
    temporary.mkdir()
    try:
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                with open(Path(folder, name), "rb") as stream:
                    os.fsync(stream.fileno())
            _sync_folder(Path(folder))
        if os.path.lexists(path):
            if not replace:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            if path.is_symlink() or not path.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
            path.rename(former)
        temporary.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        _tell_full_disk(path, error)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if os.path.lexists(former) and not os.path.lexists(path):
            former.rename(path)
        shutil.rmtree(former, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step. See `atomic_file`."""
    with atomic_file(path) as stream:
        stream.write(content)


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 file in one step. See `atomic_file`."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, indented, in one step. See `atomic_file`."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:
        # A file name that is no UTF-8: JSON's escapes hold it, and Python reads them back as the same name.
        encoded = json.dumps(content, indent=2, default=str).encode("ascii")
    write_bytes(path, encoded + b"\n")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
