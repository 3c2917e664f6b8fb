"""From a pipeline file to a validated pipeline, or to one error that tells everything that is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gantk.config.cross_checks import cross_check
from gantk.config.explain import explain
from gantk.config.nodes import Document, Entry, Node
from gantk.config.overlays import apply_overrides, apply_profile, profile_names
from gantk.config.pipeline import Pipeline
from gantk.config.problems import Problem, Problems, plugin_problem, shown
from gantk.config.yaml_reader import parse
from gantk.errors import ConfigError, PluginError
from gantk.registry import default_registry
from gantk.registry.environment import absolute
from gantk.registry.names import did_you_mean

MAX_BYTES = 1 << 20
"""Size of the largest pipeline file that is read."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def load_pipeline(
    path: str | os.PathLike[str],
    *,
    profile: str | None = None,
    overrides: Iterable[str] = (),
    registry: Any = None,
) -> Pipeline:
    """Read, overlay and validate a pipeline file.

    The profile is applied first, then the overrides, then the file's `plugins:` are loaded, and only then
    is the result validated.

    Args:
        path: A local YAML file.
        profile: The name of an overlay under the file's `profiles:`.
        overrides: `--set` arguments, such as `stages.train.epochs=3`.
        registry: Where names are looked up; by default `default_registry()`. It is extended by the
            plugins that the file asks for.

    Returns:
        The pipeline, with the name of the profile and without `profiles:`.

    Raises:
        ConfigError: The file cannot be read, or is not a valid pipeline; the message tells every problem with
            its position.
        PluginError: The same, where nothing is wrong but plugins that are missing or broken.
    """
    document = read_document(path)
    problems = Problems()
    root = _mapping(document, problems)
    if root is None:
        raise problems.error(document.name)
    registry = default_registry() if registry is None else registry
    root = apply_overrides(apply_profile(root, profile, problems), overrides, problems)
    folder = Path(document.name).absolute().parent
    root = _with_absolute_plugins(root, folder)
    _load_plugins(root, folder, registry, problems)
    pipeline = None
    try:
        pipeline = Pipeline.model_validate(root.plain(), context={"registry": registry})
    except ValidationError as error:
        problems.extend(explain(error, root, registry))
    problems.extend(cross_check(root, registry))
    if problems or pipeline is None:
        raise problems.error(document.name)
    return pipeline


def profiles_of(path: str | os.PathLike[str]) -> list[str]:
    """Return the names of a pipeline file's profiles, in file order, without validating the rest.

    Raises:
        ConfigError: The file cannot be read.
    """
    document = read_document(path)
    problems = Problems()
    root = _mapping(document, problems)
    if root is None:
        raise problems.error(document.name)
    return profile_names(root)


def read_document(path: str | os.PathLike[str]) -> Document:
    """Read the text of a pipeline file.

    Raises:
        ConfigError: It is not a local, readable UTF-8 file of moderate size.
    """
    name = os.fspath(path)
    if _URL.match(name):
        raise ConfigError(f"expected a local pipeline file. Received: {name}", hint="Download it first.")
    try:
        with open(name, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"expected a pipeline file. Received: {name}, which does not exist", hint=_near(name)
        ) from None
    except IsADirectoryError:
        raise ConfigError(
            f"expected a pipeline file. Received: {name}, which is a folder", hint=_inside(name)
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"expected a pipeline file that can be read. Received: {name}: {reason}") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(f"expected a pipeline file of at most {MAX_BYTES} bytes. Received: {name}, which is larger")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{name}:{line}: expected UTF-8 text. Received: the byte 0x{content[error.start]:02X}",
            hint="Save the file with the encoding UTF-8.",
        ) from None
    return Document(name, text)


def _near(name: str) -> str:
    return did_you_mean(os.path.basename(name), _yaml_files(os.path.dirname(name) or "."))


def _inside(name: str) -> str:
    files = [os.path.join(name, file) for file in _yaml_files(name)]
    return f"Pipelines in it: {', '.join(files)}." if files else ""


def _yaml_files(folder: str) -> list[str]:
    try:
        return sorted(file for file in os.listdir(folder) if file.endswith((".yaml", ".yml")))[:20]
    except OSError:
        return []


def _mapping(document: Document, problems: Problems) -> Node | None:
    """Parse a document that must be a mapping; None, with the problem noted, where it is not one."""
    root = parse(document, problems)
    if root is not None and isinstance(root.value, dict):
        return root
    if root is not None and root.value is not None:
        message = "expected a mapping with the keys name, seed, stages, …"
        problems.add(Problem(root.position, (), message, shown(root.plain())))
    elif not problems:
        problems.add(Problem(document.position(0), (), "expected a pipeline", "an empty file"))
    return None


def _with_absolute_plugins(root: Node, folder: Path) -> Node:
    """Make paths of plugins absolute, so that the resolved pipeline means the same wherever it is saved."""
    plugins = root.child("plugins")
    if plugins is None or not isinstance(plugins.value, list) or not isinstance(root.value, dict):
        return root
    items = [
        Node(absolute(item.value, folder), item.position) if isinstance(item.value, str) else item
        for item in plugins.value
    ]
    return root.with_child("plugins", Entry(root.value["plugins"].key, Node(items, plugins.position)))


def _load_plugins(root: Node, folder: Path, registry: Any, problems: Problems) -> None:
    plugins = root.child("plugins")
    if plugins is None or not isinstance(plugins.value, list):
        return
    for index, item in enumerate(plugins.value):
        if not isinstance(item.value, str):
            continue
        try:
            registry.extend([item.value], relative_to=folder)
        except PluginError as error:
            problems.add(plugin_problem(item.position, ("plugins", index), error.message, hint=error.hint))
