"""Where results go. A folder is one place; whatever gives a stream for a name can be another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol

from gantk.atomic_files import atomic_file


class Destination(Protocol):
    """Takes the files of results."""

    def file(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open a result for writing; several threads may have one open each.

        Args:
            name: A POSIX path.

        Returns:
            A stream that can be sought in. The result is there, whole, when the block ends well, and not at all
            when it ends with an error.
        """
        ...


class FolderDestination:
    """Files of a folder, each written under another name beside its place and then renamed.

    Args:
        folder: The folder; it and those in it are made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """Open a result for writing. See `Destination`."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as stream:
            yield stream
