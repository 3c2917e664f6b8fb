"""`gantk translate`: a trained model at work on pictures."""

from __future__ import annotations

from pathlib import Path

import click

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


@click.command(epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="Output folder, or an archive: .zip, .tar, .tar.gz, .tgz.",
)
@click.option("--direction", metavar="AtoB|BtoA", help="Which way to translate.  [default: AtoB, or the only one]")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Format of the results.  [default: each file's own]")
@click.option(
    "--quality", type=click.IntRange(1, 100), default=95, show_default=True, metavar="N", help="Of JPEG and WebP."
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    metavar="N",
    help="Most pictures of one shape that the network is given at once.",
)
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    metavar="N",
    help="A picture of more pixels fails; networks need memory in proportion.  [default: 16777216]",
)
@click.option("--overwrite", is_flag=True, help="Do everything again, and replace files that no job has written.")
@click.option("--retry-failures", is_flag=True, help="Try again what failed before.")
@click.option("--dry-run", is_flag=True, help="Only list what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary, or the list, as JSON on stdout.")
def translate(
    model: Path,
    inputs: tuple[str, ...],
    output: Path,
    direction: str | None,
    form: str | None,
    quality: int,
    batch_size: int,
    max_pixels: int | None,
    overwrite: bool,
    retry_failures: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Translate pictures with a trained model.

    MODEL is a model.gantk file or the run directory that holds one. INPUT is a file, a folder (taken with its
    tree), a pattern, a zip or tar archive, or a URL of any of these (https://, s3://, …). Pictures of any size and
    kind keep their names, format, bit depth, transparency, colour profile, EXIF data and resolution; grey ones may
    become coloured.

    \b
    gantk translate runs/horse2zebra photos -o zebras
    gantk translate model.gantk photos.zip "more/**/*.png" -o out --direction BtoA --format webp
    """
    from gantk.artifacts import load_bundle
    from gantk.inference.translation import MAX_PIXELS, TranslationOptions, plan_translation
    from gantk.inference.translation import translate as run

    refuse_picture_as_output(output)
    bundle = load_bundle(model)
    options = TranslationOptions(direction, form, quality, batch_size, max_pixels or MAX_PIXELS)
    if dry_run:
        from gantk.inference.job_plan import preview

        plan = plan_translation(bundle, inputs, output, options, overwrite=overwrite, retry_failures=retry_failures)
        rows = preview(plan)
        if as_json:
            print_json_rows(rows, {"ignored": plan.ignored})
            return
        print_rows(rows)
        click.echo(plan_sentence(plan), err=True)
        return

    # A missing plugin and an unknown direction show before the framework is loaded, which takes seconds.
    bundle.component(bundle.picture_direction(direction))
    from gantk.engine.backend import choose_backend

    choose_backend()
    with continuing():
        summary = run(
            bundle,
            inputs,
            output,
            direction=options.direction,
            format=options.format,
            quality=options.quality,
            batch_size=options.batch_size,
            max_pixels=options.max_pixels,
            overwrite=overwrite,
            retry_failures=retry_failures,
            progress=not current_settings().quiet,
        )
    end_of_job(summary, what="translated", as_json=as_json)
