"""The schema against pipelines that load and pipelines that do not.

`fits` knows the few keywords that the schema uses and fails on any other, so that nothing in the
schema goes unchecked here.
"""

import copy
import json
import re

import pytest

from gantk.config import json_schema, load_pipeline
from gantk.config.nodes import Document
from gantk.config.problems import Problems
from gantk.config.yaml_reader import parse
from gantk.errors import GantkError

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
BOUNDS = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}
LENGTHS = {
    "minLength": (str, lambda length, bound: length >= bound),
    "maxLength": (str, lambda length, bound: length <= bound),
    "minItems": (list, lambda length, bound: length >= bound),
    "maxItems": (list, lambda length, bound: length <= bound),
    "minProperties": (dict, lambda length, bound: length >= bound),
}
ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "format"}


def is_a(value, kind):
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def resolved(reference, root):
    assert reference.startswith("#/")
    found = root
    for step in reference[2:].split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def fits(value, schema, root):
    """Return whether a value fits a JSON schema (2020-12), as far as the keywords used go."""
    if isinstance(schema, bool):
        return schema
    return all(
        keyword_fits(value, keyword, argument, schema, root)
        for keyword, argument in schema.items()
        if keyword not in ANNOTATIONS
    )


def keyword_fits(value, keyword, argument, schema, root):
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if keyword in BOUNDS:
        return not number or BOUNDS[keyword](value, argument)
    if keyword in LENGTHS:
        kind, holds = LENGTHS[keyword]
        return not isinstance(value, kind) or holds(len(value), argument)
    match keyword:
        case "$ref":
            return fits(value, resolved(argument, root), root)
        case "type":
            return any(is_a(value, kind) for kind in ([argument] if isinstance(argument, str) else argument))
        case "const":
            return value == argument and isinstance(value, bool) == isinstance(argument, bool)
        case "enum":
            return value in argument
        case "not":
            return not fits(value, argument, root)
        case "anyOf":
            return any(fits(value, member, root) for member in argument)
        case "oneOf":
            return sum(fits(value, member, root) for member in argument) == 1
        case "if":
            return fits(value, schema["then" if fits(value, argument, root) else "else"], root)
        case "then" | "else":
            return "if" in schema
        case "pattern":
            return not isinstance(value, str) or re.search(argument, value) is not None
        case "required":
            return not isinstance(value, dict) or set(argument) <= set(value)
        case "propertyNames":
            return not isinstance(value, dict) or all(fits(name, argument, root) for name in value)
        case "properties":
            return not isinstance(value, dict) or all(
                fits(value[name], member, root) for name, member in argument.items() if name in value
            )
        case "additionalProperties":
            others = set(value) - set(schema.get("properties", ())) if isinstance(value, dict) else ()
            return all(fits(value[name], argument, root) for name in others)
        case "prefixItems":
            return not isinstance(value, list) or all(
                fits(item, member, root) for item, member in zip(value, argument, strict=False)
            )
        case "items":
            first = len(schema.get("prefixItems", ()))
            return not isinstance(value, list) or all(fits(item, argument, root) for item in value[first:])
    raise AssertionError(f"unexpected keyword {keyword!r}")


@pytest.fixture
def schema(registry):
    return json_schema(registry)


@pytest.fixture
def document(good):
    problems = Problems()
    return parse(Document("a.yaml", good), problems).plain()


def test_a_good_pipeline_fits(schema, document):
    assert fits(document, schema, schema)


GOOD_CHANGES = {
    "no options": lambda d: d["stages"]["train"].update(model="cyclegan"),
    "third party": lambda d: d["stages"]["train"]["model"].update(generator="acme/big"),
    "third party with options": lambda d: d["stages"]["train"]["model"].update(
        generator={"type": "acme/big", "blocks": 2}
    ),
    "null choice": lambda d: d["stages"]["train"]["model"].update(second_generator=None),
    "either of a union": lambda d: d["stages"]["train"].update(jit=True),
    "pair of numbers": lambda d: d["stages"]["prepare"]["transforms"].append({"type": "resize", "size": [2, 3]}),
    "stage by name": lambda d: d["stages"].update(page="report"),
    "stage of another type under a type's name": lambda d: d["stages"].update(report={"type": "translate"}),
    "empty stage": lambda d: d["stages"].update(report={}),
    "plugins": lambda d: d.update(plugins=["json"]),
    "resolved": lambda d: (d.update(profile="paper"), d.pop("profiles")),
    "no profiles": lambda d: d.update(profiles=None),
    "profile: part of a component": lambda d: d["profiles"].update(
        p={"stages": {"train": {"model": {"cycle_weight": 1}}}}
    ),
    "profile: part of a component in a component": lambda d: d["profiles"].update(
        p={"stages": {"train": {"model": {"generator": {"blocks": 1}}}}}
    ),
    "profile: null removes": lambda d: d["profiles"].update(p={"stages": {"train": {"epochs": None}, "report": None}}),
    "profile: part of a stage of free name": lambda d: d["profiles"].update(
        p={"stages": {"forwards": {"direction": "BtoA"}}}
    ),
    "profile: the run's own": lambda d: d["profiles"].update(p={"seed": 3, "runtime": {"threads": 3}}),
}


def load(document, change, write, registry):
    """Load a pipeline written as JSON, which is YAML."""
    profile = "p" if change.startswith("profile:") else None
    return load_pipeline(write(json.dumps(document)), profile=profile, registry=registry)


@pytest.mark.parametrize("change", GOOD_CHANGES)
def test_good_pipelines_fit_and_load(change, schema, document, write, registry):
    GOOD_CHANGES[change](document)
    assert fits(document, schema, schema)
    load(document, change, write, registry)


BAD_CHANGES = {
    "unknown key": lambda d: d.update(stags={}),
    "no name": lambda d: d.pop("name"),
    "no stages": lambda d: d.update(stages={}),
    "bad name": lambda d: d.update(name="a b"),
    "negative seed": lambda d: d.update(seed=-1),
    "unknown backend": lambda d: d["runtime"].update(backend="torch"),
    "bad stage name": lambda d: d["stages"].update(Train={"type": "report"}),
    "reserved stage name": lambda d: d["stages"].update(logs={"type": "report"}),
    "free stage name without type": lambda d: d["stages"].update(extra={}),
    "unknown stage": lambda d: d["stages"].update(extra={"type": "polish"}),
    "empty stage that needs options": lambda d: d["stages"].update(train=None),
    "unknown option": lambda d: d["stages"]["train"].update(epoch=1),
    "option of another type": lambda d: d["stages"]["train"].update(epochs="many"),
    "option out of range": lambda d: d["stages"]["train"].update(epochs=0),
    "unknown generator": lambda d: d["stages"]["train"]["model"].update(generator="resnett"),
    "unknown option of a generator": lambda d: d["stages"]["train"]["model"]["generator"].update(block=1),
    "loss of the other role": lambda d: d["stages"]["train"]["model"].update(adversarial_loss="l1"),
    "name that needs options": lambda d: d["stages"]["prepare"].update(source="folder"),
    "component without type": lambda d: d["stages"]["prepare"].update(source={"path": "x"}),
    "nested model": lambda d: d["stages"]["train"].update(schedule={"type": "sine"}),
    "mapping of models": lambda d: d["stages"]["train"]["optimizers"].update(other={"learning_rate": 0}),
    "profile: unknown key": lambda d: d["profiles"].update(p={"stags": {}}),
    "profile: unknown option": lambda d: d["profiles"].update(p={"stages": {"train": {"epoch": 1}}}),
    "profile: wrong value": lambda d: d["profiles"].update(p={"stages": {"train": {"epochs": "many"}}}),
    "profile: no mapping": lambda d: d["profiles"].update(p=3),
    "profile: nested": lambda d: d["profiles"].update(p={"profiles": {}}),
    "profile: list item without type": lambda d: d["profiles"].update(
        p={"stages": {"prepare": {"transforms": [{"size": 3}]}}}
    ),
}


@pytest.mark.parametrize("change", BAD_CHANGES)
def test_bad_pipelines_neither_fit_nor_load(change, schema, document, write, registry):
    before = copy.deepcopy(document)
    BAD_CHANGES[change](document)
    assert document != before
    assert not fits(document, schema, schema)
    with pytest.raises(GantkError, match="is not a valid pipeline"):
        load(document, change, write, registry)


def test_every_reference_leads_somewhere(schema):
    def references(value):
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            for item in value.values():
                yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    found = set(references(schema))
    assert "#/$defs/generator:acme~1big" in found
    for reference in found:
        assert isinstance(resolved(reference, schema), dict)


def test_a_definition_for_every_kind(schema):
    kinds = {"generator", "discriminator", "loss", "loss.adversarial", "loss.pairwise"}
    kinds |= {"transform", "model", "source", "metric", "feature_network", "stage"}
    assert kinds <= set(schema["$defs"])
    assert not [name for name in schema["$defs"] if "weight_map" in name], "no pipeline names one"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_kind_without_records_accepts_nothing(schema):
    assert not fits("psnr", {"$ref": "#/$defs/metric"}, schema)


def test_descriptions_reach_the_editor(schema):
    assert schema["$defs"]["model:cyclegan"]["properties"]["generator"]["default"] == "resnet"
    assert schema["$defs"]["generator:resnet"]["properties"]["blocks"]["description"] == "Residual blocks."
    assert {"const": "lsgan", "description": "Least squares. (Mao 2017)"} in schema["$defs"]["loss.adversarial"][
        "oneOf"
    ]


def test_the_schema_is_json_and_the_same_every_time(schema, registry):
    assert json.dumps(schema, allow_nan=False) == json.dumps(json_schema(registry), allow_nan=False)
    assert "x-gantk-choice" not in json.dumps(schema)
