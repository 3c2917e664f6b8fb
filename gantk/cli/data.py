"""`gantk data`: prepare data sets and look at prepared ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gantk.cli.lazy_group import LazyGroup
from gantk.cli.pipeline_file import load_pipeline_file, pipeline_options
from gantk.cli.settings import current_settings
from gantk.cli.tables import print_table
from gantk.errors import ConfigError, RunFailed, UsageError
from gantk.wording import counted

if TYPE_CHECKING:
    from gantk.config import Pipeline
    from gantk.data import PreparationOptions, PreparedDataset

data = LazyGroup(
    name="data",
    lazy_commands={
        "prepare": ("gantk.cli.data:prepare", "Prepare the data of a pipeline, and nothing else."),
        "inspect": ("gantk.cli.data:inspect", "Show what a prepared data set holds."),
    },
    help="""Prepare data sets and inspect prepared ones.

    A prepared data set is a folder of shards with a manifest: pictures decoded, checked, transformed and stored
    once, in an order that reads fast. A pipeline's `prepare` stage makes one in its run directory.""",
)


@click.command("prepare")
@pipeline_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The data set's folder; what is already done there is not done again.",
)
def prepare(file: Path, profile: str | None, overrides: tuple[str, ...], output: Path) -> None:
    """Run the preparation of the pipeline FILE into a folder of its own. The folder is printed on stdout.

    \b
    Examples:
      gantk data prepare pipelines/horse2zebra.yaml -o /data/horse2zebra
      gantk data prepare my.yaml -o out --set stages.prepare.workers=4
    """
    loaded = load_pipeline_file(file, profile, overrides)
    options = _preparation_of(loaded, file)
    from gantk.data import prepare_with_options

    result = prepare_with_options(options, directory=output, seed=loaded.seed, progress=not current_settings().quiet)
    total = sum(count for domains in result.counts.values() for count in domains.values())
    click.echo(
        f"{counted(total, 'sample')}, {result.rejected} rejected; {result.units - result.skipped_units} of "
        f"{counted(result.units, 'unit')} run, the others unchanged; {result.seconds:.1f} s",
        err=True,
    )
    click.echo(result.directory)


def _preparation_of(pipeline: Pipeline, file: Path) -> PreparationOptions:
    from gantk.data.options import PreparationOptions

    for stage in pipeline.stages.values():
        if isinstance(stage.options, PreparationOptions):
            return stage.options
    raise ConfigError(
        f"{file}: a stage of type 'prepare' is needed. Received: the stages {', '.join(pipeline.stages)}",
        hint="`gantk plugins show prepare` lists its options.",
    )


@click.command("inspect")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@click.option("--verify", is_flag=True, help="Read every shard and compare its SHA-256 with the manifest's.")
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PNG",
    help="Write a contact sheet of the first pictures.",
)
def inspect(directory: Path, as_json: bool, verify: bool, sheet: Path | None) -> None:
    """Show what the prepared data set in DIRECTORY holds: counts, classes, sizes, moments, rejects.

    DIRECTORY is the data set's own folder, or the run directory that it is in.

    \b
    Examples:
      gantk data inspect runs/horse2zebra
      gantk data inspect /data/horse2zebra --verify --sheet sheet.png
    """
    from gantk.data import PreparedDataset

    dataset = PreparedDataset.open(_dataset_folder(directory))
    if as_json:
        click.echo(json.dumps(dataset.manifest, indent=2, ensure_ascii=False))
    else:
        _print_dataset(dataset)
    if sheet is not None:
        from gantk.data.inspection import write_contact_sheet

        click.echo(f"{counted(write_contact_sheet(dataset, sheet), 'picture')} on {sheet}", err=True)
    if verify:
        _verify(dataset)


def _dataset_folder(directory: Path) -> Path:
    """Return the folder of the data set in a folder: the folder itself, or the stage's folder of a run directory."""
    from gantk.data.manifest import MANIFEST

    if (directory / MANIFEST).exists():
        return directory
    found = sorted(manifest.parent for manifest in directory.glob(f"*/{MANIFEST}"))
    if len(found) > 1:
        raise UsageError(
            f"DIRECTORY must hold one prepared data set. Received: {directory}, which holds {len(found)}",
            hint=f"Name one of them: {', '.join(map(str, found))}.",
        )
    if not found:
        return directory
    click.echo(f"{directory} is a run directory; its data is in {found[0]}", err=True)
    return found[0]


def _print_dataset(dataset: PreparedDataset) -> None:
    from gantk.data.inspection import class_lines, field_rows

    manifest = dataset.manifest
    click.echo(
        f"{dataset.directory}: {dataset.layout} data from {manifest['source']['type']}, "
        f"{counted(manifest['inputs'], 'input')}, {counted(manifest['samples'], 'sample')}, "
        f"{manifest['rejected']} rejected, digest {dataset.digest}"
    )
    patches = manifest.get("patches") or {}
    for split, domains in manifest["splits"].items():
        for domain, part in domains.items():
            if "pictures" in part:
                click.echo(
                    f"{split} {domain}: {counted(part['pictures'], 'picture')} cut into "
                    f"{counted(part['count'], 'sample')} of {patches['size']} × {patches['size']}, "
                    f"stride {patches['stride'] or patches['size']}; {part['left_out']} left out for want of detail"
                )
    for field, transforms in (manifest.get("derive") or {}).items():
        steps = " → ".join(("patch" if patches else "picture", *(transform["type"] for transform in transforms)))
        click.echo(f"field {field} is derived: {steps}")
    for line in class_lines(dataset):
        click.echo(line)
    if dataset.resolutions:
        sides = ", ".join(f"{side}²" for side in dataset.resolutions)
        click.echo(f"every picture at {counted(len(dataset.resolutions), 'resolution')}: {sides}")
    print_table(
        ("split", "domain", "field", "samples", "rejected", "size", "encoding", "MB", "mean", "deviation"),
        [
            (
                row.split,
                row.domain,
                row.field,
                str(row.samples),
                str(row.rejected),
                row.size,
                row.encoding,
                f"{row.bytes / 1e6:.1f}",
                ", ".join(f"{value:.1f}" for value in row.mean),
                ", ".join(f"{value:.1f}" for value in row.standard_deviation),
            )
            for row in field_rows(dataset)
        ],
    )
    for stage, count in manifest["reject_stages"].items():
        click.echo(f"rejected at {stage}: {count} (see {dataset.directory / 'rejects.jsonl'})")


def _verify(dataset: PreparedDataset) -> None:
    damaged = list(dataset.damaged_shards())
    if damaged:
        named = "\n".join(f"  {name}: {reason}" for name, reason in damaged[:5])
        raise RunFailed(
            f"{dataset.directory}: every shard must be as the manifest says. "
            f"Received: {len(damaged)} damaged:\n{named}",
            hint="Delete these shards and run the preparation again; only their units are done anew.",
        )
    click.echo("every shard is as the manifest says", err=True)
