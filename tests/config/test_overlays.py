import pytest

from gantk.config.nodes import Document
from gantk.config.overlays import apply_overrides, apply_profile, profile_names
from gantk.config.problems import Problems
from gantk.config.yaml_reader import parse


def tree(text):
    problems = Problems()
    node = parse(Document("a.yaml", text), problems)
    assert not problems
    return node


def with_profile(text, profile="p"):
    problems = Problems()
    node = apply_profile(tree(text), profile, problems)
    return node, [problem.message for problem in problems]


def with_settings(text, *settings):
    problems = Problems()
    node = apply_overrides(tree(text), settings, problems)
    return node, [problem.message for problem in problems]


def merged(text):
    node, problems = with_profile(text)
    assert problems == []
    plain = node.plain()
    assert plain.pop("profile") == "p"
    return plain


def changed(text, *settings):
    node, problems = with_settings(text, *settings)
    assert problems == []
    return node.plain()


def test_mappings_merge_and_lists_are_replaced():
    assert merged("a: {b: 1, c: [1, 2]}\nd: 4\nprofiles: {p: {a: {c: [3], e: 5}}}") == {
        "a": {"b": 1, "c": [3], "e": 5},
        "d": 4,
    }


def test_null_removes_a_key():
    assert merged("a: {b: 1, c: 2}\nprofiles: {p: {a: {b: null}}}") == {"a": {"c": 2}}


def test_null_where_there_is_no_key_stays_for_the_validation_to_see():
    assert merged("a: {b: 1}\nprofiles: {p: {a: {x: null}}}") == {"a": {"b": 1, "x": None}}


def test_another_type_replaces_the_mapping():
    text = "a: {type: quadrupeds, size: 64}\nprofiles: {p: {a: {type: tfds, name: x}}}"
    assert merged(text) == {"a": {"type": "tfds", "name": "x"}}


def test_null_may_say_what_another_type_drops_anyway():
    text = "a: {type: t, size: 64}\nprofiles: {p: {a: {type: u, size: null, other: null}}}"
    assert merged(text) == {"a": {"type": "u", "other": None}}


def test_the_same_type_or_none_merges():
    assert merged("a: {type: t, b: 1}\nprofiles: {p: {a: {type: t, c: 2}}}") == {"a": {"type": "t", "b": 1, "c": 2}}
    assert merged("a: {type: t, b: 1}\nprofiles: {p: {a: {c: 2}}}") == {"a": {"type": "t", "b": 1, "c": 2}}


def test_a_mapping_replaces_a_name():
    assert merged("a: resnet\nprofiles: {p: {a: {type: unet}}}") == {"a": {"type": "unet"}}


def test_keys_keep_their_order_and_new_ones_come_last():
    assert list(merged("a: 1\nb: 2\nprofiles: {p: {c: 3, a: 4}}")) == ["a", "b", "c"]


def test_values_keep_the_place_they_were_written_at():
    node, _ = with_profile("a: {b: 1, c: 2}\nprofiles:\n  p:\n    a: {b: 3}\n")
    assert str(node.child("a").child("b").position) == "a.yaml:4:12"
    assert str(node.child("a").child("c").position) == "a.yaml:1:14"


def test_no_profile_takes_the_profiles_away():
    node, problems = with_profile("a: 1\nprofiles: {p: {a: 2}}", None)
    assert (node.plain(), problems) == ({"a": 1}, [])


def test_a_profile_lies_over_the_one_it_extends():
    text = "a: 1\nb: 1\nc: 1\nprofiles: {p: {extends: q, c: 3}, q: {extends: r, b: 2, c: 2}, r: {a: 0}}"
    assert merged(text) == {"a": 0, "b": 2, "c": 3}


def test_extending_what_does_not_exist():
    assert with_profile("a: 1\nprofiles: {p: {extends: q}}")[1] == ["expected the name of another profile"]
    assert with_profile("a: 1\nprofiles: {p: {extends: [p]}}")[1] == ["expected the name of another profile"]


def test_profiles_that_are_no_mapping():
    message = "expected a mapping from the name of a profile to what it changes"
    assert with_profile("a: 1\nprofiles: [p]", None)[1] == [message]


def test_a_profile_of_a_file_without_any():
    assert with_profile("a: 1\n")[1] == ["expected the name of a profile of this file"]


def test_profile_names_in_file_order():
    assert profile_names(tree("profiles: {b: {}, a: {}}")) == ["b", "a"]
    assert profile_names(tree("a: 1")) == []


def test_settings():
    text = "a: {b: [{c: 1}, {c: 2}]}\nd: null\n"
    assert changed(text, "a.b.1.c=3") == {"a": {"b": [{"c": 1}, {"c": 3}]}, "d": None}
    assert changed(text, "a.b=[]") == {"a": {"b": []}, "d": None}
    assert changed(text, "d.e.f=1e-4")["d"] == {"e": {"f": 1e-4}}
    assert changed(text, "a.x.y=no")["a"]["x"] == {"y": "no"}
    assert changed(text, "d={e: [1, two]}")["d"] == {"e": [1, "two"]}
    assert changed(text, "d=a=b")["d"] == "a=b"
    assert changed(text, "d='3'")["d"] == "3"


def test_an_empty_setting_is_null():
    assert changed("a: 1", "a=") == {"a": None}
    assert changed("a: 1", "a=null") == {"a": None}


def test_settings_apply_in_order():
    assert changed("a: 1", "a={b: 1}", "a.c=2", "a.b=3") == {"a": {"b": 3, "c": 2}}


def test_a_setting_does_not_change_what_an_alias_shares():
    assert changed("a: &x {b: 1}\nc: *x\n", "c.b=2") == {"a": {"b": 1}, "c": {"b": 2}}


def test_a_setting_stands_at_its_argument():
    node, _ = with_settings("a: {b: 1}", "a.b={c: [1]}")
    assert str(node.child("a").child("b").child("c").child(0).position) == "--set a.b={c: [1]}"
    assert str(node.value["a"].key) == "a.yaml:1:1"


@pytest.mark.parametrize("index", ["2", "-1", "x", "٣", "9999999999999"])
def test_an_index_that_does_not_fit(index):
    node, problems = with_settings("a: [1, 2]", f"a.{index}=3")
    assert (node.plain(), problems) == ({"a": [1, 2]}, ["expected an index from 0 to 1"])


def test_an_index_into_nothing():
    assert with_settings("a: []", "a.0=3")[1] == ["expected no index: the list is empty"]


def test_a_path_through_a_number():
    node, problems = with_settings("a: {b: 3}", "a.b.c.d=1")
    assert node.plain() == {"a": {"b": 3}}
    assert problems == ["expected a mapping or a list to look up 'c' in"]


@pytest.mark.parametrize("setting", ["", "a", "=1", "a..b=1", ".a=1", "a.=1"])
def test_settings_without_a_path(setting):
    assert with_settings("a: 1", setting)[1] == ["expected KEY.KEY=VALUE, such as stages.train.epochs=3"]


@pytest.mark.parametrize("setting", ["profiles.p.a=1", "profile=p", "profiles={}"])
def test_profiles_cannot_be_set(setting):
    expected = ["expected a value of the pipeline; --profile NAME chooses a profile"]
    assert with_settings("a: 1\nprofiles: {p: {}}", setting)[1] == expected
