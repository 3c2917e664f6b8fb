"""`main`: runs a command and turns whatever it raises into a message on stderr and an exit code.

| code | meaning |
|---|---|
| 0 | done |
| 1 | the run failed, or part of a batch; or the reader of stdout went away |
| 2 | the command line is wrong |
| 3 | a defect of gantk |
| 4 | the pipeline file is invalid |
| 5 | a plugin is missing, broken, or clashes with another |
| 130 | interrupted with Ctrl-C |
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence

import click

from gantk import __version__
from gantk.cli.root import cli
from gantk.cli.settings import Settings, hush_frameworks, logging_to_stderr
from gantk.errors import GantkError, InternalError, RunFailed, UsageError

INTERRUPTED = 130
TRACEBACK = "GANTK_TRACEBACK"

_NOT_OUR_FAULT = {
    errno.EACCES: "Check the permissions.",
    errno.EPERM: "Check the permissions.",
    errno.EROFS: "Write somewhere else; this file system is read-only.",
    errno.ENOSPC: "Free some space, then run the same command again.",
    errno.EDQUOT: "Free some space, then run the same command again.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
    errno.EIO: "The disk or the network file system reported a failure.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The command and its arguments; by default those of this process.

    Returns:
        The exit code.
    """
    hush_frameworks()
    settings = Settings()
    with logging_to_stderr():
        try:
            result = cli.main(
                args=None if arguments is None else list(arguments),
                prog_name="gantk",
                standalone_mode=False,
                obj=settings,
            )
        except SystemExit as exit_:
            # Shell completion ends so, and click where the reader of stdout has gone.
            return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted", err=True)
            return INTERRUPTED
        except Exception as error:
            return _report(error, settings)
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _report(error: Exception, settings: Settings) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.ctx.get_help() if error.ctx else error.format_message(), err=True)
        return UsageError.exit_code
    if isinstance(error, click.ClickException):
        hint = ""
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f"`{error.ctx.command_path} --help` shows how it is used."
        _say(error.format_message(), hint)
        return error.exit_code
    show = os.environ.get(TRACEBACK, "") not in ("", "0")
    if isinstance(error, GantkError):
        if show:
            _echo("".join(traceback.format_exception(error)))
        _say(error.message, error.hint)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _NOT_OUR_FAULT:
        if show or settings.verbose:
            _echo("".join(traceback.format_exception(error)))
        _say(f"the system refused: {error}", _NOT_OUR_FAULT[error.errno])
        return RunFailed.exit_code
    return _report_defect(error, on_stderr=show or settings.verbose)


def _report_defect(error: Exception, *, on_stderr: bool) -> int:
    text = "".join(traceback.format_exception(error))
    where = f"-v, or {TRACEBACK}=1, shows the traceback."
    if on_stderr:
        _echo(text)
        where = "The traceback is above."
    else:
        # Where there is no place to write to, the way to see it is all that can be said.
        with contextlib.suppress(OSError):
            where = f"The traceback is in {_write_log(text)}"
    summary = "".join(traceback.format_exception_only(error)).strip()
    _say(f"an unexpected error, a defect of gantk or of a plugin.\n{summary}", f"{where}\nPlease report it.")
    return InternalError.exit_code


def _write_log(text: str) -> str:
    descriptor, path = tempfile.mkstemp(prefix="gantk-error-", suffix=".log")
    with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(f"gantk {__version__}, Python {sys.version}, {sys.platform}\n{' '.join(sys.argv)}\n\n{text}")
    return path


def _say(message: str, hint: str = "") -> None:
    _echo(f"{click.style('error:', fg='red', bold=True)} {message}")
    if hint:
        _echo(f"{click.style('hint:', bold=True)} {hint}")


def _echo(text: str) -> None:
    click.echo(text, err=True, color=False if os.environ.get("NO_COLOR") else None)
