import math

import pytest

from gantk.config.nodes import Document
from gantk.config.problems import Problems
from gantk.config.yaml_reader import MAX_DEPTH, MAX_NODES, parse


def read(text):
    problems = Problems()
    node = parse(Document("a.yaml", text), problems)
    assert not list(problems), [str(problem) for problem in problems]
    return node


def problems_of(text):
    problems = Problems()
    parse(Document("a.yaml", text), problems)
    return [(str(problem.position), problem.message) for problem in problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # YAML 1.2.2, section 10.3.2
        ("1e-4", 1e-4),
        ("1E+3", 1000.0),
        ("-.5", -0.5),
        (".5e3", 500.0),
        ("12.", 12.0),
        ("-.inf", -math.inf),
        ("+.INF", math.inf),
        ("0", 0),
        ("-12", -12),
        ("+12", 12),
        ("010", 10),
        ("0o17", 15),
        ("0xFF", 255),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("", None),
        # strings, though YAML 1.1 read them otherwise
        ("no", "no"),
        ("off", "off"),
        ("Yes", "Yes"),
        ("y", "y"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        ("0b101", "0b101"),
        ("1e", "1e"),
        ("tRUE", "tRUE"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        # quotes and tags
        ("'1'", "1"),
        ('"true"', "true"),
        ('""', ""),
        ("!!str 3", "3"),
        ("!!float 3", 3.0),
        ("!!int '3'", 3),
        ("! 3", "3"),
        ("|\n  a\n  b\n", "a\nb\n"),
        (">-\n  a\n  b\n", "a b"),
    ],
)
def test_scalar(text, value):
    node = read(f"key: {text}\n")
    assert node.plain() == {"key": value}
    assert type(node.plain()["key"]) is type(value)


def test_nan():
    assert math.isnan(read("a: .nan").plain()["a"])


def test_keys_are_text():
    assert read("1: a\ntrue: b\nnull: c\n'x y': d\n").plain() == {"1": "a", "true": "b", "null": "c", "x y": "d"}


def test_collections_and_aliases():
    assert read("a: &x {b: [1, 2]}\nc: *x\n").plain() == {
        "a": {"b": [1, 2]},
        "c": {"b": [1, 2]},
    }


def test_merge_keys_give_way_to_the_mapping_and_to_earlier_ones():
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd:\n  <<: *b\n"
    assert read(text).plain()["c"] == {"x": 3, "y": 1, "z": 2}
    assert read(text).plain()["d"] == {"y": 2, "z": 2}


def test_merged_values_keep_the_place_they_were_written_at():
    node = read("a: &a {x: 1}\nb:\n  <<: *a\n")
    assert str(node.child("b").child("x").position) == "a.yaml:1:11"


def test_a_quoted_merge_sign_is_an_ordinary_key():
    assert read("'<<': {a: 1}").plain() == {"<<": {"a": 1}}


def test_merging_what_is_no_mapping():
    assert problems_of("a: 1\n<<: 3\n") == [("a.yaml:2:1", "expected a mapping, or a list of them, to merge")]


def test_positions_of_keys_and_values():
    node = read("a: 1\n# comment\nb:\n  - x\n  -   {c: yes}\n")
    assert str(node.value["b"].key) == "a.yaml:3:1"
    assert str(node.child("b").child(1).child("c").position) == "a.yaml:5:11"
    assert node.child("b").child(1).child("c").position.length == 3


def test_an_empty_value_stands_at_its_key():
    node = read("a:\nb:\n\n\nc: 1\n")
    assert str(node.child("b").position) == "a.yaml:2:1"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_every_line_break_counts_once(line_break):
    node = read(line_break.join(["a: 1", "", "b: 2"]))
    assert str(node.child("b").position) == "a.yaml:3:4"
    assert node.child("b").position.document.line(2) == "b: 2"


def test_nothing():
    assert read("") is None
    assert read("# comment\n") is None
    assert read("---\n").value is None


def test_an_old_version_directive_does_not_bring_back_old_booleans():
    assert read("%YAML 1.1\n---\na: no\n").plain() == {"a": "no"}


def test_a_key_that_is_a_list():
    assert problems_of("? [a]\n: 1\n") == [("a.yaml:1:3", "expected a key that is a plain word")]


def test_depth_limit():
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    read(deepest)
    assert problems_of(f"[{deepest}]") == [
        (f"a.yaml:1:{MAX_DEPTH + 1}", f"expected at most {MAX_DEPTH} mappings and lists inside one another")
    ]


def test_node_limit_without_aliases():
    read("[" + "1," * (MAX_NODES - 1) + "]")
    (problem,) = problems_of("[" + "1," * MAX_NODES + "]")
    assert problem[1].startswith(f"expected at most {MAX_NODES} values")


def test_merge_keys_cannot_hide_a_bomb():
    lines = ["a0: &a0 {k: [" + "1," * 9 + "1]}"]
    lines += [f"a{i}: &a{i} {{k: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 7)]
    (problem,) = problems_of("\n".join([*lines, "z: {<<: *a6}"]))
    assert problem[1].startswith(f"expected at most {MAX_NODES} values")


def test_huge_integer():
    assert problems_of("a: " + "9" * 5000) == [("a.yaml:1:4", "expected an integer of at most 1000 digits")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: @x", "expected quotes around a value that starts with @"),
        ("a: `x`", "expected quotes around a value that starts with `"),
        ("a: [1", "expected a closing ']' before the end of the text"),
        ("a: {b: 1", "expected a closing '}' before the end of the text"),
        ("a: 1\nb", "expected 'key: value': this line has no ':'"),
        ("a: 1\n- b", "expected the indentation of the lines above, or a key before this list"),
        ("{a: 1}}", "expected nothing more after the end of the value above"),
        ('a: "\\q"', "expected a known escape after '\\' ('\\n', '\\\\', …), not 'q'; 'single quotes' take no escapes"),
        ("!e!x a", "expected no tag '!e!': a pipeline holds plain values"),
    ],
)
def test_syntax_errors_in_plain_words(text, message):
    assert [found for _, found in problems_of(text)] == [message]
