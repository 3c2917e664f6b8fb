"""`gantk completion`: the script that makes a shell complete gantk's commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell; it completes commands, files, stages, profiles and plugins.

    \b
    gantk completion bash > ~/.local/share/bash-completion/completions/gantk
    gantk completion zsh > ~/.zfunc/_gantk
    gantk completion fish > ~/.config/fish/completions/gantk.fish
    """
    from gantk.cli.root import cli

    shell_class = get_completion_class(shell)
    assert shell_class is not None
    click.echo(shell_class(cli, {}, "gantk", "_GANTK_COMPLETE").source())
