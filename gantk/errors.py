"""Every error a user can meet, with the exit code the command line ends with.

| code | class | meaning |
|---|---|---|
| 1 | `RunFailed` | the run started and could not finish, or part of a batch failed |
| 2 | `UsageError` | the command line itself is wrong |
| 3 | `InternalError` | a defect of gantk; the message asks for a report |
| 4 | `ConfigError` | the pipeline file is invalid |
| 5 | `PluginError` | a plugin is missing, broken, or clashes with another |
| 130 | | interrupted with Ctrl-C |

A message says where, what was expected, what was received and what to do next.
"""

from __future__ import annotations


class GantkError(Exception):
    """Base class of every error that gantk raises on purpose.

    Args:
        message: What went wrong, in one or more lines, ending with what was received.
        hint: What to do next, in one sentence. Printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class RunFailed(GantkError):
    """The run started and could not finish, or some inputs of a batch failed (exit code 1)."""

    exit_code = 1


class UsageError(GantkError):
    """The command line is wrong: an unknown option, a missing file (exit code 2)."""

    exit_code = 2


class InternalError(GantkError):
    """A defect of gantk itself (exit code 3)."""

    exit_code = 3


class ConfigError(GantkError):
    """The pipeline file is invalid (exit code 4)."""

    exit_code = 4


class PluginError(GantkError):
    """A plugin is missing, broken, or clashes with another (exit code 5)."""

    exit_code = 5
