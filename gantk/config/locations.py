"""From the location in a pydantic error to the place in the file, and to the models that were expected there.

A location mixes the keys of the file with pydantic's own words: which member of a union it tried,
`[key]` for a key that is wrong itself, and fields that the file leaves to their defaults. The
annotations of the models, followed in step with the nodes of the file, tell one from the other.
"""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gantk.config.components import Choice
from gantk.config.nodes import Node, Path, Position
from gantk.config.pipeline import Pipeline, Stages
from gantk.errors import PluginError

_LISTS = (list, set, frozenset, collections.abc.Sequence, collections.abc.Set)
_MAPPINGS = (dict, collections.abc.Mapping)


@dataclass(frozen=True)
class Place:
    """A place in the file.

    Args:
        path: Keys of the file, or of defaults below it.
        node: The value there; None where the file does not have it.
        nearest: The value, or the innermost one around it that the file has.
        key: Where the key of `nearest` stands, if it has one.
        models: Models that may stand at the place itself.
        parents: Models that may stand around it: their fields are the keys it could have.
        field: The field's declaration, where one is known.
        union: The path at which members of a union were tried; None where none was.
        is_key: Whether the key is wrong rather than the value.
    """

    path: Path
    node: Node | None
    nearest: Node
    key: Position | None
    models: tuple[type[BaseModel], ...] = ()
    parents: tuple[type[BaseModel], ...] = ()
    field: FieldInfo | None = None
    union: Path | None = None
    is_key: bool = False

    @property
    def position(self) -> Position:
        """Where to point: at a scalar itself, at the key of anything larger, or of what should hold it."""
        if self.node is not None and not self.is_key and not isinstance(self.node.value, (dict, list)):
            return self.node.position
        return self.key or self.nearest.position


def choices_below(stage: str, node: Node, registry: Any) -> Iterator[tuple[Path, Node, Choice]]:
    """Yield every component that the file names in a stage, outermost first, whether valid or not.

    Args:
        stage: The stage's name.
        node: The stage's value.
        registry: For the options models of named components.

    Yields:
        The component's path, its value, and the choice it is made for.
    """
    yield from _choices(("stages", stage), node, [_StageAt(stage)], registry)


def _choices(path: Path, node: Node, shapes: list[Any], registry: Any) -> Iterator[tuple[Path, Node, Choice]]:
    choice = next((shape for shape in shapes if isinstance(shape, Choice)), None)
    if choice is not None and component_name(node) is not None:
        yield path, node, choice
    models = _models(shapes, node, registry)
    keys: Iterable[str | int] = range(len(node.value)) if isinstance(node.value, list) else ()
    for key in node.value if isinstance(node.value, dict) else keys:
        child = node.child(key)
        if child is not None:
            yield from _choices((*path, key), child, _shapes_below(shapes, models, key)[0], registry)


def _shapes_below(
    shapes: list[Any], models: Iterable[type[BaseModel]], step: str | int
) -> tuple[list[Any], FieldInfo | None]:
    """Return what may stand under a key or index, and the field it belongs to, if it is a model's."""
    below = [shape for current in shapes for shape in _below(current, step)]
    fields = [model.model_fields[step] for model in models if isinstance(step, str) and step in model.model_fields]
    below += [shape for field in fields for shape in _alternatives(field.annotation, field.metadata)]
    return below, fields[0] if fields else None


@dataclass(frozen=True)
class _StageAt:
    """The value under `stages.NAME`."""

    name: str


def locate(location: tuple[str | int, ...], root: Node, registry: Any) -> Place:
    """Find the place of a pydantic error's `loc` in the merged file.

    Args:
        location: The error's `loc`, from the top of the pipeline.
        root: The merged pipeline.
        registry: For the options models of named components.
    """
    path: Path = ()
    node: Node | None = root
    nearest, key = root, None
    shapes: list[Any] = [Pipeline]
    parents: tuple[type[BaseModel], ...] = ()
    field: FieldInfo | None = None
    union: Path | None = None
    is_key = False
    for step in location:
        if step == "[key]":
            is_key = True
            continue
        models = _models(shapes, node, registry)
        below, found = _shapes_below(shapes, models, step)
        child = node.child(step) if node is not None else None
        if node is not None and child is None and not below:
            union = path
            continue
        path = (*path, step)
        parents, field, shapes = models, found, below
        if child is not None and node is not None:
            key = node.value[step].key if isinstance(node.value, dict) and isinstance(step, str) else None
            nearest = child
        node = child
    return Place(path, node, nearest, key, _models(shapes, node, registry), parents, field, union, is_key)


def _alternatives(annotation: Any, metadata: Iterable[Any] = ()) -> list[Any]:
    """Take an annotation apart into what may stand there: unions into members, `Annotated` into its choice."""
    for item in metadata:
        if isinstance(item, (Choice, Stages)):
            return [item]
    if type(annotation).__name__ == "TypeAliasType":
        return _alternatives(annotation.__value__)
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Annotated:
        return _alternatives(arguments[0], arguments[1:])
    if origin in (typing.Union, types.UnionType):
        return [shape for argument in arguments for shape in _alternatives(argument)]
    return [annotation]


def _below(shape: Any, step: str | int) -> list[Any]:
    """Return what may stand under a key or index of a shape that is not a model."""
    if isinstance(shape, Stages):
        return [_StageAt(str(step))]
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if isinstance(step, int) and arguments:
        if origin in _LISTS:
            return _alternatives(arguments[0])
        if origin is tuple:
            item = arguments[0] if arguments[-1] is Ellipsis else arguments[min(step, len(arguments) - 1)]
            return _alternatives(item)
    if isinstance(step, str) and origin in _MAPPINGS and len(arguments) == 2:
        return _alternatives(arguments[1])
    return []


def _models(shapes: list[Any], node: Node | None, registry: Any) -> tuple[type[BaseModel], ...]:
    found: list[type[BaseModel]] = []
    for shape in shapes:
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            found.append(shape)
        elif isinstance(shape, (Choice, _StageAt)):
            kind, role = (shape.kind, shape.role) if isinstance(shape, Choice) else ("stage", "")
            name = component_name(node) or (shape.name if isinstance(shape, _StageAt) else None)
            if name is not None:
                try:
                    spec = registry.find(kind, name, role=role)
                    found.append(shape.options_of(spec) if isinstance(shape, Choice) else spec.options)
                except PluginError:
                    continue
    named = [model for model in found if _is_named(model, component_name(node))]
    return tuple(named or found)


def _is_named(model: type[BaseModel], name: str | None) -> bool:
    """Tell the member of a union that a value's `type` names."""
    field = model.model_fields.get("type")
    return name is not None and field is not None and name in typing.get_args(field.annotation)


def component_name(node: Node | None) -> str | None:
    """Return the name that a component's value gives: the string itself, or the one under `type`."""
    if node is None:
        return None
    named = node.child("type") if isinstance(node.value, dict) else node
    return named.value if named is not None and isinstance(named.value, str) else None
