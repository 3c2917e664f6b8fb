"""`gantk models export`: one direction of a model, written for another runtime."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gantk.cli.settings import current_settings
from gantk.errors import UsageError

if TYPE_CHECKING:
    from gantk.artifacts.export import ExportFormat

# As in `gantk.artifacts.export`, which a help page does not import; a test holds them equal.
OPSETS = (13, 18)
DEFAULT_OPSET = 17
TOLERANCE = 1e-4


@click.command(
    "export",
    epilog="Input and output of what is written: float32 in [-1, 1], batch × height × width × channels, any number of "
    "images; of a model of latent vectors latents, batch × size, and labels, one-hot, batch × classes. Colour range, sizes, names, licence, training and metrics go with it: as metadata of an ONNX file, in "
    "assets.extra/gantk.json of a SavedModel. ONNX needs pip install 'gantk[onnx]'.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(("onnx", "savedmodel")),
    help="What to write.  [default: onnx where OUT ends so]",
)
@click.option(
    "-o", "--output", required=True, metavar="OUT", type=click.Path(path_type=Path), help="File (onnx) or folder."
)
@click.option("--direction", metavar="AtoB|BtoA", help="Which network.  [default: AtoB, or the only one]")
@click.option("--height", type=click.IntRange(min=1), metavar="N", help="With --width: the only size it takes.")
@click.option("--width", type=click.IntRange(min=1), metavar="N", help="With --height.  [default: any size]")
@click.option(
    "--opset",
    type=click.IntRange(*OPSETS),
    default=DEFAULT_OPSET,
    show_default=True,
    metavar="N",
    help="Version of the ONNX operators.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=TOLERANCE,
    show_default=True,
    metavar="X",
    help="Largest difference from the model.",
)
@click.option("--overwrite", is_flag=True, help="Replace an older export.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written and compared as JSON on stdout.")
def export(
    model: Path,
    form: ExportFormat | None,
    output: Path,
    direction: str | None,
    height: int | None,
    width: int | None,
    opset: int,
    tolerance: float,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write one direction of a model as ONNX, or as a TensorFlow SavedModel. Its path is printed on stdout.

    MODEL is a model.gantk file or the run directory that holds one. What is written is loaded and compared with the
    model at two sizes; if their results differ, nothing is left behind.

    \b
    gantk models export runs/horse2zebra -o horse2zebra.onnx
    gantk models export model.gantk --format savedmodel -o zebra2horse --direction BtoA
    gantk models export model.gantk -o small.onnx --height 128 --width 128
    """
    from gantk.artifacts import load_bundle
    from gantk.artifacts.export import check_output, check_size

    chosen = _format(form, output)
    size = _size(height, width)
    bundle = load_bundle(model)
    # What is wrong with the command, and a missing plugin or package, show before the framework is loaded.
    direction = bundle.direction(direction)
    check_size(bundle, direction, size)
    check_output(output, format=chosen, overwrite=overwrite)
    bundle.component(direction)
    if chosen == "onnx":
        from gantk.artifacts.onnx_format import require_onnx

        require_onnx()
    from gantk.artifacts.export import export_model
    from gantk.engine.backend import choose_backend

    quiet = current_settings().quiet
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow" and not quiet:
        click.echo(f"exporting with TensorFlow, not {os.environ['KERAS_BACKEND']}: the weights are the same", err=True)
    choose_backend("tensorflow")
    result = export_model(
        bundle,
        output,
        format=chosen,
        direction=direction,
        size=size,
        opset=opset,
        tolerance=tolerance,
        overwrite=overwrite,
    )
    if as_json:
        comparisons = [{"shape": one.shape, "difference": one.difference} for one in result.comparisons]
        facts = {"path": str(result.path), "format": chosen, "direction": direction, "comparisons": comparisons}
        click.echo(json.dumps({**facts, "difference": result.difference, "tolerance": tolerance}, indent=2))
        return
    if not quiet:
        sizes = " and ".join(f"{one.shape[0]} × {one.shape[1]} × {one.shape[2]}" for one in result.comparisons)
        click.echo(
            f"{direction} of {bundle.path}: compared with the model at {sizes} (images × height × width), "
            f"largest difference {result.difference:.2g}",
            err=True,
        )
    click.echo(result.path)


def _format(form: ExportFormat | None, output: Path) -> ExportFormat:
    if form is not None:
        return form
    if output.suffix.lower() == ".onnx":
        return "onnx"
    raise UsageError(f"--format must say what to write. Received: the output {output}", hint="--format savedmodel")


def _size(height: int | None, width: int | None) -> tuple[int, int] | None:
    if height is None or width is None:
        if height is not width:
            raise UsageError("--height and --width must be given together. Received: only one of them")
        return None
    return height, width
