"""The hash of everything that a stage's result depends on."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import gantk
from gantk.config import Component, Pipeline
from gantk.protocols import Artifact
from gantk.registry import default_registry
from gantk.specs import StageSpec


def stage_fingerprint(pipeline: Pipeline, name: str, inputs: Mapping[str, Artifact], *, continued: bool = False) -> str:
    """Return a hash of a stage's options, the seed, the backend, its inputs and the versions of its plugins.

    Args:
        pipeline: The resolved pipeline.
        name: A stage of it.
        inputs: The artifacts it consumes.
        continued: Leave out the options that may differ between a run and its continuation
            (`StageSpec.may_change`): equal hashes then mean that `--resume` may continue the work.

    Returns:
        64 hexadecimal digits.
    """
    component = pipeline.stages[name].component
    options = component.to_plain()
    if continued:
        for option in cast(StageSpec, component.spec).may_change:
            options.pop(option, None)
    content = {
        "options": options,
        "seed": pipeline.seed,
        "backend": pipeline.runtime.backend,
        "inputs": {key: artifact.digest for key, artifact in sorted(inputs.items())},
        "versions": plugin_versions(component),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def plugin_versions(component: Component) -> dict[str, str]:
    """Return the version of every plugin that a component and all within it come from.

    Returns:
        `{distribution: version}`; a plugin that no distribution declares, a file or a module asked for by name,
        stands by its name and the hash of its source, since it has no version that would change with it.
    """
    registry = default_registry()
    versions = {"gantk": gantk.__version__}
    for part in components_within(component):
        plugin = registry.provider(part.spec.kind, part.name)
        if plugin.origin == "file":
            versions[plugin.name] = _digest_of([Path(plugin.location)])
        elif plugin.origin == "module":
            versions[plugin.name] = _digest_of(_sources(plugin.location))
        else:
            versions[plugin.distribution or plugin.name] = plugin.version
    return versions


def _sources(module: str) -> list[Path]:
    """Return the Python files of an imported module; of a package all below it, in a fixed order."""
    spec = importlib.util.find_spec(module)
    if spec is None:
        return []
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if folders:
        return sorted(path for folder in folders for path in folder.rglob("*.py"))
    return [Path(spec.origin)] if spec.has_location and spec.origin else []


def _digest_of(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def components_within(value: Any) -> Iterator[Component]:
    """Yield a component, or those in a model, list or mapping, and every component in their options."""
    if isinstance(value, Component):
        yield value
        for field in type(value.options).model_fields:
            yield from components_within(getattr(value.options, field))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from components_within(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from components_within(item)


def options_digest(component: Component) -> str:
    """Return a hash of a component's name and options alone, 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(component.to_plain(), sort_keys=True).encode()).hexdigest()
