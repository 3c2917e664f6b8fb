import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gantk.config import load_pipeline
from gantk.errors import PluginError, RunFailed, UsageError
from gantk.pipeline.plan import default_run_directory, plan_pipeline
from gantk.pipeline.runner import RunResult, run_pipeline
from gantk.registry import Registry, process

HERE = Path(__file__).parent
PIPELINE = """
name: recorded
stages:
  make: {}
  learn: {}
  look: {}
profiles:
  other: {stages: {make: {text: two}}}
"""


@pytest.fixture
def pipeline_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(HERE))
    import recording_stages

    # The plugin counts as built in, so that its names are bare.
    monkeypatch.setattr(process, "_registry", Registry({"recording": recording_stages}))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE)
    yield path
    logging.getLogger("gantk").handlers.clear()


def run(path: Path, *overrides: str, profile: str | None = None, **arguments: object) -> RunResult:
    return run_pipeline(load_pipeline(path, profile=profile, overrides=overrides), **arguments)


def calls(stage: str, folder: str = "runs/recorded") -> list[dict[str, object]]:
    return [json.loads(line) for line in (Path(folder) / stage / "calls").read_text().splitlines()]


def record(folder: str = "runs/recorded") -> dict[str, object]:
    return json.loads((Path(folder) / "run.json").read_text())


def test_a_run_leaves_its_configuration_environment_and_record(pipeline_file: Path) -> None:
    result = run(pipeline_file)
    assert result.stages == {"make": "run", "learn": "run", "look": "run"}
    assert (result.run_dir, result.status) == (Path("runs/recorded"), "done")
    assert "name: recorded" in (result.run_dir / "config.yaml").read_text()
    assert json.loads((result.run_dir / "environment.json").read_text())["packages"]["keras"]
    assert "stage 1/3 make: has not run yet" in (result.run_dir / "logs" / "run.log").read_text()
    assert record()["status"] == "done"
    assert record()["stages"]["learn"]["outputs"]["model"]["path"] == "learn/model"


def test_an_unchanged_rerun_skips_all_but_what_checks_itself(pipeline_file: Path) -> None:
    run(pipeline_file)
    assert run(pipeline_file).stages == {"make": "skip", "learn": "skip", "look": "run"}
    assert record()["stages"]["make"]["skipped"] is True


def test_a_changed_option_runs_its_stage_and_what_reads_its_result(pipeline_file: Path) -> None:
    run(pipeline_file)
    assert run(pipeline_file, "stages.learn.text=two").stages == {"make": "skip", "learn": "run", "look": "run"}
    assert run(pipeline_file, "stages.make.text=two", "stages.learn.text=two").stages["learn"] == "run"
    assert calls("learn.previous") == [{"resume": False, "text": "two"}]


def test_a_result_that_is_gone_is_made_again(pipeline_file: Path) -> None:
    run(pipeline_file)
    Path("runs/recorded/make/dataset").unlink()
    assert run(pipeline_file).stages == {"make": "run", "learn": "skip", "look": "run"}


def test_from_and_until(pipeline_file: Path) -> None:
    assert run(pipeline_file, last="make").stages == {"make": "run"}
    run(pipeline_file)
    assert run(pipeline_file, first="learn", last="learn").stages == {"make": "skip", "learn": "run"}
    with pytest.raises(UsageError, match=r"--from must name a stage .* Received: 'lern'"):
        run(pipeline_file, first="lern")
    with pytest.raises(UsageError, match=r"--from must not come after --until"):
        run(pipeline_file, first="look", last="make")


def test_unfinished_work_is_not_begun_anew_unasked(pipeline_file: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(pipeline_file, "stages.learn.fail=interrupt")
    assert record()["status"] == "interrupted"
    assert record()["stages"]["learn"]["status"] == "interrupted"
    with pytest.raises(
        UsageError, match=r"holds an unfinished 'learn' stage(.|\n)*--resume continues it; --from learn"
    ):
        run(pipeline_file, "stages.learn.fail=interrupt")
    with pytest.raises(KeyboardInterrupt):
        run(pipeline_file, "stages.learn.fail=interrupt", resume=True)
    assert [call["resume"] for call in calls("learn")] == [False, True]


def test_unfinished_work_of_other_options_is_not_continued_in_silence(pipeline_file: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(pipeline_file, "stages.learn.fail=interrupt")
    with pytest.raises(UsageError, match=r"--resume cannot continue. Received: its options or inputs changed"):
        run(pipeline_file, "stages.learn.text=two", resume=True)
    assert [call["text"] for call in calls("learn")] == ["one"]
    assert run(pipeline_file, "stages.learn.text=two").stages["learn"] == "run"


def test_a_refused_call_leaves_the_record_as_it_was(pipeline_file: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(pipeline_file, "stages.learn.fail=interrupt")
    before = {name: (Path("runs/recorded") / name).read_bytes() for name in ("run.json", "config.yaml")}
    with pytest.raises(UsageError, match="unfinished 'learn'"):
        run(pipeline_file, "stages.learn.fail=interrupt", "stages.learn.rounds=7")
    assert before == {name: (Path("runs/recorded") / name).read_bytes() for name in before}


def test_a_stage_that_failed_before_it_left_anything_is_begun_anew(pipeline_file: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(pipeline_file, "stages.learn.fail=interrupt")
    Path("runs/recorded/learn/calls").unlink()
    with pytest.raises(KeyboardInterrupt):
        run(pipeline_file, "stages.learn.fail=interrupt")
    assert [call["resume"] for call in calls("learn")] == [False]


def test_sigterm_ends_a_stage_as_an_interruption(pipeline_file: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        run(pipeline_file, "stages.make.fail=terminate")
    assert record()["status"] == record()["stages"]["make"]["status"] == "interrupted"
    assert "--resume" in Path("runs/recorded/logs/run.log").read_text()
    assert signal.getsignal(signal.SIGTERM) is before


def test_options_that_may_change_are_continued_with_resume_only(pipeline_file: Path) -> None:
    run(pipeline_file)
    assert run(pipeline_file, "stages.learn.rounds=5", resume=True).stages["learn"] == "resume"
    assert [call["resume"] for call in calls("learn")] == [False, True]
    assert run(pipeline_file, "stages.learn.rounds=9").stages["learn"] == "run"
    assert [call["resume"] for call in calls("learn")] == [False]


def test_a_full_disk_is_told_with_what_to_do(pipeline_file: Path) -> None:
    with pytest.raises(RunFailed, match=r"'make' found no space left on the disk(.|\n)*--resume"):
        run(pipeline_file, "stages.make.fail=full")
    assert record()["stages"]["make"]["status"] == "failed"


def test_a_stage_that_fails_is_recorded_and_its_error_kept(pipeline_file: Path) -> None:
    with pytest.raises(ValueError, match="the stage's own fault"):
        run(pipeline_file, "stages.make.fail=error")
    assert record()["status"] == "failed"
    assert record()["stages"]["make"]["error"] == "ValueError: the stage's own fault"
    assert run(pipeline_file).stages["make"] == "run"


def test_a_stage_that_leaves_less_than_it_promised_is_named(pipeline_file: Path) -> None:
    with pytest.raises(PluginError, match=r"'make' .* must return the artifacts \['dataset'\]. Received: \[\]"):
        run(pipeline_file, "stages.make.fail=nothing")


def test_a_profile_has_a_run_directory_of_its_own(pipeline_file: Path) -> None:
    assert run(pipeline_file, profile="other").run_dir == Path("runs/recorded-other")
    assert default_run_directory(load_pipeline(pipeline_file)) == Path("runs/recorded")


def test_the_plan_says_what_the_run_then_does(pipeline_file: Path) -> None:
    def plan(*overrides: str, **arguments: object) -> dict[str, tuple[str, str]]:
        planned = plan_pipeline(load_pipeline(pipeline_file, overrides=overrides), **arguments)
        return {stage.name: (stage.action, stage.reason) for stage in planned}

    assert plan() == {
        "make": ("run", "has not run yet"),
        "learn": ("run", "needs what 'make' will leave"),
        "look": ("run", "needs what 'learn' will leave"),
    }
    assert not Path("runs").exists()
    run(pipeline_file)
    assert plan()["learn"] == ("skip", "nothing about it has changed")
    assert plan("stages.learn.text=two")["learn"] == ("run", "its options or inputs changed")
    assert plan("stages.make.text=two")["learn"] == ("run", "needs what 'make' will leave")
    assert plan("stages.learn.rounds=2", resume=True)["learn"] == ("resume", "continues with changed options")
    assert plan(first="learn")["learn"] == ("run", "asked for by --from")


def test_two_runs_cannot_share_a_directory(pipeline_file: Path) -> None:
    from gantk.pipeline.run_directory import RunDirectory

    with RunDirectory(Path("runs/recorded")).locked(), pytest.raises(RunFailed, match="in use by another gantk run"):
        run(pipeline_file)


def test_a_run_directory_that_is_a_file_or_broken_is_told(pipeline_file: Path) -> None:
    Path("taken").write_text("x")
    with pytest.raises(UsageError, match=r"must be a folder. Received a file: taken"):
        run(pipeline_file, run_dir=Path("taken"))
    Path("broken").mkdir()
    Path("broken/run.json").write_text("{")
    with pytest.raises(RunFailed, match=r"run\.json is not the record of a gantk run"):
        run(pipeline_file, run_dir=Path("broken"))


def test_a_killed_run_leaves_its_directory_usable(pipeline_file: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import recording_stages\n"
        "from gantk.registry import Registry, process; process._registry = Registry({'recording': recording_stages})\n"
        "from gantk.config import load_pipeline; from gantk.pipeline.runner import run_pipeline\n"
        "run_pipeline(load_pipeline('pipeline.yaml', overrides=['stages.learn.fail=kill']))\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(HERE)], capture_output=True)
    assert killed.returncode == -9
    assert record()["stages"]["learn"]["status"] == "running"
    assert run(pipeline_file, "stages.learn.fail=kill", last="make").stages == {"make": "skip"}
    with pytest.raises(UsageError, match="unfinished 'learn'"):
        run(pipeline_file, "stages.learn.fail=kill")
