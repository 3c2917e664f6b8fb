"""Progress lines, metric files, sample grids and signals, each by itself."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from gantk.engine import progress as progress_module
from gantk.engine.interruption import interruptions
from gantk.engine.metrics_log import MetricsLog
from gantk.engine.progress import TrainingProgress, duration
from gantk.engine.sample_grid import SampleGrid, write_sample_grid


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (380, "6 min 20 s"),
        (11_100, "3 h 05 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text


def test_the_estimate_counts_the_first_step_apart(monkeypatch, caplog):
    clock = iter([0.0, 10.0, 15.0, 16.0])
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: next(clock))
    display = TrainingProgress(100)
    display.begin()
    with caplog.at_level(logging.INFO, logger="gantk.engine"):
        display.step(1)
        assert display.estimating
        display.step(2)
    assert not display.estimating
    # 15 - 10 s for the first step, one second for the next: 5 + 99 · 1 s.
    assert [record.message for record in caplog.records] == [
        "first step 5.0 s, then 1000 ms a step: the full run of 100 steps takes about 1 min 44 s"
    ]


def test_a_resumed_run_says_what_is_left(monkeypatch, caplog):
    clock = iter([0.0, 0.0, 2.0, 4.0])
    monkeypatch.setattr(progress_module.time, "perf_counter", lambda: next(clock))
    display = TrainingProgress(100, start=60)
    display.begin()
    with caplog.at_level(logging.INFO, logger="gantk.engine"):
        display.step(61)
        display.step(62)
    assert caplog.records[0].message.endswith("takes about 3 min 20 s, 1 min 16 s of it left")


def test_a_terminal_gets_a_bar():
    """In a pseudo-terminal, since only there is a bar drawn."""
    if sys.platform == "win32":
        pytest.skip("needs a pseudo-terminal")
    import os
    import pty

    leader, follower = pty.openpty()
    code = (
        "from gantk.engine.progress import TrainingProgress\n"
        "with TrainingProgress(4) as display:\n"
        "    display.begin()\n"
        "    for step in range(1, 5):\n"
        "        display.step(step)\n"
        "        display.log(step, 1, {'critic_loss': 0.25})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=follower, env={**os.environ, "TERM": "xterm"})
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait() == 0
    assert b"4/4" in shown
    assert b"critic_loss 0.25" in shown


def write_lines(path, steps):
    path.write_text("".join(json.dumps({"step": step, "loss": step / 2}) + "\n" for step in steps))


def test_metrics_are_cut_back_to_the_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_lines(path, [3, 6, 9])
    with MetricsLog(path, step=7) as log:
        log.write(9, 2, {"loss": 0.5})
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["step"] for line in found] == [3, 6, 9]
    assert found[-1]["loss"] == 0.5


def test_half_a_line_is_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_lines(path, [3])
    with open(path, "a") as stream:
        stream.write('{"step": 6, "lo')
    with MetricsLog(path, step=6):
        pass
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [3]


def test_a_new_run_starts_an_empty_file(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_lines(path, [3])
    with MetricsLog(path, step=0):
        pass
    assert path.read_text() == ""


def test_events_need_no_tensorflow():
    code = (
        "import sys, tempfile, pathlib\n"
        "from gantk.engine.metrics_log import EventLog\n"
        "with EventLog(pathlib.Path(tempfile.mkdtemp()), step=0) as log:\n"
        "    log.write(1, {'loss': 0.5})\n"
        "assert 'tensorflow' not in sys.modules, 'imported'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_grid_enlarges_small_pictures_and_shows_grey_as_colour(tmp_path):
    small = np.array([[[[-1.0]], [[1.0]]], [[[0.0]], [[-1.0]]]]).reshape(2, 2, 1, 1)
    large = np.zeros((2, 4, 2, 3), "f4")
    large[1] = 2.0
    path = write_sample_grid(
        tmp_path, SampleGrid(["a → b", "a → b"], {"small": small, "large": large}), step=7, epoch=2
    )
    assert path.name == "step-00000007.png"
    grid = np.asarray(Image.open(path))
    assert grid.shape == (8, 4, 3)
    np.testing.assert_array_equal(grid[:4, :2, 0], [[0, 0], [0, 0], [255, 255], [255, 255]])
    assert (grid[:4, 2:] == 128).all()
    # Beyond [-1, 1] is clipped.
    assert (grid[4:, 2:] == 255).all()
    about = json.loads((tmp_path / "step-00000007.json").read_text())
    assert about == {"step": 7, "epoch": 2, "rows": ["a → b", "a → b"], "columns": ["small", "large"]}


def test_a_grid_of_two_directions():
    preview = {
        "AtoB": {"input": np.zeros((2, 1, 1, 3)), "output": np.ones((2, 1, 1, 3))},
        "BtoA": {"input": np.ones((1, 1, 1, 3)), "output": np.zeros((1, 1, 1, 3))},
    }
    grid = SampleGrid.from_preview(preview, {"AtoB": "horse → zebra"})
    assert grid.rows == ["horse → zebra", "horse → zebra", "BtoA"]
    assert {name: images[:, 0, 0, 0].tolist() for name, images in grid.columns.items()} == {
        "input": [0, 0, 1],
        "output": [1, 1, 0],
    }


def test_the_first_signal_is_noted_and_the_second_stops_at_once():
    before = signal.getsignal(signal.SIGTERM)
    with interruptions() as interruption:
        assert not interruption.requested
        signal.raise_signal(signal.SIGTERM)
        assert interruption.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_signals_keep_their_meaning():
    before = signal.getsignal(signal.SIGTERM)
    during = []

    def work():
        with interruptions():
            during.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert during == [before]
