"""What the commands over many pictures have in common: the list of a dry run, the summary, the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gantk.cli.settings import current_settings
from gantk.errors import RunFailed, UsageError
from gantk.wording import counted, printable

if TYPE_CHECKING:
    from gantk.inference.job_plan import JobPlan
    from gantk.inference.recorded_job import JobSummary

FORMATS = ("png", "jpeg", "webp", "tiff", "bmp")
EPILOG = (
    "What is done is recorded in OUT/manifest.jsonl, what failed in OUT/failures.jsonl. The same command again "
    "continues: it skips what is done and unchanged. Exit code 1 where any picture failed."
)


def refuse_picture_as_output(output: Path) -> None:
    """Refuse an output that is named as a picture: results keep their inputs' names.

    Raises:
        UsageError: With the folder that was probably meant.
    """
    from gantk.inference.inputs import SUFFIXES

    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        raise UsageError(
            f"The output must be a folder; results keep their inputs' names. Received: {output}",
            hint=f"-o {output.parent if str(output.parent) != '.' else output.stem}",
        )


def print_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print what would be done with each input, a line each."""
    for row in rows:
        before, after = (f" ({row[key]:.2f} MP)" if key in row else "" for key in ("megapixels", "result_megapixels"))
        reason = f": {row['reason']}" if "reason" in row else f"{before} → {row['output']}{after}"
        # A name need not be UTF-8.
        click.echo(printable(f"{row['action']:<9} {row['input']}{reason}"))


def print_json_rows(rows: Iterable[Mapping[str, Any]], others: Mapping[str, Any]) -> None:
    """Print what would be done as a JSON object, row by row: there may be hundreds of thousands.

    Args:
        rows: The items of its `inputs`.
        others: Its other values.
    """
    click.echo('{"inputs": [', nl=False)
    for number, row in enumerate(rows):
        click.echo(f"{',' if number else ''}\n  {json.dumps(row)}", nl=False)
    click.echo(f"\n], {json.dumps(others, indent=2)[1:].strip()}")


def plan_sentence(plan: JobPlan, unreadable: int = 0) -> str:
    """Return the counts of a plan in one line; `unreadable` of its tasks turned out not to be possible."""
    return (
        f"{counted(plan.inputs, 'picture')}: {len(plan.tasks) - unreadable} to do, {len(plan.skipped)} done before, "
        f"{len(plan.failed) + unreadable} cannot be done; {counted(plan.ignored, 'other file')}"
    )


@contextmanager
def continuing() -> Iterator[None]:
    """Say at Ctrl-C how a job is continued."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("What is done stays done: the same command again continues.", err=True)
        raise


def end_of_job(summary: JobSummary, *, what: str, as_json: bool) -> None:
    """Print what a job did.

    Args:
        summary: The counts.
        what: What could not be done with those that failed: `translated`.
        as_json: Print the summary as JSON on stdout, too.

    Raises:
        RunFailed: Any picture failed.
    """
    if as_json:
        click.echo(json.dumps(summary.to_plain(), indent=2))
    if not current_settings().quiet:
        click.echo(summary.sentence(), err=True)
    if summary.failed:
        from gantk.inference.batch_job import failures_file

        raise RunFailed(
            f"{summary.failed} of {counted(summary.inputs, 'picture')} could not be {what}: "
            f"{failures_file(summary.output)} tells why.",
            hint="The others are done. --retry-failures tries the failed ones again."
            if summary.done or summary.skipped
            else "--retry-failures tries them again.",
        )
