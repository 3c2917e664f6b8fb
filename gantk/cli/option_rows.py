"""An options model in words: every option's name, type, default and description."""

from __future__ import annotations

import collections.abc
import json
import pathlib
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from gantk.config.components import Choice, Component

_SCALARS = {int: "integer", float: "number", str: "text", bool: "true | false", type(None): "null", Any: "anything"}
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "a multiple of"}


@dataclass(frozen=True)
class OptionRow:
    """One option.

    Args:
        name: Its key; a dotted path for an option inside another, with `[]` for every member of a list and
            `NAME` for every key of a mapping.
        type: What it takes, in the words of YAML.
        required: True where it has no default.
        default: As plain JSON values.
        description: The text below the field.
    """

    name: str
    type: str
    required: bool
    default: Any
    description: str

    @property
    def default_text(self) -> str:
        """The default as one would write it in a pipeline file."""
        return "required" if self.required else yaml_text(self.default)


def describe_options(model: type[BaseModel]) -> list[OptionRow]:
    """Return every option of a model, those of nested models below their own."""
    return list(_rows(model, "", PydanticUndefined, ()))


def yaml_text(value: Any) -> str:
    """Return plain values in YAML's flow style."""
    if isinstance(value, str):
        # Quotes only where YAML would read something else without them.
        plain = value[:1].isalpha() and not set(value) & set(",:#{}[]\n") and value == value.strip()
        return value if plain and value.lower() not in ("true", "false", "null") else json.dumps(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {yaml_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_text, value))}]"
    return json.dumps(value)


def _rows(
    model: type[BaseModel], prefix: str, defaults: Any, above: tuple[type[BaseModel], ...]
) -> Iterator[OptionRow]:
    for key, field in model.model_fields.items():
        name = f"{prefix}{field.alias or key}"
        value = getattr(defaults, key) if isinstance(defaults, BaseModel) else _default(field)
        nested = list(_nested(field.annotation, name))
        yield OptionRow(
            name=name,
            type=type_text(field.annotation, field.metadata),
            required=value is PydanticUndefined,
            default=None if value is PydanticUndefined else _plain(value),
            description=" ".join((field.description or "").split()),
        )
        for mark in _flat(field.metadata):
            if isinstance(mark, Choice) and mark.beside is not None:
                yield from _rows(mark.beside, f"{name}.", PydanticUndefined, (*above, model))
        for path, inner in nested:
            if inner not in (*above, model):
                same = isinstance(value, inner) and path == name
                yield from _rows(inner, f"{path}.", value if same else PydanticUndefined, (*above, model))


def _default(field: FieldInfo) -> Any:
    if field.is_required():
        return PydanticUndefined
    return field.get_default(call_default_factory=True, validated_data={})


def _plain(value: Any) -> Any:
    if isinstance(value, Component):
        return value.to_plain()
    return to_jsonable_python(value, fallback=str)


def _nested(annotation: Any, path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Find the models inside a type, each with the path of its options."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and origin is None and issubclass(annotation, BaseModel):
        yield path, annotation
    elif origin is Annotated:
        yield from _nested(arguments[0], path)
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from _nested(argument, path)
    elif origin in (dict, collections.abc.Mapping):
        yield from _nested(arguments[1], f"{path}.NAME")
    elif origin is not Literal:
        for argument in dict.fromkeys(arguments):
            yield from _nested(argument, f"{path}[]")


def type_text(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return what a type takes, in the words of YAML: `integer ≥ 1 or [integer ≥ 1, integer ≥ 1]`."""
    metadata = list(_flat(metadata))
    for mark in metadata:
        if isinstance(mark, Choice):
            return f"{mark.role} {mark.kind}".strip()
        accepted = getattr(mark, "json_schema_input_type", PydanticUndefined)
        if accepted not in (PydanticUndefined, Any):
            return type_text(accepted)
    return _bare_type_text(annotation) + _bounds_text(metadata)


def _bare_type_text(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if origin is Annotated:
        return type_text(arguments[0], arguments[1:])
    if origin is Literal:
        return " | ".join(yaml_text(value) for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_text(argument) for argument in arguments))
    if origin is tuple and Ellipsis not in arguments:
        return f"[{', '.join(type_text(argument) for argument in arguments)}]"
    if origin in (dict, collections.abc.Mapping):
        return f"mapping of {type_text(arguments[1])}"
    if origin in (list, tuple, set, frozenset, collections.abc.Sequence):
        return f"list of {type_text(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel | dict):
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, pathlib.PurePath):
        return "path"
    return getattr(annotation, "__name__", str(annotation))


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for mark in metadata:
        if isinstance(mark, FieldInfo):
            yield from _flat(mark.metadata)
        else:
            yield mark


def _bounds_text(metadata: Iterable[Any]) -> str:
    bounds = []
    for mark in metadata:
        for attribute, sign in _BOUNDS.items():
            if getattr(mark, attribute, None) is not None:
                bounds.append(f"{sign} {getattr(mark, attribute)}")
        shortest, longest = getattr(mark, "min_length", None), getattr(mark, "max_length", None)
        if shortest:
            bounds.append(f"at least {shortest} long")
        if longest is not None:
            bounds.append(f"at most {longest} long")
        if getattr(mark, "pattern", None):
            bounds.append(f"matching {mark.pattern}")
    return f" {', '.join(bounds)}" if bounds else ""
