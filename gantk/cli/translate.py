"""`gantk translate`: a trained model at work on pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gantk.cli.settings import current_settings
from gantk.errors import RunFailed, UsageError
from gantk.wording import counted

_FORMATS = ("png", "jpeg", "webp", "tiff", "bmp")


@click.command(
    epilog="What is done is recorded in OUT/manifest.jsonl, what failed in OUT/failures.jsonl. The same command again "
    "continues: it skips what is done and unchanged. Exit code 1 where any picture failed."
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, metavar="OUT", type=click.Path(path_type=Path), help="Output folder.")
@click.option("--direction", metavar="AtoB|BtoA", help="Which way to translate.  [default: AtoB, or the only one]")
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), help="Format of the results.  [default: each file's own]"
)
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
    tree), a pattern, or a zip or tar archive. Pictures of any size and kind keep their names, format, bit depth,
    transparency, colour profile, EXIF data and resolution; grey ones may become coloured.

    \b
    gantk translate runs/horse2zebra photos -o zebras
    gantk translate model.gantk photos.zip "more/**/*.png" -o out --direction BtoA --format webp
    """
    from gantk.artifacts import load_bundle
    from gantk.inference.inputs import SUFFIXES
    from gantk.inference.translation import MAX_PIXELS, TranslationOptions, plan_translation
    from gantk.inference.translation import translate as run

    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        raise UsageError(
            f"The output must be a folder; results keep their inputs' names. Received: {output}",
            hint=f"-o {output.parent if str(output.parent) != '.' else output.stem}",
        )
    bundle = load_bundle(model)
    options = TranslationOptions(direction, form, quality, batch_size, max_pixels or MAX_PIXELS)
    if dry_run:
        from gantk.inference.job_plan import preview

        plan = plan_translation(bundle, inputs, output, options, overwrite=overwrite, retry_failures=retry_failures)
        rows = preview(plan)
        if as_json:
            click.echo(json.dumps({"inputs": rows, "ignored": plan.ignored}, indent=2))
            return
        for row in rows:
            reason = f": {row['reason']}" if "reason" in row else f" → {row['output']}"
            click.echo(f"{row['action']:<9} {row['input']}{reason}".encode(errors="backslashreplace").decode())
        click.echo(
            f"{counted(plan.inputs, 'picture')}: {len(plan.tasks)} to do, {len(plan.skipped)} done before, "
            f"{len(plan.failed)} cannot be done; {counted(plan.ignored, 'other file')}",
            err=True,
        )
        return

    # A missing plugin and an unknown direction show before the framework is loaded, which takes seconds.
    bundle.component(bundle.direction(direction))
    from gantk.engine.backend import choose_backend

    choose_backend()
    quiet = current_settings().quiet
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
        progress=not quiet,
    )
    if as_json:
        click.echo(json.dumps(summary.to_plain(), indent=2))
    if not quiet:
        click.echo(summary.sentence(), err=True)
    if summary.failed:
        raise RunFailed(
            f"{summary.failed} of {counted(summary.inputs, 'picture')} could not be translated: "
            f"{output / 'failures.jsonl'} tells why.",
            hint="The others are done. --retry-failures tries the failed ones again.",
        )
