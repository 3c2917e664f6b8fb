import subprocess
import sys

import pytest
from pydantic import ValidationError

from gantk.config import Component, Pipeline, RuntimeOptions, load_pipeline, profiles_of
from gantk.config.sentences import expectation
from gantk.errors import ConfigError, PluginError

SMALLEST = "name: x\nstages: {report: {}}\n"


def test_a_pipeline(write, good, registry):
    pipeline = load_pipeline(write(good), registry=registry)
    assert (pipeline.name, pipeline.seed, pipeline.profile) == ("horse2zebra", 7, None)
    assert pipeline.description == "Horses to zebras: and back"
    assert pipeline.runtime == RuntimeOptions(backend="jax", threads=2)
    assert list(pipeline.stages) == ["prepare", "train", "forwards", "report"]
    train = pipeline.stages["train"]
    assert (train.name, train.type, train.spec.produces) == ("train", "train", ("model",))
    assert isinstance(train.component, Component)
    assert train.options.model.options.generator.options.dropout == 1e-4
    assert train.options.optimizers["generators"].learning_rate == 1e-4
    assert train.options.note == "no"
    assert pipeline.stages["forwards"].type == "translate"
    assert pipeline.stages["report"].type == "report"


def test_defaults(write, registry):
    pipeline = load_pipeline(write(SMALLEST), registry=registry)
    assert (pipeline.description, pipeline.seed, pipeline.plugins) == ("", 0, ())
    assert pipeline.runtime == RuntimeOptions(backend="auto", threads=None)


def test_profile_then_overrides(write, good, registry):
    path = write(good)
    pipeline = load_pipeline(path, profile="paper", overrides=["stages.train.jit=true"], registry=registry)
    train = pipeline.stages["train"].options
    assert pipeline.profile == "paper"
    assert (train.epochs, train.note, train.jit) == (200, "", True)
    assert [transform.name for transform in train.transforms] == ["normalise"]
    assert pipeline.stages["prepare"].options.source.options.path == "data/all"
    overridden = load_pipeline(path, profile="paper", overrides=["stages.train.epochs=3"], registry=registry)
    assert overridden.stages["train"].options.epochs == 3


def test_extended_profile(write, good, registry):
    pipeline = load_pipeline(write(good), profile="long", registry=registry)
    assert pipeline.profile == "long"
    assert pipeline.stages["train"].options.epochs == 400
    assert pipeline.stages["prepare"].options.source.options.path == "data/all"


def test_a_profile_can_remove_a_stage(write, good, registry):
    path = write(good + "  short: {stages: {forwards: null, report: null}}\n")
    assert list(load_pipeline(path, profile="short", registry=registry).stages) == ["prepare", "train"]


def test_profiles_of(write, good):
    assert profiles_of(write(good)) == ["paper", "long"]
    with pytest.raises(ConfigError, match="expected a mapping with the keys"):
        profiles_of(write("- a\n"))


def test_a_stage_given_as_a_name(write, registry):
    pipeline = load_pipeline(write("name: x\nstages: {page: report}\n"), registry=registry)
    assert pipeline.stages["page"].type == "report"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, registry):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.encode())
    assert load_pipeline(path, registry=registry).name == "x"


def test_a_pipeline_is_frozen(write, registry):
    pipeline = load_pipeline(write(SMALLEST), registry=registry)
    with pytest.raises(ValidationError, match="frozen"):
        pipeline.seed = 3


PLUGIN = """\
import gantk

@gantk.hookimpl
def gantk_generators():
    return [gantk.GeneratorSpec(name="mine", factory="builtins:dict", summary="Mine.")]
"""


def test_plugins_of_the_file_are_loaded_before_validation(write, registry, monkeypatch, tmp_path):
    write(PLUGIN, "config_test_plugin.py")
    path = write(
        "name: x\nplugins: [./config_test_plugin.py]\nstages:\n"
        "  prepare: {source: {type: folder, path: x}}\n"
        "  train: {model: {type: cyclegan, generator: config_test_plugin/mine}}\n"
    )
    monkeypatch.chdir("/")
    pipeline = load_pipeline(path, registry=registry)
    # Absolute, so that the resolved pipeline can be saved elsewhere.
    assert pipeline.plugins == (str(tmp_path / "config_test_plugin.py"),)
    assert pipeline.stages["train"].options.model.options.generator.name == "config_test_plugin/mine"


def test_a_broken_plugin_is_told_where_something_of_its_is_asked_for(write, registry):
    write("raise RuntimeError('no luck')\n", "config_broken_plugin.py")
    path = write(
        "name: x\nplugins: [./config_broken_plugin.py]\nstages:\n"
        "  prepare: {source: {type: config_broken_plugin/s, path: x}}\n"
    )
    with pytest.raises(PluginError) as caught:
        load_pipeline(path, registry=registry)
    assert f"{path}:4:28: stages.prepare.source.type: source 'config_broken_plugin/s' is not" in str(caught.value)
    assert "no luck" in str(caught.value)


def test_strict_values_are_not_converted(write, registry):
    for setting in ("seed=true", "seed=1.0", "seed='1'", "runtime.threads=true"):
        with pytest.raises(ConfigError, match="expected an integer"):
            load_pipeline(write(SMALLEST), overrides=[setting], registry=registry)


def test_a_stage_after_an_unknown_one_is_not_blamed(write, registry):
    path = write("name: x\nstages:\n  collect: {}\n  train: {model: cyclegan}\n")
    with pytest.raises(PluginError) as caught:
        load_pipeline(path, registry=registry)
    assert "1 problem" in str(caught.value)


def test_the_source_that_counts_is_the_one_of_the_latest_dataset(write, registry):
    path = write(
        "name: x\nstages:\n"
        "  pairs: {type: prepare, source: {type: folder, path: x, paired: true}}\n"
        "  train-pairs: {type: train, model: pix2pix}\n"
        "  singles: {type: prepare, source: {type: folder, path: x}}\n"
        "  train-singles: {type: train, model: cyclegan}\n"
    )
    assert len(load_pipeline(path, registry=registry).stages) == 4


def test_a_pipeline_validates_without_a_file(registry):
    pipeline = Pipeline.model_validate({"name": "x", "stages": {"report": None}}, context={"registry": registry})
    assert pipeline.stages["report"].component.name == "report"


@pytest.mark.parametrize(
    ("error_type", "message", "context", "expected"),
    [
        ("value_error", "Value error, too odd. Received: 3", {}, ("", "too odd. Received: 3")),
        ("assertion_error", "Assertion failed, ", {}, ("", "expected a valid value")),
        ("is_instance_of", "Input should be an instance of Path", {}, ("Path", "")),
        ("uuid_type", "UUID input should be a string", {}, ("", "UUID input should be a string")),
        ("too_short", "", {"min_length": 1}, ("1 item or more", "")),
        ("too_short", "", {"min_length": 2}, ("at least 2 items", "")),
        ("multiple_of", "", {"multiple_of": 4.0}, ("a multiple of 4", "")),
        ("greater_than", "", {"gt": 0.5}, ("a value greater than 0.5", "")),
    ],
)
def test_sentences(error_type, message, context, expected):
    assert expectation(error_type, message, context) == expected


def test_loading_imports_no_framework(write, good):
    path = write("name: x\nstages: {prepare: {source: nothing_of_the_sort}}\n")
    code = (
        "import sys, gantk.config as config\n"
        "from gantk.errors import GantkError\n"
        "from gantk.registry import Registry\n"
        "registry = Registry({})\n"
        f"try: config.load_pipeline({str(path)!r}, registry=registry)\n"
        "except GantkError as error: assert 'not known' in str(error)\n"
        "else: raise SystemExit('no error')\n"
        "config.json_schema(registry); config.resolved_yaml\n"
        "found = {'tensorflow', 'jax', 'keras', 'apache_beam', 'numpy'} & set(sys.modules)\n"
        "raise SystemExit(f'imported {found}' if found else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
