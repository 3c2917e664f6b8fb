"""The options that every command takes: `-p`, `-v`, `-q`."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

_FRAMEWORK_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


@dataclass
class Settings:
    """What the common options of this call say.

    Args:
        verbose: `-v`: say more, and show tracebacks.
        quiet: `-q`: no progress, warnings and errors only.
    """

    verbose: bool = False
    quiet: bool = False


def current_settings() -> Settings:
    """Return the settings of the command that is running."""
    return click.get_current_context().find_root().ensure_object(Settings)


def add_common_options(command: click.Command) -> None:
    """Let a command, or every command of a group, take the common options too, so that they may stand last."""
    if isinstance(command, click.Group):
        for member in command.commands.values():
            add_common_options(member)
        return
    taken = {flag for parameter in command.params for flag in parameter.opts}
    command.params.extend(option for option in common_options() if not taken.intersection(option.opts))


def common_options() -> list[click.Option]:
    """Return the common options; they may be given before the command and after it."""
    return [
        click.Option(
            ["-p", "--plugin"],
            multiple=True,
            metavar="PLUGIN",
            expose_value=False,
            callback=_ask_for_plugins,
            help="Load a plugin: a module, a file such as ./my_gan.py; or leave one out: no:NAME. Repeatable.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_verbose,
            help="Say more; show tracebacks.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_quiet,
            help="No progress, only warnings and errors.",
        ),
    ]


def _ask_for_plugins(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
    if value:
        from gantk.registry import configure

        configure(value)


def _verbose(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().ensure_object(Settings).verbose = True
        _show_from(logging.DEBUG)


def _quiet(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().ensure_object(Settings).quiet = True
        _show_from(logging.WARNING)


class _StderrHandler(logging.Handler):
    """Writes to the stderr of the moment, so that a progress bar can stay below the lines."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            click.echo(self.format(record), err=True)
        except Exception:
            self.handleError(record)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.levelno >= logging.WARNING:
            return f"{record.levelname.lower()}: {text}"
        return f"{record.name}: {text}" if record.levelno < logging.INFO else text


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Show what gantk logs, from INFO on, until the block ends."""
    logger = logging.getLogger("gantk")
    before = logger.level, logger.propagate
    handler = _StderrHandler(logging.INFO)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    # Frameworks put handlers of their own on the root logger, and every line would come twice.
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _show_from(level: int) -> None:
    logger = logging.getLogger("gantk")
    logger.setLevel(min(level, logging.INFO))
    for handler in logger.handlers:
        if isinstance(handler, _StderrHandler):
            handler.setLevel(level)


def hush_frameworks() -> None:
    """Keep TensorFlow's notes about the processor off stderr. Works only before it is imported."""
    os.environ.setdefault(_FRAMEWORK_LOG_LEVEL, "2")
