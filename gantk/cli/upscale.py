"""`gantk upscale`: pictures enlarged by a trained model, however many and however large."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gantk.cli.completions import complete_runners
from gantk.cli.picture_jobs import (
    EPILOG,
    FORMATS,
    continuing,
    end_of_job,
    plan_sentence,
    print_json_rows,
    print_rows,
    refuse_picture_as_output,
)
from gantk.cli.settings import current_settings
from gantk.errors import GantkError, UsageError

if TYPE_CHECKING:
    from gantk.artifacts import Bundle
    from gantk.engine.precision import Precision
    from gantk.inference.recorded_job import JobSummary
    from gantk.inference.upscaling_options import UpscalingOptions


@click.command(epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="Output folder; or an archive named .zip, .tar, .tar.gz or .tgz, which receives the results.",
)
@click.option("--direction", metavar="NAME", help="Of a model that has several.  [default: AtoB, or the only one]")
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="Of the results; other than the model's, its result is resized.  [default: the model's]",
)
@click.option(
    "--tile",
    type=click.IntRange(min=1),
    metavar="N",
    help="Largest side of a tile, in pixels of the input.  [default: what the memory suggests]",
)
@click.option(
    "--halo",
    type=click.IntRange(min=0),
    metavar="N",
    help="Margin of a tile that is computed and thrown away; with less than the model needs, the borders of tiles may "
    "show.  [default: what the model needs]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Tiles that the network is given at once.  [default: what the memory suggests]",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Format of the results.  [default: each file's own]")
@click.option("--suffix", default="", metavar="TEXT", help="Behind the names of the results: _x4.")
@click.option(
    "--quality", type=click.IntRange(1, 100), default=95, show_default=True, metavar="N", help="Of JPEG and WebP."
)
@click.option(
    "--png-level",
    type=click.IntRange(0, 9),
    default=1,
    show_default=True,
    metavar="N",
    help="Effort of PNG's compression; 9 is ten times slower than 1 and gives little smaller files.",
)
@click.option(
    "--precision",
    type=click.Choice(("float32", "bfloat16", "float16")),
    default="float32",
    show_default=True,
    help="Arithmetic of the network; tiles whose result is not finite are run again in float32.",
)
@click.option(
    "--max-pixels", type=click.IntRange(min=1), metavar="N", help="A picture of more pixels fails.  [default: 2³⁰]"
)
@click.option("--overwrite", is_flag=True, help="Do everything again, and replace files that no job has written.")
@click.option("--retry-failures", is_flag=True, help="Try again what failed before.")
@click.option(
    "--dry-run", is_flag=True, help="Only list what would be done, and the time it would take by trying some tiles."
)
@click.option(
    "--report", is_flag=True, help="Write a page with parts of the pictures before and after: OUT/report.html."
)
@click.option(
    "--runner",
    metavar="NAME",
    shell_complete=complete_runners,
    help="Spread the pictures over the workers of an Apache Beam runner: FnApiRunner (processes on this machine, or worker pools), "
    "DaskRunner, FlinkRunner, …",
)
@click.option(
    "--runner-option",
    "runner_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the runner: direct_num_workers=4. VALUE is YAML. Repeatable.",
)
@click.option(
    "--stall-seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="With --runner: end the job when no worker has finished a tile for so long.  [default: 1800]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary, or the list, as JSON on stdout.")
def upscale(
    model: Path,
    inputs: tuple[str, ...],
    output: Path,
    direction: str | None,
    scale: float | None,
    tile: int | None,
    halo: int | None,
    batch_size: int | None,
    form: str | None,
    suffix: str,
    quality: int,
    png_level: int,
    precision: Precision,
    max_pixels: int | None,
    overwrite: bool,
    retry_failures: bool,
    dry_run: bool,
    report: bool,
    runner: str | None,
    runner_options: tuple[str, ...],
    stall_seconds: float | None,
    as_json: bool,
) -> None:
    """Enlarge pictures with a trained model for super-resolution.

    MODEL is a model.gantk file or the run directory that holds one. INPUT is a file, a folder (taken with its
    tree), a pattern, a zip or tar archive, or a URL of any of these (https://, s3://, …). Pictures of any size and
    kind keep their names, format, bit depth, transparency, colour profile, EXIF data and resolution; grey stays grey.
    Large ones are read, enlarged and written in strips.

    \b
    gantk upscale runs/superres photos -o enlarged
    gantk upscale model.gantk scans.zip "more/**/*.jpg" -o enlarged.zip --format webp --suffix _x4
    """
    from gantk.artifacts import load_bundle
    from gantk.inference.upscaling_options import MAX_PIXELS, UpscalingOptions

    refuse_picture_as_output(output)
    if runner_options and runner is None:
        raise UsageError("--runner-option is for --runner. Received: no --runner")
    if stall_seconds is not None and runner is None:
        raise UsageError("--stall-seconds is for --runner. Received: no --runner")
    bundle = load_bundle(model)
    options = UpscalingOptions(
        direction, scale, tile, halo, batch_size, form, suffix, quality, png_level, precision, max_pixels or MAX_PIXELS
    )
    # A missing plugin and an unknown direction show before the framework is loaded, which takes seconds.
    bundle.component(bundle.picture_direction(direction))
    if runner is None or dry_run:
        # A runner's workers load it in processes of their own.
        from gantk.engine.backend import choose_backend

        choose_backend()
    if dry_run:
        _print_forecast(bundle, inputs, output, options, overwrite, retry_failures, as_json)
        return
    with continuing():
        summary = _run(
            bundle, inputs, output, options, overwrite, retry_failures, runner, runner_options, stall_seconds
        )
    try:
        end_of_job(summary, what="enlarged", as_json=as_json)
    finally:
        if report:
            _try_page(bundle, inputs, output, options, summary)


def _run(
    bundle: Bundle,
    inputs: tuple[str, ...],
    output: Path,
    options: UpscalingOptions,
    overwrite: bool,
    retry_failures: bool,
    runner: str | None,
    runner_options: tuple[str, ...],
    stall_seconds: float | None,
) -> JobSummary:
    chosen: dict[str, Any] = {
        "overwrite": overwrite,
        "retry_failures": retry_failures,
        "progress": not current_settings().quiet,
    }
    if runner is None:
        from gantk.inference.upscaling import upscale as run

        how = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
        return run(bundle, inputs, output, **how, **chosen)
    from gantk.artifacts.foreign import parse_options
    from gantk.inference.distributed import upscale_with_beam

    given = parse_options(runner_options, flag="--runner-option", example="direct_num_workers=4")
    if stall_seconds is not None:
        chosen["stall_seconds"] = stall_seconds
    return upscale_with_beam(bundle, inputs, output, options, runner=runner, runner_options=given, **chosen)


def _try_page(
    bundle: Bundle, inputs: tuple[str, ...], output: Path, options: UpscalingOptions, summary: JobSummary
) -> None:
    """Write the page, or say why there is none: the job is done all the same."""
    try:
        _write_page(bundle, inputs, output, options, summary)
    except (GantkError, OSError) as error:
        reason = " ".join(str(error).split())
        click.echo(f"Warning: the page of --report could not be written. {reason}", err=True)


def _write_page(
    bundle: Bundle, inputs: tuple[str, ...], output: Path, options: UpscalingOptions, summary: JobSummary
) -> None:
    from gantk.inference.destination import companion
    from gantk.inference.upscaling_samples import before_and_after
    from gantk.report.upscaling_page import UpscalingSample, write_upscaling_page

    samples = [
        UpscalingSample(sample.label, sample.before, sample.after, sample.scale)
        for sample in before_and_after(inputs, output)
    ]
    plain = summary.to_plain()
    failures = plain.pop("failures")
    page = companion(output, "report.html")
    settings = {**options.settings(bundle), "model": str(bundle.path)}
    write_upscaling_page(
        page,
        summary=plain,
        settings=settings,
        samples=samples,
        failures=failures,
        failures_file=companion(output, "failures.jsonl").name,
    )
    if not current_settings().quiet:
        click.echo(f"before and after: {page}", err=True)


def _print_forecast(
    bundle: Bundle,
    inputs: tuple[str, ...],
    output: Path,
    options: UpscalingOptions,
    overwrite: bool,
    retry_failures: bool,
    as_json: bool,
) -> None:
    from gantk.inference.upscaling_forecast import forecast_upscaling

    forecast = forecast_upscaling(
        bundle,
        inputs,
        output,
        options,
        overwrite=overwrite,
        retry_failures=retry_failures,
        progress=not current_settings().quiet,
    )
    plan, estimate = forecast.plan, forecast.estimate
    if as_json:
        others = {
            "ignored": plan.ignored,
            "megapixels": round(forecast.megapixels, 6),
            "result_megapixels": round(forecast.result_megapixels, 6),
            "estimate": None if estimate is None else estimate.to_plain(),
        }
        print_json_rows(forecast.rows(), others)
        return
    print_rows(forecast.rows())
    click.echo(plan_sentence(plan, len(forecast.unreadable)), err=True)
    if forecast.sizes:
        click.echo(f"{forecast.megapixels:.2f} MP, enlarged to {forecast.result_megapixels:.2f} MP", err=True)
        click.echo(
            "The time is not known: nothing could be tried." if estimate is None else estimate.sentence(), err=True
        )
