"""`gantk pipeline`: run, check and show pipelines."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gantk.cli.completions import complete_stages
from gantk.cli.lazy_group import LazyGroup
from gantk.cli.pipeline_file import load_pipeline_file, pipeline_options
from gantk.cli.settings import current_settings
from gantk.cli.tables import print_table
from gantk.wording import counted

logger = logging.getLogger("gantk.cli")

_Command = TypeVar("_Command", bound=Callable[..., Any])

pipeline = LazyGroup(
    name="pipeline",
    lazy_commands={
        "run": ("gantk.cli.pipeline:run", "Run a pipeline, or what is left of it."),
        "validate": ("gantk.cli.pipeline:validate", "Check a pipeline file; every error at once."),
        "plan": ("gantk.cli.pipeline:plan", "Show what a run would do, and why."),
        "show": ("gantk.cli.pipeline:show", "Print the pipeline with every default filled in."),
    },
    help="""Run, check and show pipelines.

    A pipeline is a YAML file of stages, which run in file order, and of profiles, which are named changes to it.
    `gantk schema` prints what may stand in it and `gantk plugins list` the names there are.""",
)


def _run_options(command: _Command) -> _Command:
    """Add what says which part of the pipeline is run, and where."""
    command = click.option(
        "--until", "last", metavar="STAGE", shell_complete=complete_stages, help="Stop after this stage."
    )(command)
    command = click.option(
        "--from",
        "first",
        metavar="STAGE",
        shell_complete=complete_stages,
        help="Run this stage and all after it anew, even if nothing has changed.",
    )(command)
    command = click.option("--resume", is_flag=True, help="Continue a run that was stopped, where it stopped.")(command)
    return click.option(
        "--run-dir",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Where everything goes.  [default: runs/NAME, or runs/NAME-PROFILE]",
    )(command)


@click.command("run")
@pipeline_options
@_run_options
def run(
    file: Path,
    profile: str | None,
    overrides: tuple[str, ...],
    run_dir: Path | None,
    resume: bool,
    first: str | None,
    last: str | None,
) -> None:
    """Run the stages of the pipeline FILE, in order.

    A stage that has run before is skipped while its options and what it reads are unchanged, so the same
    command again does only what is left to do. The run directory's path is printed on stdout, everything else
    on stderr.

    \b
    Examples:
      gantk pipeline run pipelines/horse2zebra.yaml
      gantk pipeline run pipelines/horse2zebra.yaml --profile paper --run-dir /data/h2z
      gantk pipeline run pipelines/horse2zebra.yaml --set stages.train.epochs=3 --until train
      gantk pipeline run pipelines/horse2zebra.yaml --resume            after Ctrl-C or a crash
      gantk pipeline run pipelines/horse2zebra.yaml --from evaluate     evaluate and report anew
      gantk pipeline run my.yaml -p ./my_gan.py                         with a plugin from a file
    """
    loaded = load_pipeline_file(file, profile, overrides)
    from gantk.pipeline.runner import run_pipeline

    result = run_pipeline(
        loaded, run_dir=run_dir, resume=resume, first=first, last=last, progress=not current_settings().quiet
    )
    click.echo(result.run_dir)


@click.command("validate")
@pipeline_options
def validate(file: Path, profile: str | None, overrides: tuple[str, ...]) -> None:
    """Check the pipeline FILE without running anything; every error is shown at once, with its line.

    What is valid but hardly meant is a warning: a learning rate that is zero long before the end.

    \b
    Examples:
      gantk pipeline validate my.yaml
      gantk pipeline validate my.yaml --profile paper --set seed=1
    """
    loaded = load_pipeline_file(file, profile, overrides)
    from gantk.config import cautions

    for caution in cautions(loaded):
        logger.warning("%s", caution)
    click.echo(f"{file}: valid, {counted(len(loaded.stages), 'stage')}: {', '.join(loaded.stages)}")


@click.command("plan")
@pipeline_options
@_run_options
@click.option(
    "--estimate",
    is_flag=True,
    help="List the data, build the model and try some steps: counts, time, memory and disk. Takes about a minute.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a stage.")
def plan(
    file: Path,
    profile: str | None,
    overrides: tuple[str, ...],
    run_dir: Path | None,
    resume: bool,
    first: str | None,
    last: str | None,
    estimate: bool,
    as_json: bool,
) -> None:
    """Show what `gantk pipeline run` with the same options would do to every stage, and why.

    Where the stages have run before in the run directory, it also shows how long they will take (hours:minutes).
    With --estimate a little of the work is done to find that out, and what memory and disk it needs.

    \b
    Examples:
      gantk pipeline plan my.yaml
      gantk pipeline plan my.yaml --estimate
      gantk pipeline plan my.yaml --from train --json
    """
    loaded = load_pipeline_file(file, profile, overrides)
    from gantk.pipeline.estimate import earlier_times, estimate_stages, hours_and_minutes
    from gantk.pipeline.plan import default_run_directory, plan_pipeline

    stages = plan_pipeline(loaded, run_dir=run_dir, resume=resume, first=first, last=last)
    folder = run_dir or default_run_directory(loaded)
    reasons: dict[str, str] = {}
    if estimate:
        logger.info("estimating: listing the data, building the model and trying some steps")
        estimates, reasons = estimate_stages(loaded, stages, folder)
    else:
        estimates = earlier_times(loaded, stages, folder)
    for name, reason in reasons.items():
        logger.warning("%s cannot be estimated: %s", name, reason)
    if as_json:
        fields = ("name", "type", "action", "reason")
        objects = [{key: getattr(stage, key) for key in fields} for stage in stages]
        for planned in objects:
            if known := estimates.get(planned["name"]):
                planned["estimate"] = {"seconds": known.seconds, "how": known.how, **known.facts}
        click.echo(json.dumps(objects, indent=2))
        return
    if not estimates:
        print_table(
            ("stage", "type", "action", "reason"),
            [(stage.name, stage.type, stage.action, stage.reason) for stage in stages],
        )
        return
    rows = []
    for stage in stages:
        found = estimates.get(stage.name)
        about = hours_and_minutes(found.seconds) if found else ""
        rows.append((stage.name, stage.type, stage.action, about, stage.reason))
    print_table(("stage", "type", "action", "time", "reason"), rows)
    for name, known in estimates.items():
        for line in known.lines:
            click.echo(f"{name}: {line}")


@click.command("show")
@pipeline_options
def show(file: Path, profile: str | None, overrides: tuple[str, ...]) -> None:
    """Print the pipeline FILE as it would run: profile and --set applied, every default filled in.

    The output is a pipeline file itself.

    \b
    Examples:
      gantk pipeline show my.yaml --profile paper
      gantk pipeline show my.yaml --set stages.train.epochs=3 > exact.yaml
    """
    loaded = load_pipeline_file(file, profile, overrides)
    from gantk.config import resolved_yaml

    click.echo(resolved_yaml(loaded), nl=False)
