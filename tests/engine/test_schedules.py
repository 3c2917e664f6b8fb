"""Learning-rate factors, worked out from the formulas by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from gantk.engine.options import ScheduleOptions, TrainingOptions
from gantk.engine.schedules import ScheduledLearningRate


def at_epoch(schedule, epoch, steps_per_epoch=10, *, last_step=False):
    """The factor in an epoch counted from one, at its first or last step."""
    step = (epoch - 1) * steps_per_epoch + (steps_per_epoch - 1 if last_step else 0)
    return schedule.factor(step, steps_per_epoch=steps_per_epoch)


@pytest.mark.parametrize(
    ("epoch", "factor"), [(1, 1.0), (99, 1.0), (100, 1.0), (101, 100 / 101), (150, 51 / 101), (200, 1 / 101)]
)
def test_linear_is_that_of_cyclegan(epoch, factor):
    schedule = ScheduleOptions(type="linear", constant=100, decay=100)
    assert at_epoch(schedule, epoch) == pytest.approx(factor, abs=1e-12)
    assert at_epoch(schedule, epoch, last_step=True) == pytest.approx(factor, abs=1e-12)


def test_linear_never_goes_below_zero():
    schedule = ScheduleOptions(type="linear", constant=2, decay=3)
    assert at_epoch(schedule, 6) == 0.0
    assert at_epoch(schedule, 60) == 0.0


def test_linear_by_step_changes_within_an_epoch():
    schedule = ScheduleOptions(type="linear", unit="step", constant=2, decay=3)
    factors = [schedule.factor(step, steps_per_epoch=1000) for step in range(6)]
    assert factors == pytest.approx([1.0, 1.0, 0.75, 0.5, 0.25, 0.0])


def test_cosine_is_one_half_in_the_middle():
    schedule = ScheduleOptions(type="cosine", constant=1, decay=3)
    assert [at_epoch(schedule, epoch) for epoch in (1, 3, 5)] == pytest.approx([1.0, 0.5, 0.0])


def test_step_drops_after_every_decay_units():
    schedule = ScheduleOptions(type="step", constant=1, decay=2, drop=0.1)
    factors = [at_epoch(schedule, epoch) for epoch in range(1, 8)]
    assert factors == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("unit", ["epoch", "step"])
@pytest.mark.parametrize("kind", ["constant", "linear", "cosine", "step"])
def test_the_tensor_form_is_the_same(kind, unit):
    schedule = ScheduleOptions(type=kind, unit=unit, constant=2, decay=3, drop=0.5)
    rate = ScheduledLearningRate(0.01, schedule, steps_per_epoch=4)
    for step in range(30):
        expected = 0.01 * schedule.factor(step, steps_per_epoch=4)
        assert float(rate(keras.ops.convert_to_tensor(step))) == pytest.approx(expected, abs=1e-8)


def test_it_follows_a_step_variable_and_not_the_iterations():
    rate = ScheduledLearningRate(1.0, ScheduleOptions(type="linear", unit="step", decay=9), steps_per_epoch=1)
    step = keras.Variable(4, dtype="int32", trainable=False)
    rate.follow(step)
    assert float(rate(0)) == pytest.approx(0.5)
    step.assign(7)
    assert float(rate(0)) == pytest.approx(0.2)


def test_config_round_trip():
    rate = ScheduledLearningRate(0.3, ScheduleOptions(type="cosine", decay=7), steps_per_epoch=5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(rate))
    assert [float(again(step)) for step in range(0, 40, 7)] == [float(rate(step)) for step in range(0, 40, 7)]
    assert np.isclose(float(again(0)), 0.3 * rate.schedule.factor(0, steps_per_epoch=5))


def test_a_schedule_that_ends_before_the_training_is_cautioned_about():
    schedule = ScheduleOptions(type="linear", constant=3, decay=4)
    assert TrainingOptions(epochs=7, schedule=schedule).cautions() == []
    (caution,) = TrainingOptions(epochs=8, schedule=schedule).cautions()
    assert caution.startswith("the schedule's learning rate is zero after 7 epochs, so the rest of the 8 epochs")


def test_a_schedule_by_steps_is_judged_where_the_steps_are_known():
    schedule = ScheduleOptions(type="cosine", unit="step", decay=20)
    assert TrainingOptions(epochs=3, schedule=schedule).cautions() == []
    assert TrainingOptions(epochs=2, steps_per_epoch=10, schedule=schedule).cautions() == []
    (caution,) = TrainingOptions(epochs=3, steps_per_epoch=10, schedule=schedule).cautions()
    assert "zero after 20 steps" in caution
