"""The game: what the discriminator sees, its labels, its steps, what is reported, and what is refused."""

from __future__ import annotations

from pathlib import Path

import game_models
import numpy as np
import pytest
from game_models import LabelledLoss, LinearCritic, PlainLoss
from keras import ops

from gantk import ConfigError, ModelContext, ModelSpec, Options
from gantk.config.components import Component
from gantk.engine.batches import StepBatches
from gantk.engine.building import build_model
from gantk.engine.checkpoints import CheckpointStore
from gantk.engine.instance_noise import noise_deviation
from gantk.engine.options import InstanceNoiseOptions, TrainingOptions
from gantk.engine.state import named_state
from gantk.testing.agreement import assert_backends_agree

PLUGIN = str(Path(__file__).with_name("game_models.py"))
RANDOM = np.random.default_rng(0)
WEIGHTS = (1.0, -1.0)
REAL = RANDOM.uniform(-1, 1, (4, 2, 2, 2)).astype("f4")
FAKE = RANDOM.uniform(-1, 1, (4, 2, 2, 2)).astype("f4")
EVERYTHING = {
    "penalties": [{"type": "r1", "every": 2}, {"type": "r2"}, {"type": "gradient", "drift": 0.001}, {"type": "dragan"}],
    "augmentation": {"type": "diffaugment"},
    "instance_noise": {"deviation": 0.1, "decay": 5},
    "label_smoothing": 0.1,
}


def training(**options):
    return TrainingOptions.model_validate(options)


def build(**options):
    spec = ModelSpec(name="tiny_game", factory="game_models:TinyGame", summary="For tests.", layout="aligned")
    context = ModelContext(game_models.SHAPES, training(batch_size=2, **options), steps_per_epoch=2, seed=3)
    return build_model(Component("tiny_game", spec, Options()), context)


def batch(step, samples=2):
    random = np.random.default_rng(step)
    return {name: random.uniform(-1, 1, (samples, *shape)).astype("f4") for name, shape in game_models.SHAPES.items()}


def fit(model, first, last, samples=2):
    batches = StepBatches(batch(step, samples) for step in range(first, last))
    return model.fit(batches, steps_per_epoch=last - first, verbose=0).history


def logits(images):
    return np.sum(images.astype("f8") * WEIGHTS, axis=-1)


def test_without_options_the_losses_are_those_of_the_bare_logits():
    model = LinearCritic(WEIGHTS, training(), LabelledLoss())
    expected = np.mean((logits(REAL) - 1) ** 2) + np.mean(logits(FAKE) ** 2)
    assert float(model.game.discriminator_loss(REAL, FAKE)) == pytest.approx(expected, rel=1e-6)
    expected = np.mean((logits(FAKE) - 1) ** 2)
    assert float(model.game.generator_loss(FAKE)) == pytest.approx(expected, rel=1e-6)
    # A loss that compares sees the real logits too.
    expected += 100 * np.mean(logits(REAL))
    assert float(model.game.generator_loss(FAKE, REAL)) == pytest.approx(expected, rel=1e-5)
    before = ops.convert_to_numpy(model.game.state.random.state.value)
    model.game.discriminator_loss(REAL, FAKE)
    np.testing.assert_array_equal(ops.convert_to_numpy(model.game.state.random.state.value), before)


def test_the_condition_comes_before_the_images():
    condition = RANDOM.uniform(-1, 1, (4, 2, 2, 1)).astype("f4")
    model = LinearCritic((5.0, *WEIGHTS), training(), PlainLoss())
    given = 5.0 * condition[..., 0]
    expected = -np.mean(logits(FAKE) + given)
    assert float(model.game.generator_loss(FAKE, condition=condition)) == pytest.approx(expected, rel=1e-5)


def test_the_accuracy_is_the_share_of_right_answers():
    model = LinearCritic(WEIGHTS, training(), LabelledLoss())
    assert model.losses_reported == ("loss", "critic_accuracy")
    model.game.discriminator_loss(REAL, FAKE)
    expected = 0.5 * (np.mean(logits(REAL) > 0.5) + np.mean(logits(FAKE) <= 0.5))
    assert 0.4 < expected < 0.9
    assert float(model.game.report()["critic_accuracy"]) == pytest.approx(expected)
    assert LinearCritic(WEIGHTS, training(), PlainLoss()).losses_reported == ("loss",)


def test_label_smoothing_moves_the_label_of_real_images_only():
    model = LinearCritic(WEIGHTS, training(label_smoothing=0.2), LabelledLoss())
    expected = np.mean((logits(REAL) - 0.8) ** 2) + np.mean(logits(FAKE) ** 2)
    assert float(model.game.discriminator_loss(REAL, FAKE)) == pytest.approx(expected, rel=1e-6)
    expected = np.mean((logits(FAKE) - 1) ** 2)
    assert float(model.game.generator_loss(FAKE)) == pytest.approx(expected, rel=1e-6)


def test_smoothing_a_loss_without_labels_is_refused():
    with pytest.raises(ConfigError, match=r"with labels\.\nReceived: label_smoothing: 0\.1 with PlainLoss"):
        LinearCritic(WEIGHTS, training(label_smoothing=0.1), PlainLoss())


def test_ada_with_a_loss_without_a_boundary_is_refused():
    with pytest.raises(ConfigError, match=r"(?s)`ada` needs.*Received: PlainLoss"):
        LinearCritic(WEIGHTS, training(augmentation={"type": "ada"}), PlainLoss())


def test_the_noise_falls_to_zero_over_its_epochs_and_stays_there():
    options = InstanceNoiseOptions(deviation=0.2, decay=2)
    found = [float(noise_deviation(options, step, steps_per_epoch=5)) for step in (0, 1, 5, 9, 10, 50)]
    assert found == pytest.approx([0.2, 0.18, 0.1, 0.02, 0.0, 0.0], abs=1e-7)
    by_step = InstanceNoiseOptions(deviation=0.2, decay=2, unit="step")
    assert float(noise_deviation(by_step, 1, steps_per_epoch=5)) == pytest.approx(0.1)
    assert float(noise_deviation(InstanceNoiseOptions(deviation=0.2), 10**6, steps_per_epoch=5)) == pytest.approx(0.2)


def test_noise_is_added_to_everything_the_discriminator_sees():
    options = training(instance_noise={"deviation": 0.5, "decay": 4, "unit": "step"})
    model = LinearCritic((1.0, 1.0, 1.0), options, PlainLoss(), steps_per_epoch=1)
    images, condition = np.zeros((2000, 2, 2, 2), "f4"), np.zeros((2000, 2, 2, 1), "f4")
    for step, deviation in ((0, 0.5), (2, 0.25), (4, 0.0)):
        model.training_step.assign(step)
        real, fake = (ops.convert_to_numpy(seen) for seen in model.game._seen(condition, images, images))
        for seen in (real, fake):
            assert seen.std(axis=(0, 1, 2)) == pytest.approx([deviation] * 3, rel=0.05)
        assert deviation == 0 or abs(np.corrcoef(real.ravel(), fake.ravel())[0, 1]) < 0.05


def test_noise_follows_the_compiled_training_step():
    options = training(instance_noise={"deviation": 5.0, "decay": 3, "unit": "step"})
    model = LinearCritic((1.0, 1.0), options, PlainLoss())
    model.compile()
    images = np.zeros((2, 2, 2, 2), "f4")
    losses = []
    for _ in range(4):
        step = StepBatches(iter([{"real": images, "fake": images}]))
        losses.append(model.fit(step, steps_per_epoch=1, verbose=0).history["loss"][0])
    assert min(abs(loss) for loss in losses[:3]) > 0.0
    assert losses[3] == 0.0


def test_augmentation_moves_condition_and_image_alike_and_colours_the_image_alone():
    options = training(augmentation={"type": "diffaugment", "policy": ["color", "translation"]})
    model = LinearCritic((1.0, 1.0, 1.0, 1.0), options, PlainLoss())
    images = np.repeat(RANDOM.uniform(-1, 1, (8, 16, 16, 1)), 4, axis=-1).astype("f4")
    (seen,) = (ops.convert_to_numpy(one) for one in model.game._seen(images[..., :2], images[..., 2:]))
    # The condition lost its border only; the image has the same border and other levels within.
    np.testing.assert_array_equal(seen[..., 0] == 0, seen[..., 2] == 0)
    kept = seen[..., 0] != 0
    assert set(np.round(seen[..., 0][kept], 5)) <= set(np.round(images[..., 0].ravel(), 5))
    assert np.abs(seen[..., 2][kept] - seen[..., 0][kept]).mean() > 0.05


@pytest.mark.parametrize(("target", "expected"), [(-0.9, 0.7), (0.9, 0.3)])
def test_ada_follows_the_discriminator_and_reports_its_probability(target, expected):
    # A flip or a turn changes no logit of images of one colour: these are 2 and -2, so r_t is 0 around the boundary.
    options = training(
        augmentation={
            "type": "ada", "policy": ["blit"], "target": target, "interval": 1, "speed_kimg": 0.02, "probability": 0.5
        }
    )  # fmt: skip
    model = LinearCritic(WEIGHTS, options, LabelledLoss())
    assert model.losses_reported == ("loss", "critic_accuracy", "critic_augmentation")
    real = np.ones((4, 2, 2, 2), "f4") * np.array([1, -1], "f4") * np.array([1, -1, 1, -1], "f4")[:, None, None, None]
    model.game.discriminator_loss(real, FAKE)
    # 4 images of 20.
    assert float(model.game.report()["critic_augmentation"]) == pytest.approx(expected, abs=1e-6)


def test_every_update_of_a_discriminator_has_a_batch_of_its_own():
    model = build(discriminator_steps=3)
    assert model.context.training.samples_per_step == 6
    whole = {"A": np.arange(6.0)[:, None], "B": -np.arange(6.0)[:, None]}
    parts = model.discriminator_batches(whole)
    assert [part["A"].ravel().tolist() for part in parts] == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    assert all((part["B"] == -part["A"]).all() for part in parts)
    fit(model, 0, 2, samples=6)
    assert int(model.optimizers["generators"].iterations) == 2
    assert int(model.optimizers["discriminators"].iterations) == 6
    assert int(model.training_step) == 2


def test_several_steps_for_a_model_that_makes_one_are_refused():
    model = LinearCritic(WEIGHTS, training(discriminator_steps=2), LabelledLoss())
    model.compile(run_eagerly=True)
    with pytest.raises(ConfigError, match=r"(?s)discriminator_batches.*Received: discriminator_steps: 2"):
        model.fit(StepBatches(iter([{"real": REAL, "fake": FAKE}])), steps_per_epoch=1, verbose=0)


@pytest.mark.parametrize("name", ["augmentation", "instance_noise", "label_smoothing", "penalties"])
def test_an_option_of_the_game_for_a_model_without_one_is_refused(name):
    model = LinearCritic(WEIGHTS, training(**{name: EVERYTHING[name]}), LabelledLoss())
    model.check_game_options()
    model.games.clear()
    with pytest.raises(ConfigError, match=f"Received: {name}"):
        model.check_game_options()


def test_a_resumed_run_goes_on_as_an_uninterrupted_one(tmp_path):
    options = {
        **EVERYTHING,
        "penalties": [{"type": "r1", "every": 2}],
        "augmentation": {"type": "ada", "policy": ["blit"], "probability": 0.5},
        "discriminator_steps": 2,
    }
    whole = build(**options)
    fit(whole, 0, 3, samples=4)
    begun = build(**options)
    fit(begun, 0, 1, samples=4)
    CheckpointStore(tmp_path).save(begun, step=1, epoch=1)
    resumed = build(**options)
    CheckpointStore(tmp_path).restore(resumed)
    fit(resumed, 1, 3, samples=4)
    expected = named_state(whole)
    assert {name.rsplit(".", 1)[-1] for name in expected if name.startswith("model/")} >= {
        "r1",
        "accuracy",
        "augmentation",
    }
    for name, variable in named_state(resumed).items():
        np.testing.assert_array_equal(
            ops.convert_to_numpy(variable.value), ops.convert_to_numpy(expected[name].value), err_msg=name
        )


def test_penalties_on_a_discriminator_that_mixes_samples_are_warned_of(caplog):
    model = LinearCritic(WEIGHTS, training(penalties=[{"type": "r1"}]), LabelledLoss())
    assert not caplog.records
    model.joined = {"critic": False, "other": True}
    model.adversarial_game("critic", LabelledLoss())
    assert "penalties on critic" in caplog.text


def agree(*variants, **options):
    return assert_backends_agree(
        "game_models/tiny_game",
        game_models.SHAPES,
        training={**EVERYTHING, "discriminator_steps": 2, **options},
        plugins=[PLUGIN],
        variants=variants,
    )


@pytest.mark.slow
def test_every_variant_agrees():
    every = (("tensorflow", "eager"), ("tensorflow", "graph"), ("tensorflow", "xla"), ("jax", "eager"), ("jax", "xla"))
    agree(*every)
    agree(*every[:3], every[4], augmentation={"type": "ada", "probability": 0.8})


def test_backends_agree_with_every_option_on():
    results = agree(("tensorflow", "eager"), ("tensorflow", "graph"), ("jax", "xla"))
    names = {name for name in results if name.startswith("losses/judge_")}
    assert names == {f"losses/judge_{word}" for word in ("accuracy", "r1", "r2", "gradient", "dragan")}
