"""The pipeline file of a command line: its options, and reading it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gantk.cli.completions import complete_profiles, complete_settings

if TYPE_CHECKING:
    from gantk.config import Pipeline

_Command = TypeVar("_Command", bound=Callable[..., Any])


def pipeline_options(command: _Command) -> _Command:
    """Add what says which pipeline is meant: `file`, `profile` (`--profile`) and `overrides` (`--set`)."""
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        shell_complete=complete_settings,
        help="Change one value, after the profile: --set stages.train.epochs=3. VALUE is YAML. Repeatable.",
    )(command)
    command = click.option(
        "--profile",
        metavar="NAME",
        shell_complete=complete_profiles,
        help="Apply this profile of the file.",
    )(command)
    return click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))(command)


def load_pipeline_file(file: Path, profile: str | None, overrides: tuple[str, ...]) -> Pipeline:
    """Read and validate the pipeline that the options above describe.

    Raises:
        ConfigError: The file is not a valid pipeline.
        PluginError: A plugin that the file asks for is missing.
    """
    from gantk.config import load_pipeline

    return load_pipeline(file, profile=profile, overrides=overrides)
