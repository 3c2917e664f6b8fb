"""Options models in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BeforeValidator, Field, PositiveInt

from gantk.cli.option_rows import OptionRow, describe_options, type_text, yaml_text
from gantk.config.components import AdversarialLossChoice, GeneratorChoice
from gantk.specs import Options

Size = Annotated[
    tuple[PositiveInt, PositiveInt],
    BeforeValidator(lambda value: value, json_schema_input_type=PositiveInt | tuple[PositiveInt, PositiveInt]),
]


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "integer"),
        (float | None, "number or null"),
        (bool, "true | false"),
        (Any, "anything"),
        (Path, "path"),
        (Literal["auto"] | bool, "auto or true | false"),
        (Literal["mean", "sum", 2, None], "mean | sum | 2 | null"),
        (list[str], "list of text"),
        (tuple[float, ...], "list of number"),
        (tuple[int, int], "[integer, integer]"),
        (dict[str, float], "mapping of number"),
        (Annotated[int, Field(ge=0, le=255)], "integer ≥ 0, ≤ 255"),
        (Annotated[list[str], Field(min_length=1, max_length=3)], "list of text at least 1 long, at most 3 long"),
        (Size, "integer > 0 or [integer > 0, integer > 0]"),
        (GeneratorChoice, "translation generator"),
        (list[AdversarialLossChoice], "list of adversarial loss"),
        (Options, "mapping"),
    ],
)
def test_type_text(annotation, text):
    assert type_text(annotation) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("mean", "mean"),
        ("", '""'),
        ("true", '"true"'),
        ("3", '"3"'),
        ("a: b", '"a: b"'),
        (None, "null"),
        (True, "true"),
        (0.5, "0.5"),
        ({"type": "flip", "sizes": [1, 2]}, "{type: flip, sizes: [1, 2]}"),
        ([], "[]"),
    ],
)
def test_yaml_text_reads_back_as_the_value(value, text):
    from ruamel.yaml import YAML

    assert yaml_text(value) == text
    assert YAML(typ="safe", pure=True).load(text) == value


class Inner(Options):
    rate: float = Field(1e-3, gt=0)
    "Step size."


class Tree(Options):
    children: list[Tree] = Field(default_factory=list)
    "More of the same."


class Outer(Options):
    size: int
    "Edge in\n    pixels."
    inner: Inner = Inner(rate=0.5)
    "One."
    named: dict[str, Inner] = Field(default_factory=dict)
    many: list[Inner] = Field(default_factory=lambda: [Inner()])


def test_nested_options_follow_their_own():
    assert describe_options(Outer) == [
        OptionRow("size", "integer", True, None, "Edge in pixels."),
        OptionRow("inner", "mapping", False, {"rate": 0.5}, "One."),
        OptionRow("inner.rate", "number > 0", False, 0.5, "Step size."),
        OptionRow("named", "mapping of mapping", False, {}, ""),
        OptionRow("named.NAME.rate", "number > 0", False, 0.001, "Step size."),
        OptionRow("many", "list of mapping", False, [{"rate": 0.001}], ""),
        OptionRow("many[].rate", "number > 0", False, 0.001, "Step size."),
    ]


def test_options_within_themselves_end():
    assert [row.name for row in describe_options(Tree)] == ["children"]


def test_default_text():
    rows = {row.name: row.default_text for row in describe_options(Outer)}
    assert (rows["size"], rows["inner"], rows["many"]) == ("required", "{rate: 0.5}", "[{rate: 0.001}]")
