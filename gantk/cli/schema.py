"""`gantk schema`: the JSON schema that editors check pipeline files with."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("schema")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file instead of stdout.",
)
def schema(output: Path | None) -> None:
    """Print the JSON schema of pipeline files, with the options of every plugin that is loaded.

    \b
    gantk schema -o pipeline.schema.json
    GANTK_LOAD_PLUGINS= gantk schema        only what gantk brings itself

    An editor with the YAML language server checks a file that begins with
    `# yaml-language-server: $schema=pipeline.schema.json`.
    """
    from gantk.atomic_files import write_text
    from gantk.config import json_schema
    from gantk.registry import default_registry

    text = json.dumps(json_schema(default_registry()), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)
