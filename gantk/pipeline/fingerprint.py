"""The hash of everything that a stage's result depends on."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import Any, cast

import gantk
from gantk.artifacts import load_bundle
from gantk.config import Component, Pipeline
from gantk.errors import GantkError
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
            (`StageSpec.may_change`), the files it reads (`StageSpec.reads`) and the trained models it starts from
            (`ModelSpec.starts_from`): equal hashes then mean that `--resume` may continue the work.

    Returns:
        64 hexadecimal digits.
    """
    component = pipeline.stages[name].component
    spec = cast(StageSpec, component.spec)
    options = component.to_plain()
    files = {} if continued else {option: files_named(options.get(option)) for option in sorted(spec.reads)}
    if continued:
        for option in spec.may_change:
            options.pop(option, None)
    content = {
        "options": options,
        "seed": pipeline.seed,
        "backend": pipeline.runtime.backend,
        "inputs": {key: artifact.digest for key, artifact in sorted(inputs.items())},
        "versions": plugin_versions(component),
    }
    if any(files.values()):
        content["files"] = files
    models = {} if continued else trained_models(component)
    if models:
        content["models"] = models
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def trained_models(component: Component) -> dict[str, str]:
    """Return the digest of every trained model that a component, or one within it, starts from.

    What was measured of a model since, and is written into it, changes no digest.

    Returns:
        `{name.option: digest}`; an empty digest where there is no such model, which the training will tell.
    """
    found = {}
    for part in components_within(component):
        for option in sorted(getattr(part.spec, "starts_from", ())):
            path = getattr(part.options, option)
            if path is not None:
                try:
                    found[f"{part.name}.{option}"] = load_bundle(path).digest
                except GantkError:
                    found[f"{part.name}.{option}"] = ""
    return found


def files_named(names: str | Sequence[str] | None) -> list[list[str | int]]:
    """Return path, size and time (ns) of every file that an option names, in a fixed order; nothing is opened.

    Args:
        names: Files, folders, searched to their depths but for hidden names, or patterns. What is missing is left out.
    """
    given = [names] if isinstance(names, str) else names or []
    paths = [
        path for name in given for path in ([name] if os.path.lexists(name) else sorted(glob(name, recursive=True)))
    ]
    return [row for path in paths for row in _files_at(path, frozenset())]


def _files_at(path: str, above: frozenset[tuple[int, int]]) -> Iterator[list[str | int]]:
    try:
        status = os.stat(path)
        identity = status.st_dev, status.st_ino
        if not stat.S_ISDIR(status.st_mode):
            yield [path, status.st_size, status.st_mtime_ns]
        elif identity not in above:
            for name in sorted(os.listdir(path)):
                if not name.startswith("."):
                    yield from _files_at(os.path.join(path, name), above | {identity})
    except OSError as error:
        # A link that leads nowhere, a folder that is closed to us: whoever reads it will tell.
        yield [path, -(error.errno or 1), 0]


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
