"""A run killed by SIGKILL and resumed ends with the bits of one never interrupted."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gantk.engine.checkpoints import read_checkpoint

SCRIPT = Path(__file__).with_name("kill_and_resume.py")
LAST = 15

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks processes and looks into /proc")


def run(backend, folder, plan):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)],
        input=json.dumps(plan),
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    endings = json.loads(done.stdout.splitlines()[-1])
    for case, details in plan.items():
        expected = ["killed"] * len(details["kills"]) + ["done"]
        assert endings[case] == expected, f"{case}: {endings[case]}\n{done.stderr[-3000:]}"


def metrics(directory):
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        del line["time"]
    return lines


def assert_same(directory, reference):
    name = f"checkpoints/step-{LAST:08d}.safetensors"
    about, state = read_checkpoint(directory / name)
    _, expected = read_checkpoint(reference / name)
    assert about["step"] == LAST
    assert state.keys() == expected.keys()
    for key in expected:
        assert state[key].tobytes() == expected[key].tobytes(), f"{directory.name}: {key} differs"
    assert metrics(directory) == metrics(reference)
    assert [line["step"] for line in metrics(reference)] == [3, 6, 9, 12, 15]


def assert_a_run_of_substance(reference, first):
    """The comparison means something: weights, averages, moments and random states have all moved."""
    _, start = read_checkpoint(reference / f"checkpoints/step-{first:08d}.safetensors")
    _, end = read_checkpoint(reference / f"checkpoints/step-{LAST:08d}.safetensors")
    for group in ("networks/", "averages/", "optimizers/", "model/"):
        assert any(np.any(start[key] != end[key]) for key in end if key.startswith(group)), group


FAST = {
    "whole": {"model": "tiny_wgan", "kills": []},
    # In the first epoch before any checkpoint; in the middle of an epoch and of an accumulation; at its end.
    "steps": {"model": "tiny_wgan", "kills": [["batch", 2], ["batch", 7], ["batch", 10]]},
    "writes": {"model": "tiny_wgan", "kills": [["half", 8], ["unrenamed", 10], ["renamed", 12], ["line", 15]]},
    "pool_whole": {"model": "tiny_translation", "kills": []},
    "pool": {"model": "tiny_translation", "kills": [["batch", 6], ["half", 12], ["batch", 13]]},
}


def test_killed_runs_end_with_the_same_bits_on_tensorflow(tmp_path):
    run("tensorflow", tmp_path, FAST)
    assert_a_run_of_substance(tmp_path / "whole", 12)
    assert_same(tmp_path / "steps", tmp_path / "whole")
    assert_same(tmp_path / "writes", tmp_path / "whole")
    assert_a_run_of_substance(tmp_path / "pool_whole", 12)
    assert_same(tmp_path / "pool", tmp_path / "pool_whole")
    leftovers = [path.name for path in tmp_path.rglob("*.tmp-*")]
    assert leftovers == []


@pytest.mark.slow
def test_killed_runs_end_with_the_same_bits_on_jax(tmp_path):
    plan = {
        "whole": {"model": "tiny_wgan", "kills": []},
        "killed": {"model": "tiny_wgan", "kills": [["batch", 7], ["half", 12]]},
        "pool_whole": {"model": "tiny_translation", "kills": []},
        "pool": {"model": "tiny_translation", "kills": [["batch", 6], ["unrenamed", 10]]},
    }
    run("jax", tmp_path, plan)
    assert_a_run_of_substance(tmp_path / "whole", 12)
    assert_same(tmp_path / "killed", tmp_path / "whole")
    assert_a_run_of_substance(tmp_path / "pool_whole", 12)
    assert_same(tmp_path / "pool", tmp_path / "pool_whole")


@pytest.mark.slow
def test_killed_at_every_step(tmp_path):
    plan = {"whole": {"model": "tiny_wgan", "kills": []}, "pool_whole": {"model": "tiny_translation", "kills": []}}
    for step in range(LAST):
        model = "tiny_wgan" if step % 2 else "tiny_translation"
        plan[f"{model}_{step}"] = {"model": model, "kills": [["batch", step]]}
    for point in ("half", "unrenamed", "renamed"):
        plan[f"tiny_wgan_{point}"] = {"model": "tiny_wgan", "kills": [[point, 4], [point, 10], [point, 15]]}
    run("tensorflow", tmp_path, plan)
    for case, details in plan.items():
        if details["kills"]:
            assert_same(tmp_path / case, tmp_path / ("whole" if details["model"] == "tiny_wgan" else "pool_whole"))


@pytest.mark.slow
def test_killed_from_outside_at_any_moment(tmp_path):
    """As a user's machine would do it: another process, no knowledge of where the run is."""
    run("tensorflow", tmp_path, {"whole": FAST["whole"]})
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); from pathlib import Path\n"
        "import kill_and_resume\n"
        "kill_and_resume.train_once('tiny_wgan', Path(sys.argv[1]), None, sys.argv[2] == 'resume')",
    ]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    chance = random.Random(3)
    directory = tmp_path / "outside"
    for attempt in range(8):
        process = subprocess.Popen([*command, str(directory), "resume" if attempt else "new"], env=environment)
        deadline = time.monotonic() + 60
        while not list(directory.glob("checkpoints/*")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.2 if attempt == 0 else 8))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
    subprocess.run([*command, str(directory), "resume"], env=environment, check=True)
    assert_same(directory, tmp_path / "whole")
