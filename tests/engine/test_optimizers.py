"""Optimizers: accumulation is the exact mean, clipped afterwards; a group looks like one optimizer."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from gantk.engine.optimizers import OptimizerGroup, build_optimizer
from gantk.engine.options import OptimizerOptions, ScheduleOptions
from gantk.engine.schedules import ScheduledLearningRate

GRADIENTS = np.array([[3.0, 0.0], [0.0, 8.0], [3.0, 1.0], [0.0, 3.0]], "f4")


def weights_after(optimizer, gradients):
    variable = keras.Variable(np.zeros(2, "f4"))
    optimizer.build([variable])
    after = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        after.append(keras.ops.convert_to_numpy(variable.value).copy())
    return np.stack(after)


def test_accumulated_sgd_applies_the_mean_at_every_second_call():
    options = OptimizerOptions(type="sgd", learning_rate=1.0, beta_1=0.0)
    after = weights_after(build_optimizer(options, accumulate=2), GRADIENTS)
    np.testing.assert_allclose(after, [[0, 0], [-1.5, -4], [-1.5, -4], [-3, -6]], rtol=1e-6)


def test_gradients_are_clipped_after_averaging():
    """The mean (1.5, 4) has norm √18.25; clipping each first would give (0.5, 0.5)."""
    options = OptimizerOptions(type="sgd", learning_rate=1.0, beta_1=0.0, gradient_clip_norm=1.0)
    after = weights_after(build_optimizer(options, accumulate=2), GRADIENTS[:2])
    np.testing.assert_allclose(after[-1], [-1.5 / 18.25**0.5, -4 / 18.25**0.5], rtol=1e-6)


@pytest.mark.parametrize("kind", ["adam", "adamw", "rmsprop", "sgd"])
def test_accumulating_equals_one_call_with_the_mean(kind):
    options = OptimizerOptions(type=kind, learning_rate=0.1, weight_decay=0.01)
    accumulated = weights_after(build_optimizer(options, accumulate=2), GRADIENTS)
    at_once = weights_after(build_optimizer(options), GRADIENTS.reshape(2, 2, 2).mean(axis=1))
    np.testing.assert_allclose(accumulated[1::2], at_once, rtol=1e-5)
    assert np.abs(at_once).max() > 0.01


def test_adam_by_hand():
    """One step in Keras' form (Kingma 2015, end of section 2), where ε stands beside the uncorrected √v.

    m = 0.5 g, v = 0.001 g²; rate 0.1 · √(1 - 0.999) / (1 - 0.5); the step is rate · m / (√v + ε).
    """
    options = OptimizerOptions(learning_rate=0.1, epsilon=1.0)
    after = weights_after(build_optimizer(options), [np.array([3.0, -1.0], "f4")])
    root = 0.001**0.5
    np.testing.assert_allclose(after[0], [-0.1 * root * 3 / (root * 3 + 1), 0.1 * root / (root + 1)], rtol=1e-4)


def test_a_schedule_makes_a_scheduled_rate_and_constant_does_not():
    options = OptimizerOptions()
    scheduled = build_optimizer(options, ScheduleOptions(type="linear", decay=3), steps_per_epoch=5)
    assert isinstance(scheduled._learning_rate, ScheduledLearningRate)
    assert float(build_optimizer(options, ScheduleOptions()).learning_rate) == pytest.approx(2e-4)


def group():
    members = {"first": keras.optimizers.Adam(0.1), "second": keras.optimizers.SGD(0.2, momentum=0.9)}
    for optimizer in members.values():
        optimizer.build([keras.Variable(np.zeros(3, "f4"))])
    return OptimizerGroup(members)


def test_a_group_holds_its_members_variables_and_none_of_its_own():
    optimizers = group()
    expected = [*optimizers["first"].variables, *optimizers["second"].variables]
    assert [id(variable) for variable in optimizers.variables] == [id(variable) for variable in expected]
    assert list(optimizers) == ["first", "second"]


def test_an_unknown_member_is_named_with_the_known_ones():
    with pytest.raises(KeyError, match=r"first, second. Received: 'third'"):
        group()["third"]


def test_a_group_applies_nothing_itself():
    with pytest.raises(TypeError, match="applies no gradients itself"):
        group().apply([1.0])


def test_group_config_round_trip():
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(group()))
    assert list(again) == ["first", "second"]
    assert again["second"].momentum == 0.9


def test_group_state_round_trip():
    source, target = group(), group()
    source["first"].variables[0].assign(41)
    source["second"].variables[-1].assign(np.array([1.0, 2.0, 3.0], "f4"))
    store = {}
    source.save_own_variables(store)
    target.load_own_variables(store)
    assert int(target["first"].iterations) == 41
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(target["second"].variables[-1].value), [1, 2, 3])
