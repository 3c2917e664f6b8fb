"""Penalties of critics whose slopes are known, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from game_models import LabelledLoss, LinearCritic
from keras import ops

from gantk import ConfigError
from gantk.engine.batches import StepBatches
from gantk.engine.options import TrainingOptions
from gantk.engine.precision import precision_scope

RANDOM = np.random.default_rng(0)
WEIGHTS = (0.5, -1.0, 2.0)
# A 2 × 2 image with the slope (0.5, -1, 2) at each of four pixels: 4 · (0.25 + 1 + 4) = 21.
SQUARED_NORM = 21.0
REAL = RANDOM.uniform(-1, 1, (3, 2, 2, 3)).astype("f4")
FAKE = RANDOM.uniform(-1, 1, (3, 2, 2, 3)).astype("f4")


def training(*penalties, **options):
    return TrainingOptions.model_validate({"penalties": penalties, **options})


def penalty(options, *, weights=WEIGHTS, real=REAL, fake=FAKE, square=False, **changes):
    """The loss with the penalty less the loss without, and what is reported."""
    model = LinearCritic(weights, training(options, **changes), square=square)
    bare = LinearCritic(weights, training(), square=square).game.discriminator_loss(real, fake)
    total = model.game.discriminator_loss(real, fake)
    reported = {name: float(value) for name, value in model.game.report().items()}
    assert list(reported) == [f"critic_{options['type']}"]
    found = float(total) - float(bare)
    assert found == pytest.approx(reported[f"critic_{options['type']}"], rel=1e-5, abs=1e-4)
    return reported[f"critic_{options['type']}"]


def test_r1_is_half_the_weight_times_the_squared_slope():
    assert penalty({"type": "r1", "weight": 3.0}) == pytest.approx(1.5 * SQUARED_NORM, rel=1e-6)


def test_r1_looks_at_real_images_and_r2_at_generated_ones():
    # D(x) = Σ w x² has the slope 2 w x.
    for name, images in (("r1", REAL), ("r2", FAKE)):
        slopes = 2 * np.array(WEIGHTS) * images.astype("f8")
        expected = 0.5 * 10 * np.mean(np.sum(slopes**2, axis=(1, 2, 3)))
        assert penalty({"type": name}, square=True) == pytest.approx(expected, rel=1e-5), name


@pytest.mark.parametrize("target", [1.0, 2.0])
def test_the_gradient_penalty_draws_the_norm_to_its_target(target):
    expected = 10 * (np.sqrt(SQUARED_NORM) - target) ** 2 / target**2
    assert penalty({"type": "gradient", "target": target}) == pytest.approx(expected, rel=1e-5)


def test_a_one_sided_penalty_lets_smaller_norms_be():
    small = tuple(value / 10 for value in WEIGHTS)
    norm = np.sqrt(SQUARED_NORM) / 10
    assert penalty({"type": "gradient", "sided": "one"}, weights=small) == 0.0
    assert penalty({"type": "gradient"}, weights=small) == pytest.approx(10 * (norm - 1) ** 2, rel=1e-5)
    assert penalty({"type": "gradient", "sided": "one"}) == pytest.approx(
        10 * (np.sqrt(SQUARED_NORM) - 1) ** 2, rel=1e-5
    )


def test_the_drift_is_the_mean_square_of_the_real_logits():
    logits = np.sum(REAL.astype("f8") * WEIGHTS, axis=-1)
    without = penalty({"type": "gradient", "weight": 1e-6})
    found = penalty({"type": "gradient", "weight": 1e-6, "drift": 0.5}) - without
    assert found == pytest.approx(0.5 * np.mean(logits**2), rel=1e-5)


def test_the_gradient_penalty_looks_between_real_and_generated_images():
    # Slopes 2 x of images that are all c: norm 2 c √12, which is that of a place between 1 and 2.
    real, fake = np.ones((64, 2, 2, 3), "f4"), np.full((64, 2, 2, 3), 2.0, "f4")
    model = LinearCritic((1.0, 1.0, 1.0), training({"type": "gradient"}), square=True)
    seen = []
    penalty_function = model.game._penalties[0][1]

    def slope(images):
        seen.append(ops.convert_to_numpy(images))
        return images

    penalty_function(slope, ops.convert_to_tensor(real), ops.convert_to_tensor(fake), None)
    assert seen[0].min() > 1.0
    assert seen[0].max() < 2.0
    # One place for all pixels of an image, another for each image, spread over the line.
    assert np.ptp(seen[0], axis=(1, 2, 3)).max() == 0.0
    assert 1.4 < seen[0].mean() < 1.6
    assert seen[0].std() > 0.2


def test_dragan_looks_around_real_images():
    expected = 10 * (np.sqrt(SQUARED_NORM) - 1) ** 2
    assert penalty({"type": "dragan"}) == pytest.approx(expected, rel=1e-5)
    model = LinearCritic(WEIGHTS, training({"type": "dragan", "deviation": 0.25}))
    seen = []

    def slope(images):
        seen.append(ops.convert_to_numpy(images))
        return images

    model.game._penalties[0][1](slope, ops.convert_to_tensor(REAL), None, None)
    moved = seen[0] - REAL
    assert moved.min() >= 0.0
    assert 0.0 < moved.max() < 0.25 * REAL.std()


def test_a_slope_of_zero_has_a_finite_gradient():
    model = LinearCritic((0.0, 0.0, 0.0), training({"type": "gradient"}))
    _, _, (gradient,) = model.gradients(
        lambda: (model.game.discriminator_loss(REAL, FAKE), None), model.variables_of("critics")
    )
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


def test_the_gradient_of_r1_by_the_weights():
    # R1 = 5 · 4 |w|² has the gradient 40 w; the loss mean(D(fake)) - mean(D(real)) that of the difference of means.
    model = LinearCritic(WEIGHTS, training({"type": "r1"}))
    _, _, (gradient,) = model.gradients(
        lambda: (model.game.discriminator_loss(REAL, FAKE), None), model.variables_of("critics")
    )
    expected = 40 * np.array(WEIGHTS) + np.mean(FAKE.astype("f8") - REAL, axis=(0, 1, 2))
    np.testing.assert_allclose(ops.convert_to_numpy(gradient).ravel(), expected, rtol=1e-5)


def test_only_the_judged_channels_count():
    condition = RANDOM.uniform(-1, 1, (3, 2, 2, 2)).astype("f4")
    model = LinearCritic((7.0, 7.0, *WEIGHTS), training({"type": "r1", "weight": 2.0}))
    model.game.discriminator_loss(REAL, FAKE, condition=condition)
    assert float(model.game.report()["critic_r1"]) == pytest.approx(SQUARED_NORM, rel=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_lazy_penalty_is_computed_when_due_and_counts_for_the_others(compiled):
    model = LinearCritic(WEIGHTS, training({"type": "gradient", "every": 3}))
    model.compile(run_eagerly=not compiled)
    value = 10 * (np.sqrt(SQUARED_NORM) - 1) ** 2
    bare = float(np.mean(FAKE @ np.array(WEIGHTS)) - np.mean(REAL @ np.array(WEIGHTS)))
    losses, drawn = [], []
    for _ in range(5):
        history = model.fit(StepBatches(iter([{"real": REAL, "fake": FAKE}])), steps_per_epoch=1, verbose=0).history
        losses.append(history["loss"][0])
        # Between two evaluations the last value is reported.
        assert history["critic_gradient"][0] == pytest.approx(value, rel=1e-3)
        drawn.append(int(ops.convert_to_numpy(model.game.state.random.state.value)[1]))
    assert losses == pytest.approx([bare + 3 * value, bare, bare, bare + 3 * value, bare], rel=1e-3)
    # Where it was not due no random number was drawn for it.
    assert drawn[0] > 0
    assert drawn[0] == drawn[1] == drawn[2] < drawn[3] == drawn[4]


def test_a_condition_that_skips_gives_zero_and_changes_nothing():
    model = LinearCritic(WEIGHTS, training({"type": "r1"}))
    counter = model.training_step

    def count():
        counter.assign_add(1)
        return ops.ones((), "float32")

    assert [float(model.evaluate_if(ops.convert_to_tensor(due), count)) for due in (True, False, True)] == [1, 0, 1]
    assert int(counter) == 2


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_steep_slope_in_16_bits_is_not_an_overflow(precision):
    # With the dynamic scale of 2^15 a slope of 2 would be beyond float16's largest number, 65,504.
    steep = (100.0, -200.0, 300.0)
    with precision_scope(precision):
        found = penalty({"type": "r1", "weight": 2.0}, weights=steep, precision=precision)
    assert found == pytest.approx(4 * 140_000.0, rel=1e-2)


def test_images_of_two_shapes_have_nothing_between_them():
    model = LinearCritic(WEIGHTS, training({"type": "gradient"}), LabelledLoss())
    with pytest.raises(ConfigError, match=r"one shape.*\nReceived: \(3, 2, 2, 3\) and \(2, 2, 2, 3\)"):
        model.game.discriminator_loss(REAL, FAKE[:2])


def test_a_penalty_may_be_named_once_only():
    with pytest.raises(ValueError, match=r"each type once\. Received: r1 twice"):
        training({"type": "r1"}, {"type": "r1", "weight": 1.0})
    with pytest.raises(ValueError, match="Input should be greater than or equal to 1"):
        training({"type": "r1", "every": 0})
