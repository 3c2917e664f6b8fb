"""What is valid but hardly meant, and what a wrong choice by `type` is told."""

from __future__ import annotations

import pytest

from gantk.cli import main
from gantk.config import cautions, json_schema, load_pipeline
from gantk.errors import ConfigError

PIPELINE = """\
name: tiny
stages:
  prepare: {source: quadrupeds}
  train:
    model: cyclegan
    epochs: 5
    schedule: {type: linear, constant: 1, decay: 3}
    augmentation: {type: ada}
"""


@pytest.fixture
def file(tmp_path, plugin_environment):
    path = tmp_path / "tiny.yaml"
    path.write_text(PIPELINE, encoding="utf-8")
    return path


def test_a_schedule_that_ends_early_is_cautioned_about_with_its_place(file):
    (caution,) = cautions(load_pipeline(file))
    assert caution.startswith("stages.train: the schedule's learning rate is zero after 4 epochs")
    assert cautions(load_pipeline(file, overrides=["stages.train.epochs=4"])) == []


def test_validate_shows_it_as_a_warning_and_succeeds(file, capsys):
    assert main(["pipeline", "validate", str(file)]) == 0
    out, err = capsys.readouterr()
    assert "valid, 2 stages" in out
    assert err.startswith("warning: stages.train: the schedule's learning rate is zero after 4 epochs")


def test_a_misspelt_type_is_told_at_its_place_with_the_nearest_name(file):
    with pytest.raises(ConfigError) as caught:
        load_pipeline(file, overrides=["stages.train.augmentation={type: difaugment}"])
    assert "stages.train.augmentation.type: expected one of 'diffaugment', 'ada'" in str(caught.value)
    assert "Received: 'difaugment'" in str(caught.value)
    assert "Did you mean 'diffaugment'?" in str(caught.value)


def test_a_key_of_the_chosen_kind_is_looked_for(file):
    with pytest.raises(ConfigError, match=r"(?s)augmentation.targett: expected a known key.*Did you mean 'target'"):
        load_pipeline(file, overrides=["stages.train.augmentation={type: ada, targett: 0.5}"])


def test_the_schema_says_which_kinds_there_are_in_words_of_json_schema(plugin_environment):
    schema = json_schema()
    augmentation = schema["$defs"]["stage:train"]["properties"]["augmentation"]
    kinds = augmentation["anyOf"][0]
    assert list(kinds) == ["oneOf"]
    names = [schema["$defs"][member["$ref"].removeprefix("#/$defs/")] for member in kinds["oneOf"]]
    assert [member["properties"]["type"]["const"] for member in names] == ["diffaugment", "ada"]
    # A property that happens to have the name of OpenAPI's hint stays.
    assert "discriminator" in schema["$defs"]["model:cyclegan"]["properties"]
