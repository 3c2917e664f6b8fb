"""The JSON schema (2020-12) of a pipeline file, with the options of every plugin, for editors.

An editor with a YAML language server completes and checks a pipeline that opens with
`# yaml-language-server: $schema=schema.json`, where `gantk schema` wrote that file.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gantk.config.components import CHOICE_KEY, Choice
from gantk.config.pipeline import RESERVED_STAGE_NAMES, STAGE_NAME, Pipeline
from gantk.registry import default_registry
from gantk.specs import KINDS, ROLES, Options, Spec

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PARTIAL = "partial."

Schema = dict[str, Any]


def json_schema(registry: Any = None) -> Schema:
    """Return the JSON schema of pipeline files.

    `$defs` holds one schema for each kind of component (`generator`, `loss.adversarial`, …), one for the
    options of each registered thing (`generator:resnet`), and the same once more under `partial.` for
    profiles, where every key may be absent or null.

    Args:
        registry: Whose plugins to describe; by default `default_registry()`.
    """
    registry = default_registry() if registry is None else registry
    definitions: dict[str, Schema] = {}
    for kind in (kind for kind, spec in KINDS.items() if spec.in_pipeline):
        records = registry.all(kind)
        for name, spec in records.items():
            definitions[f"{kind}:{name}"] = _component(kind, name, spec, definitions)
        definitions[kind] = _one_of(kind, records)
        for role in ROLES.get(kind, ()):
            definitions[f"{kind}.{role}"] = _one_of(kind, registry.all(kind, role))
    for choice in sorted({reference for schema in definitions.values() for reference in _extended(schema)}):
        kind, _, beside = choice.partition("+")
        records = _with_options_beside(registry.all(kind), beside)
        definitions |= {
            f"{choice}:{name}": _component(choice, name, spec, definitions) for name, spec in records.items()
        }
        definitions[choice] = _one_of(choice, records)
    stages = registry.all("stage")
    for name in stages:
        definitions[f"stages:{name}"] = _stage_under_its_type(definitions[f"stage:{name}"], stages[name])
    definitions["stages"] = _stages(stages)

    pipeline = _options(Pipeline, "pipeline", definitions)
    del pipeline["properties"]["profile"]
    overlay = {**pipeline, "properties": {**pipeline["properties"], "extends": _EXTENDS}}
    partials = {_PARTIAL + name: _partial(schema) for name, schema in definitions.items()}
    definitions["profile"] = _partial(overlay)
    definitions.update(partials)
    pipeline["properties"] |= {"profile": _RECORDED, "profiles": _PROFILES}
    return {
        "$schema": DIALECT,
        "title": "gantk pipeline",
        **{key: value for key, value in pipeline.items() if key != "title"},
        "$defs": dict(sorted(definitions.items())),
    }


_EXTENDS: Schema = {"type": "string", "description": "Another profile to lay below this one."}
_RECORDED: Schema = {
    "type": ["string", "null"],
    "description": "The profile that a resolved pipeline came from; choose one with --profile.",
}
_PROFILES: Schema = {
    "description": "Overlays by name, for --profile: merged key by key; lists are replaced, null removes a key.",
    "type": ["object", "null"],
    "additionalProperties": {"$ref": "#/$defs/profile"},
}


def _options(model: type[Options], prefix: str, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of an options model; its nested models go to `definitions`, named apart by `prefix`."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{_pointer(prefix)}:{{model}}")
    for name, nested in schema.pop("$defs", {}).items():
        definitions[f"{prefix}:{name}"] = _with_references(nested)
    return _with_references(schema)


def _with_references(value: Any) -> Any:
    """Put a `$ref` wherever an options model says that a component may stand."""
    if isinstance(value, dict):
        # OpenAPI's hint beside a `oneOf`, which JSON schema does not know; a property of that name has no `oneOf` beside it.
        known = {key: item for key, item in value.items() if key != "discriminator" or "oneOf" not in value}
        found = {key: _with_references(item) for key, item in known.items()}
        return {"$ref": f"#/$defs/{found.pop(CHOICE_KEY)}", **found} if CHOICE_KEY in found else found
    if isinstance(value, list):
        return [_with_references(item) for item in value]
    return value


def _extended(value: Any) -> Iterator[str]:
    """Yield what a schema calls components that have options of their chooser beside their own."""
    if isinstance(value, dict):
        reference = value.get("$ref", "")
        if isinstance(reference, str) and "+" in reference:
            yield reference.removeprefix("#/$defs/")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _extended(item)


def _with_options_beside(records: Mapping[str, Spec], beside: str) -> dict[str, Spec]:
    module, _, attribute = beside.partition(":")
    choice = Choice("", beside=getattr(importlib.import_module(module), attribute))
    return {name: replace(spec, options=choice.options_of(spec)) for name, spec in records.items()}


def _component(kind: str, name: str, spec: Spec, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of `{type: name, **options}`."""
    options = _options(spec.options, f"{kind}:{name}", definitions)
    properties = {"type": {}, **options.get("properties", {})}
    properties["type"] = {"const": name, "description": spec.summary}
    return {
        "title": name,
        "description": _described(spec),
        "type": "object",
        "properties": properties,
        "required": ["type", *options.get("required", [])],
        "additionalProperties": False,
    }


def _one_of(kind: str, records: dict[str, Spec]) -> Schema:
    """Return the schema of a component: a name alone, where it needs no options, or a mapping with `type`."""
    names = [{"const": name, "description": _described(spec)} for name, spec in records.items() if not _needs(spec)]
    mappings = [{"$ref": f"#/$defs/{_pointer(f'{kind}:{name}')}"} for name in records]
    # Without a record there is nothing that fits; an empty `oneOf` would not be a schema.
    return {"oneOf": [*names, *mappings]} if mappings else {"not": {}}


def _stage_under_its_type(component: Schema, spec: Spec) -> Schema:
    """Return the schema of a stage whose key is a stage type, so that `type` and the whole value may be left out."""
    kinds = ["object"] if _needs(spec) else ["object", "null"]
    own = {**component, "type": kinds, "required": [key for key in component["required"] if key != "type"]}
    # `if` and not `anyOf`, so that an editor tells the error inside and not that no alternative fits.
    same = component["properties"]["type"]
    another = {"type": "object", "properties": {"type": {"not": same}}, "required": ["type"]}
    return {"if": {"anyOf": [{"type": "string"}, another]}, "then": {"$ref": "#/$defs/stage"}, "else": own}


def _stages(types: Iterable[str]) -> Schema:
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": STAGE_NAME, "not": {"enum": sorted(RESERVED_STAGE_NAMES)}},
        "properties": {name: {"$ref": f"#/$defs/{_pointer(f'stages:{name}')}"} for name in types},
        "additionalProperties": {"$ref": "#/$defs/stage"},
    }


def _partial(value: Any) -> Any:
    """Return a schema for overlays: no key is required, and any value may be null."""
    if isinstance(value, list):
        return [_partial(item) for item in value]
    if not isinstance(value, dict):
        return value
    found: Schema = {}
    for key, item in value.items():
        if key in ("required", "minProperties", "default", "title"):
            continue
        if key == "$ref":
            found[key] = str(item).replace("#/$defs/", f"#/$defs/{_PARTIAL}")
        elif key == "properties":
            found[key] = {name: _or_null(schema) for name, schema in item.items()}
        elif key == "additionalProperties" and isinstance(item, dict):
            found[key] = _or_null(item)
        elif key in ("oneOf", "anyOf"):
            # Without `type` a mapping fits several members, so one or more must do.
            found["anyOf"] = _partial(item)
        elif key in ("items", "prefixItems", "if", "enum", "const"):
            # Lists are replaced whole, so what stands in them is not an overlay; the others are no places for a value.
            found[key] = item
        else:
            found[key] = _partial(item)
    return found


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [_partial(schema), {"type": "null"}]}


def _needs(spec: Spec) -> bool:
    return any(field.is_required() for field in spec.options.model_fields.values())


def _described(spec: Spec) -> str:
    return f"{spec.summary} ({spec.reference})" if spec.reference else spec.summary


def _pointer(name: str) -> str:
    """Escape a name for use in a JSON pointer: third-party names hold a `/`."""
    return name.replace("~", "~0").replace("/", "~1")
