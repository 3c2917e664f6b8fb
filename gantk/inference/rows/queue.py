"""Rows on their way from the thread that makes them to the one that writes them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from gantk.inference.picture import Picture


class WriterStopped(Exception):
    """The thread that takes the rows has ended; its own error says why."""


class RowQueue:
    """Strips of one picture, not too many. One thread puts, one iterates.

    Args:
        limit: Bytes that wait, about; a further strip waits for room.
    """

    def __init__(self, limit: int = 96 << 20) -> None:
        self._limit = limit
        self._strips: deque[Picture] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._finished = False
        self._stopped = False
        self._error: BaseException | None = None

    def put(self, strip: Picture) -> None:
        """Give a strip.

        Raises:
            WriterStopped: Nobody will take it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < self._limit or self._stopped)
            if self._stopped:
                raise WriterStopped
            self._strips.append(strip)
            self._bytes += strip.colour.nbytes
            self._changed.notify_all()

    def finish(self, error: BaseException | None = None) -> None:
        """Say that no more strips come; with an error, that those given are worth nothing."""
        with self._changed:
            self._finished, self._error = True, error
            self._changed.notify_all()

    def stop(self) -> None:
        """Say that no more strips are taken."""
        with self._changed:
            self._stopped = True
            self._strips.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Picture]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._strips or self._finished)
                if self._error is not None:
                    raise self._error
                if not self._strips:
                    return
                strip = self._strips.popleft()
                self._bytes -= strip.colour.nbytes
                self._changed.notify_all()
            yield strip
