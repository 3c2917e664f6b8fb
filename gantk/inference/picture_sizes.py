"""The sizes of pictures by their headers, found out ahead of the work so that what is left can be told in pixels."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gantk.inference.content import Content
from gantk.inference.inputs import PictureInput
from gantk.inference.job_plan import Task
from gantk.inference.picture import BadPicture
from gantk.inference.rows.reading import Outline, outline_of

_BEGINNING = 1 << 16


def header_of(picture: PictureInput, *, max_pixels: int, folder: Path | None = None) -> tuple[Outline, Content]:
    """Read the header of an input: of a file nothing but that, of an archive the whole member.

    Of what lies behind a URL the beginning is read, and the rest only where that does not tell.

    Args:
        picture: The input.
        max_pixels: A picture of more fails.
        folder: Takes the content of a large one that lies in an archive or behind a URL, in a file without a name;
            without a folder it is held in memory.

    Returns:
        The header, and the file, without its checksum; empty where no more than the beginning was read.

    Raises:
        BadPicture: It is empty, no picture, or has more pixels than the limit.
        OSError: It cannot be read.
    """
    if picture.path is not None:
        content = Content("", picture.path.stat().st_size, path=picture.path)
    else:
        if picture.beginning is not None:
            beginning = picture.beginning(_BEGINNING)
            with suppress(BadPicture):
                content = Content("", len(beginning), held=beginning)
                outline = outline_of(content, max_pixels=max_pixels)
                return outline, content if len(beginning) < _BEGINNING else Content("", 0)
        read = picture.read() if folder is None or picture.spool is None else picture.spool(folder)
        if isinstance(read, bytes):
            content = Content("", len(read), held=read)
        else:
            content = Content("", os.fstat(read.fileno()).st_size, file=read)
    return outline_of(content, max_pixels=max_pixels), content


class SizeSurvey:
    """Reads the headers of the files that are ahead, in a thread of its own.

    What lies in archives is not looked at, since it would be read twice. A file that cannot be read counts as known and
    as nothing, since nothing will be done for it.

    Args:
        tasks: In the order in which they are done.
        max_pixels: Pictures of more will fail.
    """

    def __init__(self, tasks: Sequence[Task], *, max_pixels: int) -> None:
        self._tasks = tasks
        self._max_pixels = max_pixels
        self._ahead: dict[int, int] = {}
        self._ended: set[int] = set()
        self._seen = self._seen_pixels = self._pixels_ahead = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="gantk-sizes", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more, and wait until the thread has ended."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def found(self, task: Task, pixels: int) -> None:
        """Note the size of a picture that is not ended yet."""
        with self._lock:
            if id(task) not in self._ended and id(task) not in self._ahead:
                self._ahead[id(task)] = pixels
                self._pixels_ahead += pixels
                self._seen += 1
                self._seen_pixels += pixels

    def ended(self, task: Task) -> None:
        """Note that a picture is no longer ahead."""
        with self._lock:
            self._ended.add(id(task))
            self._pixels_ahead -= self._ahead.pop(id(task), 0)

    def left(self) -> tuple[float | None, bool]:
        """Return the pixels of all pictures that have not ended, and whether each of them is known.

        Pictures whose size is not known count as the mean of those seen; None where none has been seen.
        """
        with self._lock:
            unknown = len(self._tasks) - len(self._ended) - len(self._ahead)
            if unknown and not self._seen:
                return None, False
            return self._pixels_ahead + (unknown * self._seen_pixels / self._seen if unknown else 0), not unknown

    def _look(self) -> None:
        for task in self._tasks:
            if self._stopped.is_set():
                return
            if task.picture.path is None or id(task) in self._ended or id(task) in self._ahead:
                continue
            pixels = 0
            with suppress(BadPicture, OSError, MemoryError):
                pixels = header_of(task.picture, max_pixels=self._max_pixels)[0].pixels
            self.found(task, pixels)
