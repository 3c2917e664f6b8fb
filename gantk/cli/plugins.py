"""`gantk plugins`: what is installed, what is broken and why, and the options of everything."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from gantk.cli.completions import complete_plugins
from gantk.cli.lazy_group import LazyGroup
from gantk.cli.tables import print_explained, print_table

if TYPE_CHECKING:
    from gantk.registry import PluginInfo, Registry
    from gantk.specs import Spec

plugins = LazyGroup(
    name="plugins",
    lazy_commands={
        "list": ("gantk.cli.plugins:list_plugins", "List every plugin and what it provides."),
        "show": ("gantk.cli.plugins:show_plugin", "Show a plugin, or the options of one thing it provides."),
    },
    help="""List plugins, and the options of what they provide.

    Installed plugins are found by the entry-point group `gantk`. Environment: GANTK_LOAD_PLUGINS= loads no
    third-party plugin, GANTK_LOAD_PLUGINS=a,b only these; GANTK_STRICT_PLUGINS=1 makes a broken plugin an
    error.""",
)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a plugin.")
@click.option("--kind", metavar="KIND", help="Only things of this kind: generator, loss, transform, model, …")
def list_plugins(as_json: bool, kind: str | None) -> None:
    """List every plugin and what it provides, broken ones with the reason.

    \b
    gantk plugins list
    gantk plugins list --kind generator
    gantk -p ./my_gan.py plugins list --json
    """
    from gantk.registry import default_registry
    from gantk.registry.environment import is_strict
    from gantk.specs import KINDS

    if kind is not None and kind not in KINDS:
        raise click.BadParameter(f"must be one of {', '.join(KINDS)}. Received: {kind!r}", param_hint="--kind")
    registry = default_registry(strict=False)
    if as_json:
        found = [info for info in registry.plugins if kind is None or kind in info.records]
        click.echo(
            json.dumps([_plugin_json(info, kind, options=False) for info in found], indent=2, ensure_ascii=False)
        )
    else:
        if kind is None:
            print_table(
                ("plugin", "status", "from", "provides"),
                [(info.name, info.status, info.provider, _provides(info)) for info in registry.plugins],
            )
            click.echo()
        print_table(
            ("kind", "name", "summary"),
            [
                (each, name, record.summary)
                for each in KINDS
                if kind in (None, each)
                for name, record in registry.all(each).items()
            ],
        )
    if is_strict():
        registry.refuse_broken()


@click.command("show")
@click.argument("name", shell_complete=complete_plugins)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_plugin(name: str, as_json: bool) -> None:
    """Show a plugin, or one thing that a plugin provides, with all of its options.

    NAME is a plugin, a name as a pipeline writes it, or `kind:name` where several kinds share the name.

    \b
    gantk plugins show cyclegan
    gantk plugins show loss:lsgan
    gantk plugins show acme/focal --json
    """
    from gantk.registry import default_registry
    from gantk.specs import KINDS

    registry = default_registry(strict=False)
    kind, _, bare = name.rpartition(":")
    if kind and kind in KINDS:
        shown = [(registry.provider(kind, bare), registry.find(kind, bare))]
        whole: list[PluginInfo] = []
    else:
        whole = [info for info in registry.plugins if info.name == name]
        shown = [
            (registry.provider(each, name), registry.find(each, name))
            for each in KINDS
            if name in registry.all(each)
            # A plugin that is shown as a whole shows this, too.
            and registry.provider(each, name) not in whole
        ]
    if not whole and not shown:
        raise _nothing_called(registry, name)
    if as_json:
        objects = [_plugin_json(info, None, options=True) for info in whole]
        objects += [{**_record_json(info, spec, options=True), "plugin": info.name} for info, spec in shown]
        click.echo(json.dumps(objects, indent=2, ensure_ascii=False))
        return
    for index, info in enumerate(whole):
        if index:
            click.echo()
        _print_plugin(info)
    for index, (info, spec) in enumerate(shown):
        if index or whole:
            click.echo()
        _print_record(info, spec)


def _nothing_called(registry: Registry, name: str) -> Exception:
    from gantk.errors import PluginError
    from gantk.registry.names import did_you_mean
    from gantk.specs import KINDS

    for info in registry.plugins:
        if name.startswith(f"{info.name}/") and not info.builtin and info.status != "ok":
            return PluginError(
                f"{name!r} is not available: plugin {info.name!r} is {info.status}: {info.reason}",
                hint=f"`gantk plugins show {info.name}` tells more.",
            )
    names = [info.name for info in registry.plugins] + [each for kind in KINDS for each in registry.all(kind)]
    message = f"NAME must be a plugin or something that a plugin provides. Received: {name!r}"
    for info in registry.plugins:
        if info.builtin and info.status != "ok":
            message += f"\nThe built-in plugin {info.name!r}, which may provide it, is {info.status}: {info.reason}"
    return PluginError(
        message, hint=did_you_mean(name, dict.fromkeys(names)) or "`gantk plugins list` shows every name."
    )


def _provides(info: PluginInfo) -> str:
    if info.status != "ok":
        return info.reason
    parts = [f"{kind}: {', '.join(map(info.address, records))}" for kind, records in info.records.items()]
    if info.listeners:
        parts.append(f"listens to {', '.join(info.listeners)}")
    return "; ".join(parts) or "nothing"


def _print_plugin(info: PluginInfo) -> None:
    click.echo(f"plugin    {info.name}{' (built in)' if info.builtin else ''}")
    click.echo(f"from      {info.provider}")
    if info.distribution:
        click.echo(f"module    {info.location}")
    click.echo(f"status    {info.status}{f': {info.reason}' if info.reason else ''}")
    click.echo(f"hooks     {', '.join((*info.hooks, *info.listeners)) or 'none'}")
    if info.traceback:
        click.echo(f"\n{info.traceback.rstrip()}")
    for records in info.records.values():
        for record in records:
            click.echo()
            _print_record(info, record)


def _print_record(info: PluginInfo, spec: Spec) -> None:
    from gantk.cli.option_rows import describe_options, yaml_text

    click.echo(f"{spec.kind} {info.address(spec)}: {spec.summary}")
    details = {"plugin": info.name, "factory": spec.factory, "reference": spec.reference, **_extras(spec)}
    width = max(map(len, details))
    for key, value in details.items():
        if value != "":
            click.echo(f"  {key.ljust(width)}  {value if isinstance(value, str) else yaml_text(value)}")
    rows = describe_options(spec.options)
    if not rows:
        click.echo("  takes no options")
        return
    print_explained(
        ("option", "type", "default", "description"),
        [(row.name, row.type, row.default_text, row.description) for row in rows],
    )


def _extras(spec: Spec) -> dict[str, Any]:
    """Return what a record of this kind says beyond what every record says."""
    from gantk.specs import FeatureNetworkOptions, Spec

    common = {field.name for field in dataclasses.fields(Spec)}
    values = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec) if field.name not in common}
    if issubclass(spec.options, FeatureNetworkOptions):
        values["layers"] = tuple(spec.options.layers)
    return {
        key: sorted(value) if isinstance(value, frozenset) else list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
    }


def _record_json(info: PluginInfo, spec: Spec, *, options: bool) -> dict[str, Any]:
    from gantk.cli.option_rows import describe_options

    record = {
        "kind": spec.kind,
        "name": info.address(spec),
        "summary": spec.summary,
        "reference": spec.reference,
        "factory": spec.factory,
        **_extras(spec),
    }
    if options:
        record["options"] = [dataclasses.asdict(row) for row in describe_options(spec.options)]
    return record


def _plugin_json(info: PluginInfo, kind: str | None, *, options: bool) -> dict[str, Any]:
    return {
        "name": info.name,
        "status": info.status,
        "reason": info.reason,
        "builtin": info.builtin,
        "origin": info.origin,
        "location": info.location,
        "distribution": info.distribution,
        "version": info.version,
        "hooks": list(info.hooks),
        "listeners": list(info.listeners),
        "provides": [
            _record_json(info, record, options=options)
            for each, records in info.records.items()
            for record in records
            if kind in (None, each)
        ],
    }
