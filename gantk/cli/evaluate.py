"""`gantk evaluate`: two folders of pictures compared by metrics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gantk.cli.completions import complete_comparing_metrics
from gantk.cli.settings import current_settings
from gantk.cli.tables import print_table
from gantk.errors import RunFailed, UsageError

if TYPE_CHECKING:
    from gantk.cli.picture_sets import PictureSets
    from gantk.config.components import Component

_NAMED = 20
_OF_PREPARED_DATA = {"split", "limit", "samples"}


@click.command(
    epilog="Metrics of sets (fid, kid, precision_recall, swd, output_diversity) take all pictures; metrics of pairs (psnr, l1, ssim, ms_ssim, "
    "lpips) those of equal relative names, suffixes aside. Every number comes with its protocol, in --json. Exit code 1 "
    "where a picture could not be read or has no partner; the numbers are then of the others."
)
@click.argument("first", metavar="PICTURES", type=click.Path(path_type=Path))
@click.argument("second", metavar="REFERENCE", type=click.Path(path_type=Path))
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    required=True,
    metavar="METRIC",
    shell_complete=complete_comparing_metrics,
    help="A metric's name, or a mapping with its options: '{type: kid, subset_size: 50}'. Repeatable.",
)
@click.option(
    "--features",
    metavar="FEATURES",
    help="The feature network of all metrics that have one: inception_v3, or '{type: vgg16, path: vgg16_lpips.npz}'.",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="METRIC.KEY=VALUE",
    help="One option of a metric: --option fid.features.resizer=bilinear. VALUE is YAML. Repeatable.",
)
@click.option(
    "--resize",
    type=click.IntRange(min=1),
    metavar="N",
    help="Bring every picture to N × N first (bicubic, antialiased), before any resizing of a feature network.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take the first N pictures, or pairs, by name.")
@click.option(
    "--batch-size", type=click.IntRange(min=1), metavar="N", help="Pictures in one call of a feature network."
)
@click.option("--json", "json_file", metavar="FILE|-", help="Write values and protocols as JSON; - is stdout.")
def evaluate(
    first: Path,
    second: Path,
    metrics: tuple[str, ...],
    features: str | None,
    options: tuple[str, ...],
    resize: int | None,
    limit: int | None,
    batch_size: int | None,
    json_file: str | None,
) -> None:
    """Compare two sets of pictures: folders (with all below them) or archives.

    PICTURES are those to be judged, REFERENCE the real ones or the truth.

    \b
    gantk evaluate zebras real_zebras --metric fid
    gantk evaluate zebras real_zebras --metric fid --metric kid --features '{type: vgg16, path: vgg16_lpips.npz}'
    gantk evaluate maps testB --metric psnr --metric ssim --json scores.json
    """
    components = _components(metrics, features, options, batch_size)
    compared = {getattr(component.spec, "compares", "nothing") for component in components}
    from gantk.cli.picture_sets import open_picture_sets

    with closing(open_picture_sets(first, second, resize=resize, limit=limit, paired="pairs" in compared)) as pictures:
        from gantk.engine.backend import choose_backend

        choose_backend()
        try:
            entries = _measured(components, pictures)
        except RunFailed as error:
            if not (lines := _unreadable_lines(pictures)):
                raise
            # Too few pictures are left, say: why the others are missing would be lost.
            told = "\n".join([error.message, "Could not be read:", *_shortened(lines)])
            raise RunFailed(told, hint=error.hint) from error
        _tell(entries, pictures, json_file)
        _refuse_incomplete(pictures)


def _components(
    metrics: Sequence[str], features: str | None, options: Sequence[str], batch_size: int | None
) -> list[Component]:
    from gantk.config.component_argument import component_argument, parse_argument
    from gantk.registry import default_registry
    from gantk.specs import MetricSpec

    comparing = {
        name: spec
        for name, spec in default_registry().all("metric").items()
        if isinstance(spec, MetricSpec) and spec.compares != "nothing"
    }
    defaults = {}
    if features is not None:
        defaults["features"] = parse_argument("--features", features)
    if batch_size is not None:
        defaults["batch_size"] = parse_argument("--batch-size", str(batch_size))
    components = []
    for text in metrics:
        value = parse_argument("--metric", text).plain()
        name = value.get("type") if isinstance(value, dict) else value
        if isinstance(name, str) and name not in comparing:
            raise UsageError(
                f"--metric must name a metric that compares pictures. Received: {name!r}",
                hint=f"There are {', '.join(comparing)}.",
            )
        components.append(component_argument("metric", "--metric", text, defaults=defaults, changes=options))
        if of_prepared := sorted(_OF_PREPARED_DATA & components[-1].options.model_fields_set):
            raise UsageError(
                f"The options split, limit and samples of a metric are for prepared data and models, and here are none. "
                f"Received: {', '.join(of_prepared)} of {components[-1].name}",
                hint="--limit N takes the first N pictures.",
            )
    for key in defaults:
        if not any(key in component.spec.options.model_fields for component in components):
            raise UsageError(
                f"--{key.replace('_', '-')} is for metrics with a feature network. "
                f"Received: {', '.join(component.name for component in components)}"
            )
    names = {component.name for component in components}
    for option in options:
        owner = option.partition("=")[0].strip().partition(".")[0]
        if owner not in names:
            raise UsageError(
                f"--option must begin with the name of a metric that is computed. Received: {option!r}",
                hint=f"Such as --option {components[0].name}.KEY=VALUE.",
            )
    return components


def _measured(components: Sequence[Component], pictures: PictureSets) -> list[dict[str, Any]]:
    from gantk.evaluation.comparison import compare_sets
    from gantk.inference.job_progress import shown_progress

    reads = sum(
        sum(
            len(part.names)
            for part in (pictures.pairs if getattr(component.spec, "compares", "") == "pairs" else pictures.sets)
        )
        for component in components
    )
    with shown_progress(reads, show=not current_settings().quiet) as progress:
        for part in pictures.all_sets():
            part.on_read = progress.advance
        return compare_sets(components, pictures.sets, pictures.pairs)


def _tell(entries: list[dict[str, Any]], pictures: PictureSets, json_file: str | None) -> None:
    if json_file is not None:
        content = {"metrics": entries, "unreadable": pictures.unreadable(), "without_partner": pictures.without_partner}
        if json_file == "-":
            click.echo(json.dumps(content, indent=2, ensure_ascii=False))
            return
        from gantk.atomic_files import write_json

        write_json(Path(json_file), content)
    print_table(
        ("metric", "value", "unit", "better"),
        [
            (
                name,
                "not finite" if value is None else f"{value:.6g}",
                entry["units"].get(name, ""),
                entry["better"].get(name, ""),
            )
            for entry in entries
            for name, value in entry["values"].items()
        ],
    )


def _refuse_incomplete(pictures: PictureSets) -> None:
    unreadable, alone = pictures.unreadable(), pictures.without_partner
    lines = _unreadable_lines(pictures)
    lines += [f"  {label}: no partner of this name" for labels in alone.values() for label in labels]
    if not lines:
        return
    counts = f"{len(unreadable)} could not be read, {sum(map(len, alone.values()))} have no partner"
    raise RunFailed(
        "\n".join([f"The numbers are not of all pictures: {counts}:", *_shortened(lines)]),
        hint="--json FILE lists all of them." if len(lines) > _NAMED else "",
    )


def _unreadable_lines(pictures: PictureSets) -> list[str]:
    return [f"  {label}: {reason}" for label, reason in pictures.unreadable().items()]


def _shortened(lines: Sequence[str]) -> list[str]:
    more = [f"  and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    return [*lines[:_NAMED], *more]
