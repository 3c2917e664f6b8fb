import math

import pytest

from gantk.config import load_pipeline, resolved_yaml
from gantk.config.nodes import Document
from gantk.config.problems import Problems
from gantk.config.resolved import _block
from gantk.config.yaml_reader import parse


@pytest.mark.parametrize("profile", [None, "paper", "long"])
def test_resolved_pipeline_loads_to_an_equal_one(profile, write, good, registry):
    pipeline = load_pipeline(write(good), profile=profile, registry=registry)
    text = resolved_yaml(pipeline)
    again = load_pipeline(write(text, "config.yaml"), registry=registry)
    assert again == pipeline
    assert resolved_yaml(again) == text


def test_text(write, registry):
    pipeline = load_pipeline(
        write(
            "name: x\nstages:\n  prepare: {source: {type: folder, path: 'no'}, transforms: [{type: resize, size: [2, 3]}]}\n"
            "profiles: {p: {seed: 3}}\n"
        ),
        profile="p",
        registry=registry,
    )
    assert resolved_yaml(pipeline) == (
        "name: x\n"
        'description: ""\n'
        "seed: 3\n"
        "profile: p\n"
        "runtime:\n"
        "  backend: auto\n"
        "  threads: null\n"
        "  deterministic: false\n"
        "plugins: []\n"
        "stages:\n"
        "  prepare:\n"
        "    type: prepare\n"
        "    source:\n"
        "      type: folder\n"
        "      path: no\n"
        "      paired: false\n"
        "    transforms:\n"
        "      - type: resize\n"
        "        size: [2, 3]\n"
        "    encoding: png\n"
    )


STRINGS = [
    *("", " ", "a", "no", "null", "~", "true", "1", "1e-4", ".5e3", "0o17", "1_000", ".inf", ".nan", "-", "- a", "? a"),
    *("a: b", "a:b", "a #b", "#a", "a, b", "[a]", "{a: b}", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'a'", '"a"'),
    *("a\nb", "a\tb", "\ta", " a", "a ", "a\\b", "é", "馬", "🦓", "\u2028", "\x85", "\x7f", "\ufeff", "\xa0", "\x00"),
    *("<<", "---", "...", "a" * 300, "../a/b.py", "gs://b/c", "~/x", "C:\\x", "2024-01-01", "=", "a = b (c)", "-.5"),
]


@pytest.mark.parametrize("text", STRINGS)
def test_every_string_survives_as_value_item_and_key(text):
    value = {"a": text, "b": [text, text], "c": {text: [{text: text}], "d": [[text]]}}
    problems = Problems()
    node = parse(Document("a.yaml", "\n".join(_block(value, 0))), problems)
    assert not problems, [str(problem) for problem in problems]
    assert node.plain() == value


@pytest.mark.parametrize("number", [0, -3, 2**70, 1e-300, 1e22, 0.1, -0.0, 5e-324, math.inf, -math.inf, True, None])
def test_every_number_survives(number):
    node = parse(Document("a.yaml", "\n".join(_block({"a": number, "b": [number]}, 0))), Problems())
    assert repr(node.plain()) == repr({"a": number, "b": [number]})


def test_not_a_number_survives():
    assert math.isnan(parse(Document("a.yaml", "\n".join(_block({"a": math.nan}, 0))), Problems()).plain()["a"])


def test_nested_collections_survive():
    value = {"a": [[1, [2, [3, {}]]], [], {}, [{}], [[]]], "b": {}, "c": {"d": {"e": [{"f": [{"g": None}]}]}}}
    node = parse(Document("a.yaml", "\n".join(_block(value, 0))), Problems())
    assert node.plain() == value
