"""Evaluation during training: exactness, the best checkpoint, resumption, and what is told early."""

from __future__ import annotations

import json
import math
import os
import random
import signal

import keras
import numpy as np
import pytest
import tiny_models
from keras import ops

from gantk import ConfigError, RunFailed
from gantk.engine.best_checkpoint import BestCheckpoint
from gantk.engine.checkpoints import CheckpointStore, read_checkpoint
from gantk.engine.options import TrainingOptions
from gantk.engine.periodic_evaluation import Best, Measured, PeriodicEvaluation, metric_labels, resolve_value
from gantk.engine.state import named_state
from gantk.engine.training import train
from gantk.engine.undisturbed import undisturbed

STEPS = 2
EPOCHS = 4


def batches(step):
    while True:
        random_numbers = np.random.default_rng(step)
        yield {name: random_numbers.uniform(-1, 1, (2, 2, 2, 3)).astype("f4") for name in "AB"}
        step += 1


def values(model):
    return {name: ops.convert_to_numpy(variable.value).copy() for name, variable in named_state(model).items()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


class Scripted:
    """Measures what is written down for each step: better for the eye than a real metric, and as exact."""

    def __init__(self, by_epoch, model):
        self.by_epoch = by_epoch
        self.model = model
        self.calls = []

    def __call__(self):
        epoch = int(ops.convert_to_numpy(self.model.training_step.value)) // STEPS
        self.calls.append(epoch)
        return Measured(
            {"score.a": self.by_epoch[epoch], "score.b": float(epoch), "other.b": 0.0}, {"score.a": "lower"}
        )


def run(directory, *, by_epoch=(9.0, 0.5, 0.2, 0.4, 0.3), resume=False, callbacks=(), source=batches, **evaluation):
    training = TrainingOptions(epochs=EPOCHS, batch_size=2, log_every=3)
    model = tiny_models.build("tiny_translation", training, steps_per_epoch=STEPS)
    told = []
    model.after_epoch = lambda epoch, values: told.append((epoch, dict(values)))
    measure = Scripted(by_epoch, model)
    summary = train(
        model,
        batches=source,
        training=training,
        steps_per_epoch=STEPS,
        directory=directory,
        resume=resume,
        evaluation=PeriodicEvaluation(measure, **{"keep_best": "score.a", **evaluation}),
        callbacks=callbacks,
    )
    return model, summary, measure, told


def lines(directory):
    found = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    for line in found:
        del line["time"]
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    directory = tmp_path_factory.mktemp("finished")
    return directory, *run(directory)


@pytest.fixture(scope="module")
def unwatched(tmp_path_factory):
    """The same training without an evaluation."""
    training = TrainingOptions(epochs=EPOCHS, batch_size=2, log_every=3)
    model = tiny_models.build("tiny_translation", training, steps_per_epoch=STEPS)
    directory = tmp_path_factory.mktemp("unwatched")
    train(model, batches=batches, training=training, steps_per_epoch=STEPS, directory=directory)
    return directory, model


def test_the_best_of_the_trained_weights_is_kept_and_held_at_the_end(finished):
    """By hand: 9 before training, then 0.5, 0.2, 0.4, 0.3; the lowest is that of epoch 2, step 4."""
    directory, model, summary, measure, _ = finished
    assert measure.calls == [0, 1, 2, 3, 4]
    assert summary.steps == 8
    assert summary.model_step == 4
    assert summary.best == {"name": "score.a", "value": 0.2, "step": 4, "epoch": 2}
    assert json.loads((directory / "training.json").read_text())["model_step"] == 4
    about, tensors = read_checkpoint(directory / "checkpoints/best.safetensors")
    assert (about["step"], about["epoch"], about["extra"]["best"]["value"]) == (4, 2, 0.2)
    assert_same(values(model), tensors)
    assert sorted(path.name for path in (directory / "checkpoints").iterdir()) == [
        "best.safetensors",
        "step-00000006.safetensors",
        "step-00000008.safetensors",
    ]


def test_the_values_are_lines_of_the_log_and_scalars(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    directory = finished[0]
    measured = [line for line in lines(directory) if "score.a" in line]
    assert [(line["step"], line["epoch"], line["score.a"]) for line in measured] == [
        (0, 0, 9.0),
        (2, 1, 0.5),
        (4, 2, 0.2),
        (6, 3, 0.4),
        (8, 4, 0.3),
    ]
    scalars = EventAccumulator(str(directory / "events")).Reload().Scalars("score.a")
    assert [scalar.step for scalar in scalars] == [0, 2, 4, 6, 8]


def test_the_model_is_told_the_means_of_each_epoch_and_what_was_measured(finished, unwatched):
    told = finished[4]
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4]
    assert told[1][1]["score.a"] == 0.2
    # Lines of steps 3, 6 and 8 hold the means of 3, 3 and 2 steps: all eight steps together, either way.
    by_line = [line["generator_loss"] for line in lines(unwatched[0])]
    by_epoch = [values["generator_loss"] for _, values in told]
    assert np.mean(by_epoch) == pytest.approx(np.average(by_line, weights=[3, 3, 2]), rel=1e-6)


def test_an_evaluation_changes_no_weight_and_no_random_state(finished, unwatched):
    """Against a run without one; the measure below is as careless as one can be."""
    _, expected = read_checkpoint(unwatched[0] / "checkpoints/step-00000008.safetensors")
    _, found = read_checkpoint(finished[0] / "checkpoints/step-00000008.safetensors")
    assert_same(found, expected)

    model = unwatched[1]
    model.dice = keras.random.SeedGenerator(3)
    before, python, numpy = values(model), random.getstate(), np.random.get_state()
    with undisturbed(model):
        random.random()
        np.random.rand(3)
        keras.random.normal((2,), seed=model.dice)
        assert any(np.any(value != before[name]) for name, value in values(model).items())
        np.random.seed(0)
    assert_same(values(model), before)
    assert random.getstate() == python
    np.testing.assert_array_equal(np.random.get_state()[1], numpy[1])


def test_the_last_weights_where_they_are_asked_for(tmp_path, unwatched):
    model, summary, _, _ = run(tmp_path, use="last", every_epochs=3)
    assert (summary.model_step, summary.best["epoch"]) == (8, 4)
    # Every third epoch, and the last: 0.4, then 0.3.
    assert [line["step"] for line in lines(tmp_path) if "score.a" in line] == [0, 6, 8]
    assert_same(values(model), read_checkpoint(unwatched[0] / "checkpoints/step-00000008.safetensors")[1])


class StopAfter(keras.callbacks.Callback):
    def __init__(self, steps):
        super().__init__()
        self.left = steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("killed_before_the_best_file", [False, True])
def test_a_resumed_run_keeps_the_same_best(finished, tmp_path, killed_before_the_best_file):
    with pytest.raises(KeyboardInterrupt):
        # Answered at the end of step 4, which is the best one's.
        run(tmp_path, callbacks=[StopAfter(3)])
    best = tmp_path / "checkpoints/best.safetensors"
    if killed_before_the_best_file:
        best.unlink()
    model, summary, measure, _ = run(tmp_path, resume=True)
    assert measure.calls == [3, 4]
    assert summary.best == finished[2].best
    assert_same(values(model), values(finished[1]))
    assert lines(tmp_path) == lines(finished[0])
    assert_same(read_checkpoint(best)[1], read_checkpoint(finished[0] / "checkpoints/best.safetensors")[1])


def test_a_name_that_nothing_measures_is_told_before_the_first_step(tmp_path):
    with pytest.raises(ConfigError, match=r"(?s)measure: score.a, score.b, other.b.*Received: 'score.c'"):
        run(tmp_path, keep_best="score.c", source=lambda step: pytest.fail("no batch is needed"))


def test_a_continued_run_that_measures_something_else_is_told_before_its_first_step(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, callbacks=[StopAfter(3)])
    with pytest.raises(ConfigError, match=r"(?s)measure: score.a, score.b, other.b.*Received: 'score.c'"):
        changed = {"keep_best": "score.c", "protocol": "another"}
        run(tmp_path, resume=True, source=lambda step: pytest.fail("no batch is needed"), **changed)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a", None),
        ("b", r"Received: 'b', which score\.b and other\.b share"),
        ("score.b", r"(?s)have one: score\.a\..*'score\.b', whose metric does not say"),
    ],
)
def test_values_are_found_by_full_and_by_short_names(name, message):
    measured = Measured({"score.a": 1.0, "score.b": 2.0, "other.b": 3.0}, {"score.a": "higher"})
    if message is None:
        assert resolve_value(name, measured) == ("score.a", "higher")
        return
    with pytest.raises(ConfigError, match=message):
        resolve_value(name, measured)


def test_a_value_that_is_not_finite_is_never_the_best(tmp_path, caplog):
    _, summary, _, _ = run(tmp_path, by_epoch=(math.nan, math.nan, math.nan, math.inf, math.nan))
    assert summary.best is None
    assert summary.model_step == 8
    assert "no evaluation found a finite value of score.a" in caplog.text
    assert not (tmp_path / "checkpoints/best.safetensors").exists()


@pytest.mark.parametrize(
    ("better", "value", "beaten"), [("higher", 2.0, True), ("lower", 2.0, False), ("lower", 0.5, True)]
)
def test_what_is_better(better, value, beaten):
    best = Best("x.y", 1.0, better, step=3, epoch=1)
    assert best.is_beaten_by(value) is beaten
    assert not best.is_beaten_by(1.0)
    assert not best.is_beaten_by(math.nan)


def test_a_new_run_forgets_the_best_of_an_older_one(tmp_path):
    store = CheckpointStore(tmp_path / "checkpoints")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/best.safetensors").write_bytes(b"older")
    BestCheckpoint(store).clear()
    assert list((tmp_path / "checkpoints").iterdir()) == []


class TestResume:
    """What `BestCheckpoint` makes of what it finds."""

    def best(self, finished, tmp_path, protocol=""):
        import shutil

        shutil.copytree(finished[0] / "checkpoints", tmp_path / "checkpoints")
        return BestCheckpoint(CheckpointStore(tmp_path / "checkpoints"), protocol=protocol)

    def extra(self, **changes):
        record = {"name": "score.a", "value": 0.2, "better": "lower", "step": 4, "epoch": 2, "protocol": ""}
        return {"best": {**record, **changes}}

    def test_it_is_there(self, finished, tmp_path):
        best = self.best(finished, tmp_path)
        best.resume(tmp_path / "checkpoints/step-00000006.safetensors", 6, self.extra())
        assert best.record.step == 4

    def test_other_measures_forget_it(self, finished, tmp_path, caplog):
        best = self.best(finished, tmp_path, protocol="new")
        best.resume(tmp_path / "checkpoints/step-00000006.safetensors", 6, self.extra())
        assert best.record is None
        assert not best.path.exists()
        assert "what `evaluate` measures has changed" in caplog.text

    def test_a_file_that_is_gone_is_told(self, finished, tmp_path, caplog):
        best = self.best(finished, tmp_path)
        best.path.unlink()
        best.resume(tmp_path / "checkpoints/step-00000006.safetensors", 6, self.extra())
        assert best.record is None
        assert "(score.a 0.2 of step 4), is gone" in caplog.text

    def test_a_damaged_file_is_told_and_never_loaded(self, finished, tmp_path, caplog):
        best = self.best(finished, tmp_path)
        best.path.write_bytes(best.path.read_bytes()[:-9])
        with pytest.raises(RunFailed, match=r"best\.safetensors is not a whole checkpoint"):
            best.load(finished[1])
        best.resume(tmp_path / "checkpoints/step-00000006.safetensors", 6, self.extra())
        assert best.record is None
        assert "is not a whole checkpoint" in caplog.text

    def test_without_hard_links_it_is_copied(self, finished, tmp_path, monkeypatch):
        best = self.best(finished, tmp_path)
        best.path.unlink()

        def refuse(source, target):
            raise OSError("no links here")

        monkeypatch.setattr("gantk.engine.best_checkpoint.os.link", refuse)
        source = tmp_path / "checkpoints/step-00000006.safetensors"
        best.resume(source, 6, self.extra(step=6))
        assert best.path.read_bytes() == source.read_bytes()


def test_metrics_of_one_name_are_numbered():
    assert metric_labels(["ssim", "fid", "ssim", "ssim"]) == ["ssim", "fid", "ssim-2", "ssim-3"]
