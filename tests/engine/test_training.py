"""The training loop: exact batches, resumption, what it writes, and how it stops."""

from __future__ import annotations

import json
import logging
import os
import signal

import keras
import numpy as np
import pytest
import tiny_models
from keras import ops
from PIL import Image

from gantk import RunFailed
from gantk.engine.checkpoints import CheckpointStore, read_checkpoint
from gantk.engine.options import CheckpointOptions, TrainingOptions
from gantk.engine.sample_grid import SampleGrid
from gantk.engine.state import named_state
from gantk.engine.training import train

STEPS = 4


def options(**changes):
    return TrainingOptions(**{"epochs": 2, "batch_size": 4, "log_every": 3, "ema": 0.9, **changes})


def batches(step, seen=None):
    while True:
        if seen is not None:
            seen.append(step)
        random = np.random.default_rng(step)
        yield {"image": random.uniform(-1, 1, (4, 2, 2, 3)).astype("f4")}
        step += 1


def run(directory, training, *, model=None, resume=False, source=batches, **arguments):
    model = model or tiny_models.build("tiny_wgan", training, steps_per_epoch=STEPS)
    summary = train(
        model,
        batches=source,
        training=training,
        steps_per_epoch=STEPS,
        directory=directory,
        resume=resume,
        **arguments,
    )
    return model, summary


def lines(directory):
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


def values(model):
    return {name: ops.convert_to_numpy(variable.value).copy() for name, variable in named_state(model).items()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run of eight steps, with previews."""
    directory = tmp_path_factory.mktemp("finished")
    latents = np.random.default_rng(5).standard_normal((2, tiny_models.LATENTS)).astype("f4")
    training = options()
    model = tiny_models.build("tiny_wgan", training, steps_per_epoch=STEPS)

    def preview():
        drawn = model.inference_networks()["sample"](latents, training=False)
        return SampleGrid(["noise → image"] * 2, {"sample": np.asarray(ops.convert_to_numpy(drawn))})

    seen: list[int] = []
    _, summary = run(directory, training, model=model, source=lambda step: batches(step, seen), preview=preview)
    return directory, model, summary, seen


def test_step_k_gets_batch_k_and_none_is_read_beyond(finished):
    _, _, _, seen = finished
    assert seen == list(range(2 * STEPS))


def test_metrics_lines(finished):
    directory, _, summary, _ = finished
    found = lines(directory)
    assert [(line["step"], line["epoch"]) for line in found] == [(3, 1), (6, 2), (8, 2)]
    assert list(found[0]) == ["step", "epoch", "time", "generator_loss", "critic_loss"]
    assert summary.losses == {name: found[-1][name] for name in ("generator_loss", "critic_loss")}


def test_summary_file(finished):
    directory, _, summary, _ = finished
    written = json.loads((directory / "training.json").read_text())
    assert written["steps"] == 8
    assert written["resumed_from"] == 0
    assert written["backend"] == keras.backend.backend()
    assert written["images_per_second"] == pytest.approx(4 * written["steps_per_second"], rel=1e-3)
    # Dense 4→8, BatchNorm of 8, dense 8→12; dense 12→8 and 8→1.
    assert written["parameters"] == {"generator": 40 + 16 + 108, "critic": 104 + 9}
    assert written["first_step_seconds"] == summary.first_step_seconds > 0


def test_sample_grids_of_the_start_and_every_epoch(finished):
    directory, model, _, _ = finished
    assert sorted(path.name for path in (directory / "samples").iterdir()) == [
        f"step-{step:08d}.{kind}" for step in (0, 4, 8) for kind in ("json", "png")
    ]
    about = json.loads((directory / "samples/step-00000008.json").read_text())
    assert about == {"step": 8, "epoch": 2, "rows": ["noise → image"] * 2, "columns": ["sample"]}
    last = np.asarray(Image.open(directory / "samples/step-00000008.png"))
    assert last.shape == (4, 2, 3)
    latents = np.random.default_rng(5).standard_normal((2, tiny_models.LATENTS)).astype("f4")
    drawn = ops.convert_to_numpy(model.inference_networks()["sample"](latents, training=False))
    np.testing.assert_array_equal(last, np.round((drawn + 1) * 127.5).reshape(4, 2, 3).astype("u1"))
    first = np.asarray(Image.open(directory / "samples/step-00000000.png"))
    assert not np.array_equal(first, last)


def test_tensorboard_reads_the_events(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    directory, _, _, _ = finished
    events = EventAccumulator(str(directory / "events")).Reload()
    assert sorted(events.Tags()["scalars"]) == ["critic_loss", "generator_loss"]
    scalars = events.Scalars("critic_loss")
    assert [scalar.step for scalar in scalars] == [3, 6, 8]
    assert [scalar.value for scalar in scalars] == pytest.approx([line["critic_loss"] for line in lines(directory)])


@pytest.mark.parametrize("stop_after", [2, 4, 6])
def test_resuming_in_or_between_epochs_gives_the_same_bits_and_lines(finished, tmp_path, stop_after):
    reference, _, _, _ = finished
    training = options(checkpoint=CheckpointOptions(every_steps=1, keep=9))

    class Stop(keras.callbacks.Callback):
        count = 0

        def on_train_batch_end(self, batch, logs=None):
            self.count += 1
            if self.count == stop_after:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, training, callbacks=[Stop()])
    # The signal came after this step's work; the next step's end answered it.
    assert CheckpointStore(tmp_path / "checkpoints").paths()[0].name == f"step-{stop_after + 1:08d}.safetensors"
    resumed, summary = run(tmp_path, training, resume=True)
    assert summary.resumed_from == stop_after + 1
    assert summary.steps == 8
    _, expected = read_checkpoint(reference / "checkpoints/step-00000008.safetensors")
    for name, value in values(resumed).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
    for line, other in zip(lines(tmp_path), lines(reference), strict=True):
        assert {**line, "time": 0} == {**other, "time": 0}


def test_a_signal_at_the_very_end_of_an_epoch_is_not_lost(tmp_path):
    """Resumed in the middle of an epoch, `fit` runs to its end alone; the signal comes after its last step's work."""
    training = options(epochs=3, checkpoint=CheckpointOptions(every_steps=3, every_epochs=100))

    class Stop(keras.callbacks.Callback):
        def __init__(self, after):
            super().__init__()
            self.left = after

        def on_train_batch_end(self, batch, logs=None):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, training, callbacks=[Stop(1)])
    store = CheckpointStore(tmp_path / "checkpoints")
    assert store.paths()[0].name == "step-00000002.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, training, resume=True, callbacks=[Stop(2)])
    assert store.paths()[0].name == "step-00000004.safetensors"


def test_a_callback_may_stop_the_training(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    _, summary = run(tmp_path, options(checkpoint=CheckpointOptions(every_epochs=100)), callbacks=[Stop()])
    assert summary.steps == 2
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002.safetensors"]


def test_resuming_a_finished_run_does_nothing_more(finished):
    directory, model, _, _ = finished
    before = values(model)
    fresh, summary = run(directory, options(), resume=True, source=lambda step: pytest.fail("no batch is needed"))
    assert summary.steps == summary.resumed_from == 8
    for name, value in values(fresh).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_a_new_run_forgets_the_checkpoints_of_an_older_one(tmp_path):
    stale = tmp_path / "checkpoints" / "step-00000099.safetensors"
    stale.parent.mkdir()
    stale.write_bytes(b"older")
    run(tmp_path, options(epochs=1))
    assert [path.name for path in stale.parent.iterdir()] == ["step-00000004.safetensors"]
    assert len(lines(tmp_path)) == 2


def test_the_first_bad_loss_is_named_and_the_checkpoint_before_it_stays(tmp_path):
    def poisoned(step):
        for number, batch in enumerate(batches(step), start=step):
            if number == 5:
                batch["image"][0, 0, 0, 0] = np.nan
            yield batch

    training = options(check_numerics_every=50, log_every=50)
    with pytest.raises(RunFailed) as caught:
        run(tmp_path, training, source=poisoned)
    # Batch 5 is that of the sixth step; the generator's loss comes first in the model's list, but it is bad one
    # update later than the critic's own.
    assert "'generator_loss' stopped being finite at training step 6" in caught.value.message
    assert "critic_loss nan" in caught.value.message
    assert "learning rate" in caught.value.hint
    store = CheckpointStore(tmp_path / "checkpoints")
    assert [path.name for path in store.paths()] == ["step-00000004.safetensors"]
    _, tensors = read_checkpoint(store.paths()[0])
    assert all(np.isfinite(value).all() for value in tensors.values())


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    """The second step's losses are finite, its gradients are not: the third step's loss would be the first bad one."""
    model = tiny_models.build("tiny_wgan", options(epochs=1), steps_per_epoch=STEPS)
    step = model.adversarial_step

    def spoiling(batch):
        losses = step(batch)
        weight = model.networks["critic"].trainable_variables[0]
        weight.assign(ops.where(ops.equal(model.training_step.value, 1), np.float32("nan"), weight.value))
        return losses

    model.adversarial_step = spoiling
    training = options(epochs=1, checkpoint=CheckpointOptions(every_steps=1))
    with pytest.raises(RunFailed, match=r"(?s)network 'critic' stopped being finite by training step 2.*96 of 96"):
        run(tmp_path, training, model=model)
    assert [path.name for path in CheckpointStore(tmp_path / "checkpoints").paths()] == ["step-00000001.safetensors"]


def test_a_run_longer_than_asked_for_is_not_taken_for_a_shorter_one(tmp_path):
    run(tmp_path, options(epochs=2))
    with pytest.raises(RunFailed, match=r"(?s)1 epochs of 4 steps are 4 steps.*step-00000008.*of step 8") as caught:
        run(tmp_path, options(epochs=1), resume=True)
    assert "at least 2 epochs" in caught.value.hint


def test_without_the_guard_training_goes_on_and_the_lines_stay_json(tmp_path):
    def poisoned(step):
        for batch in batches(step):
            yield {"image": batch["image"] * np.nan}

    _, summary = run(tmp_path, options(epochs=1, check_numerics_every=0), source=poisoned)
    assert summary.steps == 4
    text = (tmp_path / "metrics.jsonl").read_text()
    assert "NaN" not in text
    assert lines(tmp_path)[0]["critic_loss"] is None


def test_batches_of_another_shape_are_refused(tmp_path):
    def growing(step):
        yield {"image": np.zeros((4, 2, 2, 3), "f4")}
        yield {"image": np.zeros((3, 2, 2, 3), "f4")}

    with pytest.raises(RunFailed, match=r"(?s)shapes of the first.*\(4, 2, 2, 3\).*Received: .*\(3, 2, 2, 3\)"):
        run(tmp_path, options(), source=growing)


def test_batches_that_end_are_an_error(tmp_path):
    def short(step):
        yield from (batch for batch, _ in zip(batches(step), range(3), strict=False))

    with pytest.raises(RunFailed, match="ended before the training did"):
        run(tmp_path, options(), source=short)


def test_the_reader_is_closed_when_training_ends_and_when_it_fails(tmp_path):
    closed = []

    def watched(step):
        try:
            yield from batches(step)
        finally:
            closed.append(step)

    run(tmp_path, options(epochs=1), source=watched)
    assert closed == [0]

    def failing(step):
        raise OSError(f"of step {step}")

    stop = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: failing(batch))
    with pytest.raises(OSError, match="of step 0"):
        run(tmp_path, options(epochs=1), source=watched, callbacks=[stop])
    assert closed == [0, 0]


def test_the_time_of_the_full_run_is_said_after_the_first_steps(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="gantk.engine"):
        run(tmp_path, options(epochs=1))
    assert any("the full run of 4 steps takes about" in record.message for record in caplog.records)
    assert any(record.message.startswith("step 3/4  epoch 1  generator_loss ") for record in caplog.records)


@pytest.mark.parametrize(("constant", "warned"), [(1, False), (0, True)])
def test_epochs_beyond_the_schedule_are_warned_of(tmp_path, caplog, constant, warned):
    """Two epochs; a linear schedule of 0 + 1 epochs leaves a factor of 1 - 2 / 2 = 0 for the second."""
    schedule = {"type": "linear", "constant": constant, "decay": 1}
    with caplog.at_level(logging.WARNING, logger="gantk.engine"):
        run(tmp_path, options(schedule=schedule))
    assert any("learning rate is zero after 1 epochs" in record.message for record in caplog.records) is warned


def test_callbacks_see_the_epochs_of_the_run(tmp_path):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, sorted(logs)))

    run(tmp_path, options(), callbacks=[Watch()])
    assert seen == [(0, ["critic_loss", "generator_loss"]), (1, ["critic_loss", "generator_loss"])]
