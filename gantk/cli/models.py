"""`gantk models`: bring trained weights in, look at a model, and take it elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gantk.cli.completions import complete_weight_maps
from gantk.cli.lazy_group import LazyGroup
from gantk.cli.settings import current_settings
from gantk.cli.tables import print_table
from gantk.errors import UsageError

if TYPE_CHECKING:
    from gantk.artifacts import Bundle
    from gantk.artifacts.metadata import BundleMetadata, NetworkRecord

_SHOWN_CLASSES = 20

models = LazyGroup(
    name="models",
    lazy_commands={
        "import": ("gantk.cli.models:import_model", "Make a model of weights of PyTorch, safetensors or Keras HDF5."),
        "show": ("gantk.cli.models:show_model", "Show what a model says of itself."),
        "export": ("gantk.cli.export:export", "Write a model as ONNX or as a TensorFlow SavedModel."),
    },
    help="""Bring trained weights in, and look at models.

    A model is one file, model.gantk, that holds all that is needed to use it: networks, weights, colour range, sizes,
    and what is known of its training, quality and licence. A run's `train` stage leaves one in RUN/train/.""",
)


@click.command(
    "import",
    epilog="Options of the network (blocks, filters, normalization, …) are found from the names and shapes of the "
    "weights; --option says what these cannot tell. Nothing in the file is executed: whatever is not a tensor, a number, "
    "a text or a collection of them is refused.",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "weight_map",
    metavar="MAP",
    shell_complete=complete_weight_maps,
    help="Whose network it is: cyclegan/resnet, pix2pix/unet, srgan/srresnet, … (gantk plugins list --kind weight_map).  "
    "[default: the only one that the names and shapes fit]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT.gantk",
    help="The model to write.  [default: FILE's name, in the working directory]",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the network that the file cannot tell: --option dropout=0. VALUE is YAML. Repeatable.",
)
@click.option("--direction", default="AtoB", show_default=True, metavar="NAME", help="What the network does.")
@click.option("--domain-names", metavar="A,B", help="What the domains show, such as horse,zebra.")
@click.option("--licence", default="", metavar="TEXT", help="Under what terms the weights may be used.")
@click.option(
    "--key",
    metavar="NAME",
    help="The part of the checkpoint that holds the weights, where there are several: params_ema, model/generator.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT.gantk.")
def import_model(
    file: Path,
    weight_map: str | None,
    output: Path | None,
    options: tuple[str, ...],
    direction: str,
    domain_names: str | None,
    licence: str,
    key: str | None,
    overwrite: bool,
) -> None:
    """Make a model of a PyTorch checkpoint, a safetensors file or a Keras HDF5 file. Its path is printed on stdout.

    \b
    gantk models import latest_net_G.pth --as cyclegan/resnet -o horse2zebra.gantk
    gantk models import latest_net_G.pth --as pix2pix/unet --option dropout_at_test=false --domain-names edges,photo
    gantk models import srgan_gan_generator.h5 -o srgan.gantk
    """
    from gantk.artifacts.foreign import (
        full_name,
        import_network,
        parse_options,
        read_foreign_weights,
        recognised_by,
    )
    from gantk.registry import default_registry

    target = output or Path(f"{file.stem}.gantk")
    if target.exists() and not overwrite:
        raise UsageError(f"The model to write must not exist yet. Received: {target}", hint="--overwrite replaces it.")
    registry = default_registry()
    # A mistyped name is told before a large file is read.
    address = full_name(weight_map, registry) if weight_map else ""
    given = parse_options(options)
    names = _domain_names(domain_names)
    weights = read_foreign_weights(file, key=key)
    address = address or recognised_by(weights, registry)

    from gantk.engine.backend import choose_backend

    choose_backend()
    imported = import_network(weights, address, options=given, registry=registry)
    bundle = imported.save(target, direction=direction, domain_names=names, licence=licence)
    if not current_settings().quiet:
        click.echo(imported.summary(), err=True)
    click.echo(bundle.path)


def _domain_names(text: str | None) -> dict[str, str]:
    if not text:
        return {}
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise UsageError(
            f"--domain-names must be two names with a comma between them. Received: {text!r}",
            hint="--domain-names horse,zebra",
        )
    return dict(zip("AB", names, strict=True))


@click.command("show")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_model(model: Path, as_json: bool) -> None:
    """Show what a model says of itself: networks, sizes, training, metrics, licence.

    MODEL is a model.gantk file or the run directory that holds one.

    \b
    gantk models show runs/horse2zebra
    gantk models show model.gantk --json
    """
    from gantk.artifacts import load_bundle

    bundle = load_bundle(model)
    if as_json:
        facts = {"path": str(bundle.path), "bytes": bundle.path.stat().st_size, "digest": bundle.digest}
        click.echo(json.dumps({**facts, **bundle.metadata.to_plain()}, indent=2, ensure_ascii=False))
        return
    _print_model(bundle)


def _print_model(bundle: Bundle) -> None:
    from gantk.cli.option_rows import yaml_text

    facts = bundle.metadata
    names = {domain: name for domain, name in facts.domain_names.items() if name}
    rows = [
        ("file", f"{bundle.path}, {bundle.path.stat().st_size / 1e6:.1f} MB"),
        ("model", facts.model),
        ("domains", ", ".join(f"{domain} {name}" for domain, name in names.items())),
        *_latents(facts),
        ("colours", f"{facts.colour_range[0]:g} to {facts.colour_range[1]:g}"),
        ("precision", facts.precision),
        ("licence", facts.licence or "not stated"),
        ("written by", ", ".join([f"gantk {facts.gantk}", *(f"{n} {v}".strip() for n, v in facts.plugins.items())])),
        ("digest", bundle.digest[:16]),
    ]
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        if value:
            click.echo(f"{label.ljust(width)}  {value}")
    click.echo()
    print_table(
        ("direction", "network", "channels", "parameters", "sizes", "options"),
        [
            (
                direction,
                network.component.name,
                f"{network.input_channels or 'latents'} → {network.output_channels}",
                f"{network.parameters:,}",
                _sizes(network),
                ", ".join(f"{key}: {yaml_text(value)}" for key, value in network.component.options.items()),
            )
            for direction, network in facts.networks.items()
        ],
    )
    for title, values in (("training", facts.training), ("metrics", facts.metrics)):
        if values:
            click.echo()
            print_table((title, "value"), list(_rows(values)))


def _sizes(network: NetworkRecord) -> str:
    if network.latents is not None:
        return f"{network.latents.height} × {network.latents.width}"
    # Any picture can be translated: it is padded to such a size and cropped back.
    enlarged = f"; ×{network.scale}" if network.scale > 1 else ""
    return f"multiples of {network.size_multiple}, at least {network.smallest_size}{enlarged}"


def _latents(facts: BundleMetadata) -> list[tuple[str, str]]:
    """Return what a model that makes pictures of chance takes."""
    rows = []
    for record in facts.networks.values():
        if record.latents is None:
            continue
        rows.append(("latents", f"{record.latents.size}, {record.latents.distribution}"))
        if classes := record.latents.classes:
            shown = ", ".join(classes[:_SHOWN_CLASSES]) + (", …" if len(classes) > _SHOWN_CLASSES else "")
            rows.append(("labels", f"{len(classes)}: {shown}"))
    return rows


def _rows(values: Any, prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            rows += _rows(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return rows
