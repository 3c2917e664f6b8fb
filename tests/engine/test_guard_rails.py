"""The warnings of a training that goes wrong: when they come, when they do not, and that they are not spam."""

from __future__ import annotations

import json
import logging
import time

import numpy as np
import pytest
import tiny_models

from gantk.engine import guard_rails as guard_rails_module
from gantk.engine import training_loop
from gantk.engine.guard_rails import GuardRails, is_accuracy
from gantk.engine.input_watch import InputShare, InputWatch
from gantk.engine.options import TrainingOptions
from gantk.engine.output_diversity import mean_pairwise_distance, output_diversity
from gantk.engine.sample_grid import SampleGrid
from gantk.engine.training import train


class Device:
    """A clock, and a device that works by itself; `asynchronous` lets Python run one step ahead of it."""

    def __init__(self, *, wait, step, asynchronous):
        self.now = 0.0
        self.free = 0.0
        self.wait, self.step, self.asynchronous = wait, step, asynchronous
        self.ends = [0.0]

    def run(self, watch, steps):
        """Do what Keras and the training loop do."""
        found = []
        for _ in range(steps):
            watch.asks()
            self.now += self.wait
            watch.has()
            # The device begins when it is free; the dispatch itself takes a millisecond.
            self.now += 0.001
            self.free = max(self.free, self.now) + self.step
            self.ends.append(self.free)
            to_its_end = not self.asynchronous or watch.wants_the_end
            self.now = max(self.now, self.ends[-1 if to_its_end else -2])
            share = watch.step_done(awaited=to_its_end)
            if share is not None:
                found.append(share)
            # Logging and sampling between steps must not count.
            self.now += 5.0
        return found


class TestInputWatch:
    def test_a_slow_reader_is_seen(self):
        """30 ms for a batch, 1 for the dispatch and 10 for a step, one after the other: 30 of 41 ms are lost."""
        device = Device(wait=0.030, step=0.010, asynchronous=False)
        shares = device.run(InputWatch(window=20, clock=lambda: device.now), 62)
        assert [share.share for share in shares] == pytest.approx([30 / 41] * 3)
        assert [share.own_seconds for share in shares] == pytest.approx([0.011] * 3)
        assert [share.seconds for share in shares] == pytest.approx([20 * 0.030] * 3)

    def test_a_reader_that_the_device_hides_is_none(self):
        """Without breaks: 8 ms for a batch while the device works for 20 ms."""
        device = Device(wait=0.008, step=0.020, asynchronous=True)
        watch = InputWatch(window=20, clock=lambda: device.now)
        found = []
        for _ in range(62):
            found += device.run(watch, 1)
            device.now -= 5.0
        assert len(found) == 3
        # Two steps of twenty are awaited to their end, which costs the overlap of one: 9 of 400 ms.
        assert all(share.share < 0.03 for share in found)

    def test_only_what_the_device_cannot_hide_is_lost(self):
        """Without breaks: 25 ms for a batch, 20 ms for a step: a step every 26 ms, of which 5 to 6 are lost."""
        device = Device(wait=0.025, step=0.020, asynchronous=True)
        watch = InputWatch(window=20, clock=lambda: device.now)
        found = []
        for _ in range(62):
            found += device.run(watch, 1)
            device.now -= 5.0
        assert [share.share for share in found[1:]] == pytest.approx([6 / 26] * 2, abs=0.05)

    def test_the_first_step_compiles_and_does_not_count(self):
        device = Device(wait=0.0, step=0.010, asynchronous=False)
        watch = InputWatch(window=5, clock=lambda: device.now)
        device.wait = 60.0
        device.run(watch, 1)
        device.wait = 0.0
        (share,) = device.run(watch, 5)
        assert share.share == 0.0


def rails():
    told = []
    return GuardRails(lambda cause, message: told.append((cause, message))), told


class TestInputBottleneck:
    def test_it_is_told_once_with_the_share_and_what_to_do(self):
        guard, told = rails()
        for window in range(1, 11):
            guard.input(100 * window, InputShare(0.6, 1.5, 0.025, 0.010))
        ((cause, message),) = told
        assert cause == "input_bottleneck"
        assert (
            "60% of the time goes by waiting for batches (25 ms a step, of which the step itself takes 10 ms)"
            in message
        )
        assert "Store smaller pictures" in message

    def test_and_again_when_it_goes_on_ten_times_as_long(self):
        guard, told = rails()
        for window in range(1, 21):
            guard.input(100 * window, InputShare(0.6, 1.5, 0.025, 0.010))
        # First after window 2, then from step 2000 on.
        assert len(told) == 2

    @pytest.mark.parametrize(
        "windows",
        [
            [InputShare(0.29, 9.0, 0.1, 0.07)] * 5,
            [InputShare(0.9, 9.0, 0.1, 0.01), InputShare(0.1, 1.0, 0.1, 0.09)] * 3,
            [InputShare(0.9, 0.3, 0.003, 0.001)] * 2,
        ],
        ids=["less than the share", "a window now and then", "less than two seconds"],
    )
    def test_silence_where_all_is_well(self, windows):
        guard, told = rails()
        for number, window in enumerate(windows, start=1):
            guard.input(100 * number, window)
        assert told == []


class TestDiscriminatorWins:
    def test_a_perfect_discriminator_is_told_once(self):
        guard, told = rails()
        for step in range(20, 4020, 20):
            guard.losses(step, 1 + step // 500, step - 20, {"generator_loss": 1.0, "accuracy_b": 0.995})
        ((cause, message),) = told
        assert cause == "discriminator_wins.accuracy_b"
        # Perfect from the line before the first one, step 0, for a thousand steps: epoch 1 + 1000 // 500.
        assert "accuracy_b has been 99% or more from step 0 to 1000 (epoch 3)" in message

    def test_one_mistake_begins_the_count_anew(self):
        guard, told = rails()
        for step in range(20, 4020, 20):
            guard.losses(step, 1, step - 20, {"accuracy_b": 0.98 if step % 900 == 0 else 1.0})
        assert told == []

    def test_a_loss_of_one_is_no_accuracy(self):
        guard, told = rails()
        for step in range(100, 5000, 100):
            guard.losses(step, 1, step - 100, {"generator_loss": 1.0, "inaccuracy": 1.0})
        assert told == []

    @pytest.mark.parametrize(
        ("name", "expected"),
        [("accuracy", True), ("accuracy_a", True), ("discriminator_accuracy", True), ("cycle_a", False)],
    )
    def test_names(self, name, expected):
        assert is_accuracy(name) is expected


class TestModeCollapse:
    def test_distances_by_hand(self):
        """Three pictures of one pixel, 0, 0.5 and 1: the pairs differ by 0.5, 1 and 0.5."""
        images = np.array([0.0, 0.5, 1.0]).reshape(3, 1, 1, 1)
        assert mean_pairwise_distance(images) == pytest.approx(2 / 3)

    def test_by_direction_relative_to_the_inputs(self):
        inputs = np.array([-1.0, 1.0, -1.0, 1.0]).reshape(4, 1, 1, 1)
        outputs = np.array([0.0, 0.1, -0.5, 0.5]).reshape(4, 1, 1, 1)
        preview = {
            "AtoB": {"input": inputs[:2], "output": outputs[:2]},
            "BtoA": {"input": inputs[2:], "output": outputs[2:]},
        }
        found = output_diversity(SampleGrid.from_preview(preview, {"AtoB": "horse → zebra"}))
        assert found == {"AtoB": pytest.approx(0.05), "BtoA": pytest.approx(0.5)}

    @pytest.mark.parametrize(
        "columns",
        [
            {"sample": np.zeros((2, 1, 1, 1))},
            {"input": np.ones((2, 1, 1, 1)), "output": np.zeros((2, 1, 1, 1))},
            {"input": np.array([0.0, 1.0]).reshape(2, 1, 1, 1), "output": np.full((2, 1, 1, 1), np.nan)},
        ],
        ids=["no inputs", "inputs all alike", "not finite"],
    )
    def test_nothing_is_said_of_what_cannot_be_compared(self, columns):
        assert output_diversity(SampleGrid(["a", "a"], columns)) == {}
        assert output_diversity(SampleGrid(["a", "b"], {"input": np.eye(2), "output": np.eye(2)})) == {}

    def test_two_grids_below_the_threshold_are_told_once(self):
        guard, told = rails()
        for epoch in range(1, 8):
            guard.diversity(300 * epoch, epoch, {"AtoB": 0.04, "BtoA": 0.4})
        ((cause, message),) = told
        assert cause == "mode_collapse.AtoB"
        assert "in epoch 2 they differ by 4.0% of what their inputs differ by (below 10%)" in message

    def test_a_network_that_has_hardly_begun_may_make_grey(self):
        guard, told = rails()
        for step in (0, 50, 100, 199, 400):
            guard.diversity(step, 1, {"AtoB": 0.01})
        assert told == []


def test_what_was_told_is_not_told_again_after_resuming():
    guard, told = rails()
    for epoch in (1, 2):
        guard.diversity(300 * epoch, epoch, {"AtoB": 0.04})
    resumed, told_later = rails()
    resumed.restore(json.loads(json.dumps(guard.to_plain())))
    for epoch in (3, 4):
        resumed.diversity(300 * epoch, epoch, {"AtoB": 0.04})
    assert (len(told), told_later) == (1, [])


@pytest.mark.parametrize("seconds", [0.0, 0.03])
def test_a_slow_iterator_is_warned_of_in_the_log_and_in_the_metrics(tmp_path, monkeypatch, caplog, seconds):
    def batches(step):
        while True:
            time.sleep(seconds)
            yield {name: np.zeros((2, 2, 2, 3), "f4") for name in "AB"}

    monkeypatch.setattr(training_loop, "InputWatch", lambda: InputWatch(window=10))
    monkeypatch.setattr(guard_rails_module, "INPUT_SECONDS", 0.1)
    training = TrainingOptions(epochs=1, batch_size=2)
    model = tiny_models.build("tiny_translation", training, steps_per_epoch=24)
    with caplog.at_level(logging.WARNING, logger="gantk.engine"):
        summary = train(model, batches=batches, training=training, steps_per_epoch=24, directory=tmp_path)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    warned = [line for line in map(json.loads, lines) if "warning" in line]
    if not seconds:
        assert (warned, caplog.records) == ([], [])
        assert summary.input_wait < 0.3
        return
    assert [(line["step"], line["epoch"], line["warning"]) for line in warned] == [(21, 1, "input_bottleneck")]
    assert "waiting for batches" in warned[0]["message"]
    assert [record.message for record in caplog.records] == [warned[0]["message"]]
    assert summary.input_wait > 0.5
