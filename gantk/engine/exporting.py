"""Whether a network is being written down for another runtime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_exporting: ContextVar[bool] = ContextVar("gantk_exporting", default=False)


def exporting() -> bool:
    """Say whether the network that is being called is written down for another runtime.

    A layer that has several algorithms for one result, or operations of one framework that are faster than the
    plain ones, asks this in its `call` and then takes the plain operations of its definition: what is fast
    here and now would only be hard to read, or slow, for a runtime on another machine. The result must be the same.

    Example:
        ```python
        def call(self, images):
            if gantk.exporting():
                return ops.conv(images, self.kernel)
            return convolve_fast(images, self.kernel)
        ```
    """
    return _exporting.get()


@contextmanager
def exporting_networks() -> Iterator[None]:
    """While the block runs, `exporting()` is true."""
    token = _exporting.set(True)
    try:
        yield
    finally:
        _exporting.reset(token)
