"""`gantk generate`: pictures that a trained model makes of chance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gantk.cli.completions import complete_labels
from gantk.cli.picture_jobs import FORMATS, continuing, refuse_picture_as_output
from gantk.cli.settings import current_settings
from gantk.errors import RunFailed, UsageError
from gantk.wording import counted

if TYPE_CHECKING:
    from gantk.inference.generation import BundleSampler, PictureSeries

_FORMS = ("--grid", "--interpolate", "--arithmetic", "--format npz")


@click.command(
    epilog="What is made is recorded in OUT/manifest.jsonl with seed, number and label, what failed in OUT/failures.jsonl. The "
    "same command again continues: it skips what is there. Exit code 1 where any picture failed."
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-n", "--count", type=click.IntRange(min=1), metavar="N", help="How many pictures.  [default: 64]")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Decides the pictures: those of a seed are numbered, and number 12 is always the same, however many are made.",
)
@click.option(
    "--first",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Number of the first picture.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="Output folder; or a file, of --grid, --interpolate, --arithmetic and npz.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice((*FORMATS, "npz")),
    help="Of the files; npz: one file of arrays, images, latents and labels.  [default: png]",
)
@click.option(
    "--quality", type=click.IntRange(1, 100), default=95, show_default=True, metavar="N", help="Of JPEG and WebP."
)
@click.option(
    "--labels",
    metavar="LABELS",
    shell_complete=complete_labels,
    help="Of a model with labels, the pictures' in turn: 3, or 0,1,2, or cat,dog, or all.  [default: all]",
)
@click.option(
    "--truncation",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="Take only latent numbers of at most this magnitude: less variety for better pictures (Brock 2019).",
)
@click.option("--grid", is_flag=True, help="One sheet of all pictures; with several labels a row for each.")
@click.option("--columns", type=click.IntRange(min=1), metavar="N", help="Pictures in a row of --grid.")
@click.option(
    "--interpolate",
    type=click.IntRange(min=2),
    metavar="K",
    help="An animated WebP that goes through K pictures and back to the first.",
)
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="From one picture to the next.  [default: 24]")
@click.option(
    "--duration", type=click.IntRange(min=1), metavar="MS", help="Of a frame, in milliseconds.  [default: 50]"
)
@click.option(
    "--loop", type=click.IntRange(min=0), metavar="N", help="How often it is played.  [default: 0, without end]"
)
@click.option(
    "--arithmetic",
    metavar="SUM",
    help='Reckon with latent vectors, by the numbers of pictures: "12 - 3 + 7", "mean(1,2,3) - 4".',
)
@click.option("--direction", metavar="NAME", help="Of a model that has several.  [default: sample, or the only one]")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pictures that the network makes at once.  [default: by their size, 64 at most]",
)
@click.option("--overwrite", is_flag=True, help="Make everything again, and replace what is there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON on stdout.")
def generate(
    model: Path,
    count: int | None,
    seed: int,
    first: int,
    output: Path,
    form: str | None,
    quality: int,
    labels: str | None,
    truncation: float | None,
    grid: bool,
    columns: int | None,
    interpolate: int | None,
    frames: int | None,
    duration: int | None,
    loop: int | None,
    arithmetic: str | None,
    direction: str | None,
    batch_size: int | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Make pictures with a model that was trained to make them of nothing but chance.

    MODEL is a model.gantk file or the run directory that holds one. The same seed gives the same pictures, byte for byte on
    one machine.

    \b
    gantk generate runs/digits -n 1000 -o digits
    gantk generate runs/digits -n 100 --grid -o digits.png
    gantk generate model.gantk -n 50000 --format npz -o samples.npz --labels 3
    gantk generate model.gantk --interpolate 8 -o walk.webp
    gantk generate model.gantk --arithmetic "mean(1,2,3) - 4 + 7" -o sum.png
    """
    from gantk.artifacts import load_bundle
    from gantk.inference.generation import BundleSampler, PictureSeries, chosen_labels

    given = {"--grid": grid, "--interpolate": interpolate, "--arithmetic": arithmetic, "--format npz": form == "npz"}
    kind = _kind([name for name in _FORMS if given[name]])
    _refuse_what_has_no_effect(
        kind,
        {
            "--count": (count, ("", "--grid", "--format npz")),
            "--columns": (columns, ("--grid",)),
            "--frames": (frames, ("--interpolate",)),
            "--duration": (duration, ("--interpolate",)),
            "--loop": (loop, ("--interpolate",)),
            "--first": (first or None, ("", "--grid", "--format npz", "--interpolate")),
            "--format": (form, ("", "--format npz")),
        },
    )
    bundle = load_bundle(model)
    # What is wrong shows before the framework is loaded, which takes seconds.
    sampler = BundleSampler(bundle, direction, truncation=truncation, batch_size=batch_size)
    bundle.component(sampler.direction)
    series = PictureSeries(interpolate or count or 64, seed, first, chosen_labels(labels, sampler.classes))
    job = _Job(sampler, series, output, overwrite, quality)
    if kind == "--grid":
        facts = _grid(job, columns)
    elif kind == "--interpolate":
        facts = _interpolation(job, frames or 24, duration or 50, loop or 0)
    elif kind == "--arithmetic":
        facts = _arithmetic(job, str(arithmetic))
    elif kind == "--format npz":
        facts = _arrays(job)
    else:
        facts = _folder(job, form or "png")
    _tell({**facts, "seed": seed, **sampler.settings}, as_json)


@dataclass(frozen=True)
class _Job:
    sampler: BundleSampler
    series: PictureSeries
    output: Path
    overwrite: bool
    quality: int

    def file(self, name: str, suffixes: tuple[str, ...]) -> Path:
        from gantk.inference.generation.output_file import output_file

        return output_file(self.output, name=name, suffixes=suffixes, overwrite=self.overwrite)


def _kind(chosen: list[str]) -> str:
    if len(chosen) > 1:
        raise UsageError(f"Only one of {', '.join(_FORMS)} can be made at once. Received: {' and '.join(chosen)}")
    return chosen[0] if chosen else ""


def _refuse_what_has_no_effect(kind: str, options: dict[str, tuple[Any, tuple[str, ...]]]) -> None:
    for name, (value, kinds) in options.items():
        if value is not None and kind not in kinds:
            named = " and ".join(known or "files" for known in kinds)
            raise UsageError(f"{name} is for {named}. Received: {name} {value}" + (f" beside {kind}" if kind else ""))


def _start() -> None:
    """Load the framework; with it, the same command gives the same bytes."""
    from gantk.engine.backend import choose_backend

    choose_backend(deterministic=True)


def _folder(job: _Job, form: str) -> dict[str, Any]:
    from gantk.inference.generation import plan_folder, run_folder

    if job.output.suffix.lower() == ".npz" and not job.output.is_dir():
        raise UsageError(
            f"The output must be a folder. Received: {job.output}", hint="--format npz writes such a file."
        )
    refuse_picture_as_output(job.output)
    plan = plan_folder(job.sampler, job.series, job.output, format=form, quality=job.quality, overwrite=job.overwrite)
    if plan.numbers:
        _start()
    with continuing():
        summary = run_folder(plan, job.sampler, job.series, progress=not current_settings().quiet)
    return {**summary.to_plain(), "first": job.series.first, "sentence": summary.sentence()}


def _grid(job: _Job, columns: int | None) -> dict[str, Any]:
    from gantk.inference.generation.sheet import SUFFIXES, check_sheet, labels_of_rows, sheet_rows, write_sheet

    rows = sheet_rows(job.series, columns)
    check_sheet(rows, job.sampler.shape)
    path = job.file("grid.png", tuple(SUFFIXES))
    _start()
    write_sheet(path, job.sampler, job.series, columns=columns, quality=job.quality)
    names = labels_of_rows(rows, job.series, job.sampler.classes)
    sentence = f"{counted(job.series.count, 'picture')} in {counted(len(rows), 'row')}"
    return {
        "path": str(path),
        "rows": rows,
        "labels": names,
        "sentence": f"{sentence}, of the labels {', '.join(names)}" if names else sentence,
    }


def _interpolation(job: _Job, frames: int, duration: int, loop: int) -> dict[str, Any]:
    from gantk.inference.generation.animation import SUFFIX, check_animation, write_animation

    check_animation(job.sampler.shape, job.series, frames)
    path = job.file("interpolation.webp", (SUFFIX,))
    _start()
    with _progress(job.series.count * frames) as advance:
        made = write_animation(
            path,
            job.sampler,
            job.series,
            frames=frames,
            duration=duration,
            loop=loop,
            quality=job.quality,
            progress=advance,
        )
    return {
        "path": str(path),
        "frames": made,
        "milliseconds": made * duration,
        "sentence": f"{made} frames through {counted(job.series.count, 'picture')}",
    }


def _arithmetic(job: _Job, expression: str) -> dict[str, Any]:
    from gantk.inference.generation.arithmetic import arithmetic_sheet, parsed_expression
    from gantk.inference.generation.sheet import SUFFIXES, check_channels, write_picture

    terms = parsed_expression(expression)
    check_channels(job.sampler.shape)
    chosen = set(job.series.labels or ())
    label = chosen.pop() if len(chosen) == 1 else None
    if job.sampler.classes and label is None:
        raise UsageError(
            "--arithmetic of a model with labels needs one label for all pictures. Received: none, or several",
            hint=f"--labels {job.sampler.classes[0]}",
        )
    path = job.file("arithmetic.png", tuple(SUFFIXES))
    _start()
    write_picture(path, arithmetic_sheet(job.sampler, terms, seed=job.series.seed, label=label), quality=job.quality)
    return {"path": str(path), "expression": expression, "sentence": f"the result of {expression} stands last"}


def _arrays(job: _Job) -> dict[str, Any]:
    from gantk.inference.generation.arrays import write_arrays

    path = job.file("samples.npz", (".npz",))
    _start()
    with _progress(job.series.count) as advance:
        write_arrays(path, job.sampler, job.series, advance)
    return {"path": str(path), "first": job.series.first, "sentence": counted(job.series.count, "picture")}


def _progress(total: int) -> Any:
    from gantk.inference.job_progress import shown_progress

    return shown_progress(total, show=not current_settings().quiet)


def _tell(facts: dict[str, Any], as_json: bool) -> None:
    """Print what was made.

    Raises:
        RunFailed: Any picture failed.
    """
    sentence = facts.pop("sentence")
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    if not current_settings().quiet:
        click.echo(sentence, err=True)
    if not as_json:
        click.echo(facts.get("path", facts.get("output")))
    if facts.get("failed"):
        raise RunFailed(
            f"{facts['failed']} of {counted(facts['count'], 'picture')} could not be made: "
            f"{Path(facts['output'], 'failures.jsonl')} tells why.",
            hint="The others are done. The same command tries the failed ones again.",
        )
