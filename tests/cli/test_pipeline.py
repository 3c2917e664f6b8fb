"""`gantk pipeline` and `gantk schema`: what they print and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_run_prints_the_run_directory_alone(gantk, stages):
    outcome = gantk("pipeline", "run", "greeting.yaml", "--run-dir", "out", "--profile", "loud")
    assert (outcome.code, outcome.out) == (0, "out\n")
    assert Path("out/greet/greeting.txt").read_text() == "hello " * 9


def test_run_again_skips_and_from_runs_anew(gantk, stages):
    gantk("pipeline", "run", "greeting.yaml", "--run-dir", "out")
    assert "skipped" in gantk("pipeline", "run", "greeting.yaml", "--run-dir", "out").err
    outcome = gantk("pipeline", "run", "greeting.yaml", "--run-dir", "out", "--from", "part")
    assert outcome.code == 0
    states = json.loads(Path("out/run.json").read_text())["stages"]
    assert (states["greet"]["skipped"], states["part"]["skipped"]) == (True, False)


def test_until_and_set(gantk, stages):
    gantk("pipeline", "run", "greeting.yaml", "--run-dir", "out", "--until", "greet", "--set", "stages.greet.words=2")
    assert Path("out/greet/greeting.txt").read_text() == "hello hello "
    assert not Path("out/part").exists()


def test_quiet_says_nothing(gantk, stages):
    for arguments in (("-q", "pipeline", "run", "greeting.yaml"), ("pipeline", "run", "greeting.yaml", "-q")):
        assert gantk(*arguments).err == ""


def test_run_with_a_plugin_from_a_file(gantk, stages, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import gantk\n"
        "@gantk.hookimpl\ndef gantk_stages():\n"
        "    return [gantk.StageSpec(name='wave', factory='mine:Wave', summary='Waves.')]\n"
        "@gantk.hookimpl\ndef gantk_after_run(run_dir, status):\n    (run_dir / 'heard').write_text(status)\n"
        "class Wave:\n"
        "    def __init__(self, options): pass\n"
        "    def run(self, context):\n        (context.directory / 'wave').touch()\n        return {}\n"
    )
    Path("wave.yaml").write_text("name: wave\nstages:\n  one: {type: mine/wave}\n")
    assert gantk("pipeline", "run", "wave.yaml", "--run-dir", "before").code == 5
    assert gantk("pipeline", "run", "wave.yaml", "--run-dir", "out", "-p", "./mine.py").code == 0
    assert Path("out/one/wave").exists()
    assert Path("out/heard").read_text() == "done"


def test_validate(gantk, stages):
    outcome = gantk("pipeline", "validate", "greeting.yaml")
    assert (outcome.code, outcome.out, outcome.err) == (0, "greeting.yaml: valid, 2 stages: greet, part\n", "")


def test_validate_finds_what_is_wrong(gantk, stages):
    outcome = gantk("pipeline", "validate", "greeting.yaml", "--set", "stages.greet.words=0")
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err.startswith("error: ")
    assert "stages.greet.words" in outcome.err


def test_a_name_that_no_plugin_has_is_a_missing_plugin(gantk, stages):
    outcome = gantk("pipeline", "validate", "greeting.yaml", "--set", "stages.greet.type=greeet")
    assert outcome.code == 5
    assert "stage 'greeet' is not known" in outcome.err
    assert "Did you mean 'greet'?" in outcome.err


def test_plan(gantk, stages):
    outcome = gantk("pipeline", "plan", "greeting.yaml", "--run-dir", "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "STAGE  TYPE   ACTION  REASON",
        "greet  greet  run     has not run yet",
        "part   greet  run     has not run yet",
    ]
    assert not Path("out").exists()


def test_plan_as_json(gantk, stages):
    gantk("pipeline", "run", "greeting.yaml", "--run-dir", "out", "--until", "greet")
    outcome = gantk("pipeline", "plan", "greeting.yaml", "--run-dir", "out", "--json")
    assert json.loads(outcome.out)[0] == {
        "name": "greet",
        "type": "greet",
        "action": "skip",
        "reason": "nothing about it has changed",
    }


def test_plan_tells_how_long_a_stage_took_the_last_time(gantk, stages):
    gantk("pipeline", "run", "greeting.yaml", "--run-dir", "out")
    record = json.loads(Path("out/run.json").read_text())
    record["stages"]["part"]["seconds"] = 7500.0
    Path("out/run.json").write_text(json.dumps(record))
    arguments = ("pipeline", "plan", "greeting.yaml", "--run-dir", "out", "--from", "part")
    assert gantk(*arguments).out.splitlines() == [
        "STAGE  TYPE   ACTION  TIME        REASON",
        "greet  greet  skip    -           nothing about it has changed",
        "part   greet  run     2 h 05 min  asked for by --from",
        "part: took 7500 s the last time",
    ]
    greet, part = json.loads(gantk(*arguments, "--json").out)
    assert "estimate" not in greet
    assert part["estimate"] == {"seconds": 7500.0, "how": "the last time"}


def test_estimating_says_what_it_does_and_what_it_cannot(gantk, stages):
    """There is nothing to prepare or to train in this pipeline."""
    outcome = gantk("pipeline", "plan", "greeting.yaml", "--run-dir", "out", "--estimate")
    assert outcome.code == 0
    assert outcome.err == "estimating: listing the data, building the model and trying some steps\n"
    assert outcome.out.startswith("STAGE  TYPE   ACTION  REASON\n")
    assert not Path("out").exists()


def test_show_prints_a_pipeline_that_is_itself_valid(gantk, stages):
    outcome = gantk("pipeline", "show", "greeting.yaml", "--profile", "loud", "--set", "seed=7")
    assert outcome.code == 0
    Path("exact.yaml").write_text(outcome.out)
    assert "words: 9" in outcome.out
    assert gantk("pipeline", "show", "exact.yaml").out == outcome.out


@pytest.mark.parametrize("command", ["run", "validate", "plan", "show"])
def test_missing_file_is_a_usage_error(gantk, stages, command):
    outcome = gantk("pipeline", command, "missing.yaml")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "error: Invalid value for 'FILE': File 'missing.yaml' does not exist.\n"
        f"hint: `gantk pipeline {command} --help` shows how it is used.\n"
    )


def test_unknown_stage_is_a_usage_error(gantk, stages):
    outcome = gantk("pipeline", "run", "greeting.yaml", "--until", "greeet")
    assert outcome.code == 2
    assert "Received: 'greeet'" in outcome.err


def test_schema(gantk, stages):
    outcome = gantk("schema")
    schema = json.loads(outcome.out)
    assert (outcome.code, outcome.err) == (0, "")
    assert "How many words." in json.dumps(schema)
    assert gantk("schema", "-o", "pipeline.schema.json").out == ""
    assert json.loads(Path("pipeline.schema.json").read_text()) == schema
