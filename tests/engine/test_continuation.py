"""A run is continued with the learning rates of the pipeline, not with those of the checkpoint."""

from __future__ import annotations

import itertools
import logging

import numpy as np
import pytest
import tiny_models
from keras import ops

from gantk import RunFailed
from gantk.engine.checkpoints import read_checkpoint
from gantk.engine.options import OptimizerChanges, ScheduleOptions, TrainingOptions
from gantk.engine.training import train

STEPS = 3
SCHEDULES = {
    "constant": ScheduleOptions(),
    "linear": ScheduleOptions(type="linear", constant=1, decay=9),
    "plateau": ScheduleOptions(type="plateau", metric="generator_loss"),
}


def batches(step):
    while True:
        random = np.random.default_rng(step)
        yield {name: random.uniform(-1, 1, (4, 2, 2, 3)).astype("f4") for name in "AB"}
        step += 1


def run(directory, epochs, *, rate=0.01, schedule="constant", resume=False, source=batches):
    training = TrainingOptions(
        epochs=epochs,
        batch_size=4,
        check_numerics_every=1,
        optimizers={name: OptimizerChanges(learning_rate=rate) for name in ("generators", "discriminators")},
        schedule=SCHEDULES[schedule] if isinstance(schedule, str) else schedule,
    )
    model = tiny_models.build("tiny_translation", training, steps_per_epoch=STEPS)
    train(
        model,
        batches=source,
        training=training,
        steps_per_epoch=STEPS,
        directory=directory,
        resume=resume,
        progress=False,
    )
    return model


def rate_of(model, name="generators"):
    return float(ops.convert_to_numpy(model.optimizers[name].learning_rate))


def moved(directory, first, last):
    """How far the generator's first kernel went between two checkpoints."""
    (_, before), (_, after) = (
        read_checkpoint(directory / f"checkpoints/step-{step:08d}.safetensors") for step in (first, last)
    )
    return np.abs(after["networks/translator/0000.kernel"] - before["networks/translator/0000.kernel"]).max()


def test_a_changed_rate_is_used_and_told(tmp_path, caplog):
    run(tmp_path, 1)
    with caplog.at_level(logging.INFO, logger="gantk.engine"):
        model = run(tmp_path, 2, rate=1e-5, resume=True)
    assert rate_of(model) == pytest.approx(1e-5)
    assert "continuing with learning rate 1e-05 of generators, was 0.01" in caplog.text
    assert "continuing with learning rate 1e-05 of discriminators, was 0.01" in caplog.text
    # Adam moves a weight by about the rate at each of the three steps.
    assert 0 < moved(tmp_path, 3, 6) < 1e-4


def test_unchanged_rates_are_not_spoken_of(tmp_path, caplog):
    run(tmp_path, 1, schedule="linear")
    with caplog.at_level(logging.INFO, logger="gantk.engine"):
        run(tmp_path, 2, schedule="linear", resume=True)
    assert "continuing with" not in caplog.text
    assert moved(tmp_path, 3, 6) > 1e-3


def test_any_schedule_may_follow_any_other(tmp_path, caplog):
    order = ["constant", "linear", "plateau", "constant", "plateau", "linear", "constant"]
    run(tmp_path, 1, schedule=order[0])
    for epochs, (before, after) in enumerate(itertools.pairwise(order), start=2):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="gantk.engine"):
            model = run(tmp_path, epochs, schedule=after, resume=True)
        assert f"continuing with the schedule {after}" in caplog.text
        assert f"was {before}" in caplog.text
        # The epoch in progress is the next one: past = epochs + 1 - constant of decay + 1 = 10.
        assert rate_of(model) == pytest.approx(0.01 * (1 - epochs / 10) if after == "linear" else 0.01)


def test_a_plateau_that_follows_another_value_begins_anew(tmp_path):
    def plateau(metric, **options):
        return ScheduleOptions(
            type="plateau", metric=metric, patience=0, threshold=10, threshold_mode="absolute", **options
        )

    assert rate_of(run(tmp_path, 2, schedule=plateau("generator_loss"))) == pytest.approx(0.001)
    # Kept: the best value and the factor; another drop of a half.
    model = run(tmp_path, 3, schedule=plateau("generator_loss", drop=0.5), resume=True)
    assert rate_of(model) == pytest.approx(0.0005)
    model = run(tmp_path, 4, schedule=plateau("discriminator_loss"), resume=True)
    assert rate_of(model) == pytest.approx(0.01)


def test_after_a_loss_that_is_not_finite_the_run_goes_on_with_a_lower_rate(tmp_path):
    def broken(step):
        for number, batch in enumerate(batches(step), start=step):
            yield {name: value * np.nan for name, value in batch.items()} if number == 4 else batch

    with pytest.raises(RunFailed) as caught:
        run(tmp_path, 3, source=broken)
    assert "step 5" in caught.value.message
    assert (
        "under `optimizers` of the train stage, and continue from the last checkpoint with --resume"
        in caught.value.hint
    )
    model = run(tmp_path, 3, rate=1e-4, resume=True)
    assert rate_of(model) == pytest.approx(1e-4)
    assert all(np.isfinite(ops.convert_to_numpy(weight)).all() for weight in model.networks["translator"].weights)


def test_another_algorithm_is_refused(tmp_path):
    run(tmp_path, 1)
    training = TrainingOptions(epochs=2, batch_size=4, optimizers={"generators": OptimizerChanges(type="sgd")})
    model = tiny_models.build("tiny_translation", training, steps_per_epoch=STEPS)
    with pytest.raises(RunFailed, match="other variables"):
        train(model, batches=batches, training=training, steps_per_epoch=STEPS, directory=tmp_path, resume=True)
