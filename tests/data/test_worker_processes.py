"""Preparation in worker processes: the same bytes, and an end in seconds when something goes wrong."""

import signal
import subprocess
import sys
import time

import pytest

from gantk.data import PreparedDataset, prepare
from gantk.errors import PluginError, RunFailed


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def processes_about(directory):
    """Command lines of living processes that were started for this folder."""
    found = subprocess.run(["ps", "-ww", "-eo", "stat=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line for line in found.splitlines() if "gantk.data.beam_" in line and str(directory) in line]
    return [line for line in lines if not line.startswith("Z")]


def assert_none_left(directory):
    deadline = time.monotonic() + 5
    while processes_about(directory) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_about(directory) == []
    half_written = [path for path in directory.rglob("*") if ".tmp-" in path.name]
    assert half_written == []


def test_any_number_of_workers_writes_the_same_bytes(source, transform, tmp_path):
    settings = {"transforms": [transform("noise"), transform("half")], "seed": 7, "unit_images": 9}
    made = source(train=30, test=6)
    in_process = prepare(made, directory=tmp_path / "none", **settings)
    in_three = prepare(made, directory=tmp_path / "three", workers=3, **settings)
    assert in_three.units >= 8
    assert in_three.digest == in_process.digest
    assert contents(tmp_path / "three") == contents(tmp_path / "none")
    assert_none_left(tmp_path / "three")


def test_files_of_the_working_directory_stand_in_for_no_module(source, tmp_path, monkeypatch):
    for name in ("csv", "gantk", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a script of the user was executed')")
    monkeypatch.chdir(tmp_path)
    assert prepare(source(train=3, test=0), directory=tmp_path / "out", workers=1).counts["train"]
    assert_none_left(tmp_path / "out")


def test_a_killed_worker_ends_the_run_in_seconds_and_the_rest_is_kept(source, tmp_path):
    made = source(train=60, test=0, fault="killed once", marker=str(tmp_path / "marker"))
    settings = {"directory": tmp_path / "out", "workers": 1, "unit_images": 6}
    started = time.monotonic()
    with pytest.raises(RunFailed, match="a worker process of the preparation died") as caught:
        prepare(made, **settings)
    assert time.monotonic() - started < 40  # FnApiRunner by itself waits for ever
    assert "-9" in caught.value.message
    assert "memory" in caught.value.hint
    assert_none_left(tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
    done = len(list((tmp_path / "out" / "reports").iterdir()))
    again = prepare(made, **settings)
    assert again.skipped_units == done
    assert again.counts == {"train": {"A": 60, "B": 60}}
    assert not list(PreparedDataset.open(tmp_path / "out").damaged_shards())


def test_an_error_in_a_worker_arrives_whole(source, tmp_path):
    with pytest.raises(PluginError) as caught:
        prepare(source(train=0, test=8, fault="skips"), directory=tmp_path / "out", workers=2, unit_images=4)
    assert "in their order: expected 'test/" in caught.value.message
    assert_none_left(tmp_path / "out")


def test_a_run_that_stands_still_is_ended(source, tmp_path):
    made = source(train=0, test=8, fault="hangs", marker=str(tmp_path / "marker"))
    with pytest.raises(RunFailed, match="a unit of work must be finished every 2 s"):
        prepare(made, directory=tmp_path / "out", workers=1, stall_seconds=2)
    assert_none_left(tmp_path / "out")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_or_killed_run_leaves_no_process_behind(tmp_path, how):
    code = (
        "from pydantic import TypeAdapter\n"
        "from gantk.config.components import SourceChoice\n"
        "from gantk.data import prepare\n"
        f"plain = {{'type': 'tiny_data/made', 'fault': 'hangs', 'marker': {str(tmp_path / 'marker')!r}}}\n"
        "source = TypeAdapter(SourceChoice).validate_python(plain)\n"
        f"prepare(source, directory={str(tmp_path / 'out')!r}, workers=2, unit_images=4)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "marker").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (tmp_path / "marker").exists(), process.communicate()[1]
    assert len(processes_about(tmp_path / "out")) == 3  # a driver and two workers
    process.send_signal(how)
    errors = process.communicate(timeout=30)[1]
    if how == signal.SIGINT:
        assert "KeyboardInterrupt" in errors
        assert_none_left(tmp_path / "out")
    else:
        # Nobody was left to sweep up; the next run does.
        deadline = time.monotonic() + 5
        while processes_about(tmp_path / "out") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert processes_about(tmp_path / "out") == []
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_another_runner_is_passed_through(source, tmp_path):
    made = source(train=6, test=2)
    runner = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
    prepare(made, directory=tmp_path / "out", beam={"runner": runner, "options": {"direct_num_workers": 1}})
    prepare(made, directory=tmp_path / "local")
    assert contents(tmp_path / "out") == contents(tmp_path / "local")


def test_an_unknown_runner_is_an_error_with_the_reason(source, tmp_path):
    with pytest.raises(RunFailed, match="process that drives Beam ended with code 1") as caught:
        prepare(source(train=6, test=2), directory=tmp_path / "out", beam={"runner": "NoSuchRunner"})
    assert "NoSuchRunner" in caught.value.message
    assert_none_left(tmp_path / "out")
