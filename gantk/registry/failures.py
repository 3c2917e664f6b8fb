"""Keeping the failure of a plugin its own: whatever it raises becomes one `BrokenPlugin`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


class BrokenPlugin(Exception):
    """A plugin cannot be used. Never leaves the registry; its text is `PluginInfo.reason`, one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(" ".join(reason.split()))

    @property
    def reason(self) -> str:
        """Why, in one line."""
        return str(self)

    @property
    def origin(self) -> str:
        """The traceback of what the plugin raised; empty where it raised nothing."""
        return "".join(traceback.format_exception(self.__cause__)) if self.__cause__ is not None else ""


@contextmanager
def isolated(doing: str = "") -> Iterator[None]:
    """Run a plugin's code: whatever it raises, `sys.exit()` included, becomes a `BrokenPlugin`.

    What the code prints goes to stderr, since stdout belongs to the command's own result. Ctrl-C passes.

    Args:
        doing: What was being done, to open the reason with.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (BrokenPlugin, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise BrokenPlugin(f"{doing}: {describe(error)}" if doing else describe(error)) from error


def describe(error: BaseException) -> str:
    """Return `ValueError: the message`, in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
