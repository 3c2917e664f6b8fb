"""What a shell offers when Tab is pressed: stages and profiles of the pipeline file, plugins, names.

A completion must never fail or print: where nothing can be said, nothing is offered.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


def complete_stages(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer the stages of the pipeline file on the line."""
    return _beginning(incomplete, _section(ctx, "stages"))


def complete_profiles(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer the profiles of the pipeline file on the line."""
    return _beginning(incomplete, _section(ctx, "profiles"))


def complete_settings(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer what the pipeline file on the line sets, as `stages.train.epochs=`."""
    paths = (f"{path}=" for path in _paths(_pipeline_file(ctx)) if not path.startswith("profiles."))
    return _beginning(incomplete, paths)


def complete_plugins(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer every plugin and every name that one provides."""
    with _silently():
        from gantk.registry import default_registry
        from gantk.specs import KINDS

        registry = default_registry(strict=False)
        names = [info.name for info in registry.plugins] + [name for kind in KINDS for name in registry.all(kind)]
        return _beginning(incomplete, dict.fromkeys(names))
    return []


def complete_weight_maps(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer every layout of foreign weights that can be imported."""
    with _silently():
        from gantk.registry import default_registry

        return _beginning(incomplete, default_registry(strict=False).all("weight_map"))
    return []


def complete_comparing_metrics(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer every metric that compares two sets of pictures."""
    with _silently():
        from gantk.registry import default_registry

        metrics = default_registry(strict=False).all("metric").items()
        return _beginning(
            incomplete, [name for name, spec in metrics if getattr(spec, "compares", "") in ("sets", "pairs")]
        )
    return []


def complete_runners(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer the Beam runners that people use."""
    return _beginning(
        incomplete, ("DaskRunner", "DataflowRunner", "DirectRunner", "FlinkRunner", "FnApiRunner", "SparkRunner")
    )


def complete_labels(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer the labels of the model on the line, behind those that are written already."""
    with _silently():
        from gantk.artifacts import load_bundle

        words = [ctx.params.get("model"), *ctx.args]
        model = next(Path(word) for word in words if word and Path(word).exists())
        bundle = load_bundle(model)
        latents = bundle.metadata.networks[bundle.latent_direction(ctx.params.get("direction"))].latents
        before, comma, _ = incomplete.rpartition(",")
        classes = latents.classes if latents is not None else ()
        return _beginning(incomplete, (f"{before}{comma}{name}" for name in (*classes, *(["all"] if classes else []))))
    return []


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _section(ctx: click.Context, key: str) -> list[str]:
    section = _pipeline_file(ctx).get(key)
    return [str(name) for name in section] if isinstance(section, Mapping) else []


def _pipeline_file(ctx: click.Context) -> Mapping[str, Any]:
    with _silently():
        from ruamel.yaml import YAML

        # The line ends in an option without its value, so click may have left the file among the rest.
        words = [ctx.params.get("file"), *ctx.args]
        file = next((Path(word) for word in words if word and Path(word).is_file()), None)
        content = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8")) if file else {}
        if isinstance(content, Mapping):
            return content
    return {}


def _paths(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


@contextmanager
def _silently() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        yield
    except Exception:
        # The line is being typed: a file that is not there or not yet valid is not an error.
        pass
    finally:
        logging.disable(logging.NOTSET)
