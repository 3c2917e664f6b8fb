"""pix2pix against its equations, worked out in float64 NumPy for networks that are linear."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops
from pydantic import ValidationError

from gantk import Component, ConfigError, ModelContext
from gantk.engine.batches import StepBatches
from gantk.engine.building import build_model
from gantk.engine.checkpoints import CheckpointStore
from gantk.engine.options import CheckpointOptions, TrainingOptions
from gantk.engine.state import named_state
from gantk.engine.training import train
from gantk.testing.agreement import assert_backends_agree
from gantk_pix2pix import gantk_models
from gantk_pix2pix.model import Pix2Pix
from gantk_pix2pix.options import Pix2PixOptions

RANDOM = np.random.default_rng(7)
RATE, LAMBDA, FACTOR = 0.05, 7.0, 0.75
PLAIN_STEPS = {"optimizers": {name: {"type": "sgd", "beta_1": 0, "learning_rate": RATE} for name in
                              ("generators", "discriminators")}}  # fmt: skip
TINY = {
    "generator": {"type": "unet", "downs": 6, "filters": 2},
    "discriminator": {"type": "patchgan", "layers": 1, "filters": 4, "normalization": "batch"},
}


def linear(channels: int, outputs: int, bias: float) -> keras.Model:
    """Make a network that is one 1×1 convolution with known weights."""
    layer = keras.layers.Conv2D(outputs, 1, dtype="float32")
    network = keras.Sequential([keras.Input((None, None, channels)), layer])
    layer.kernel.assign(RANDOM.normal(0, 0.5, (1, 1, channels, outputs)))
    layer.bias.assign(np.full(outputs, bias))
    return network


class LinearPix2Pix(Pix2Pix):
    """pix2pix from A (two channels) to B (three) or back, with linear networks."""

    def __init__(self, direction: str = "AtoB", training: dict[str, object] | None = None) -> None:
        made = {}

        def generator(input_shape, output_channels):
            made["generator"] = tuple(input_shape)
            return linear(input_shape[-1], output_channels, 0.1)

        def discriminator(input_shape):
            made["discriminator"] = tuple(input_shape)
            return linear(input_shape[-1], 1, -0.2)

        options = Pix2PixOptions(direction=direction, lambda_pairwise=LAMBDA, discriminator_factor=FACTOR)
        replaced = {
            "generator": SimpleNamespace(create=generator),
            "discriminator": SimpleNamespace(create=discriminator),
        }
        shapes = {"A": (4, 6, 2), "B": (4, 6, 3)}
        context = ModelContext(shapes, TrainingOptions.model_validate(training or PLAIN_STEPS))
        super().__init__(options.model_copy(update=replaced), context)
        self.input_shapes = made
        self.compile()


def pairs(batch: int = 2, **shapes: tuple[int, int, int]) -> dict[str, np.ndarray]:
    shapes = shapes or {"A": (4, 6, 2), "B": (4, 6, 3)}
    return {name: RANDOM.uniform(-1, 1, (batch, *shape)).astype("float32") for name, shape in shapes.items()}


def fit(model: Pix2Pix, batch: dict[str, np.ndarray]) -> dict[str, float]:
    """Run one compiled step through `fit` and return its losses."""
    history = model.fit(StepBatches(iter([batch])), steps_per_epoch=1, epochs=1, verbose=0).history
    return {name: values[0] for name, values in history.items()}


def weights(model: Pix2Pix, name: str) -> list[np.ndarray]:
    return [ops.convert_to_numpy(variable).astype("float64") for variable in model.networks[name].weights]


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_one_step_by_hand(direction: str) -> None:
    model, batch = LinearPix2Pix(direction), pairs()
    source, target = (batch[name].astype("float64") for name in direction.split("to"))
    (kernel, bias), (judge, judge_bias) = weights(model, "generator"), weights(model, "discriminator")
    kernel, judge = kernel[0, 0], judge[0, 0]
    fake = source @ kernel + bias
    real_input, fake_input = (np.concatenate([source, image], axis=-1) for image in (target, fake))

    # L_D = factor (mean softplus(-D(x, y)) + mean softplus(D(x, G(x)))), and plain gradient descent on it.
    real_logits, fake_logits = real_input @ judge + judge_bias, fake_input @ judge + judge_bias
    count = real_logits.size
    expected = {"discriminators": FACTOR * (softplus(-real_logits).mean() + softplus(fake_logits).mean())}
    by_real, by_fake = -FACTOR * sigmoid(-real_logits) / count, FACTOR * sigmoid(fake_logits) / count
    judge_slope = np.einsum("nhwi,nhwo->io", real_input, by_real) + np.einsum("nhwi,nhwo->io", fake_input, by_fake)
    judge = judge - RATE * judge_slope
    judge_bias = judge_bias - RATE * (by_real + by_fake).sum(axis=(0, 1, 2))

    right = np.mean(real_logits > 0) + np.mean(fake_logits <= 0)
    expected["discriminator_accuracy"] = right / 2

    # The generator meets the discriminator that has just changed.
    fake_logits = fake_input @ judge + judge_bias
    expected["adversarial"] = softplus(-fake_logits).mean()
    expected["pairwise"] = LAMBDA * np.abs(target - fake).mean()
    expected["generators"] = expected["adversarial"] + expected["pairwise"]
    by_image = (-sigmoid(-fake_logits) / count) @ judge[source.shape[-1] :].T
    by_image = by_image + LAMBDA * np.sign(fake - target) / fake.size
    kernel = kernel - RATE * np.einsum("nhwi,nhwo->io", source, by_image)
    bias = bias - RATE * by_image.sum(axis=(0, 1, 2))

    found = fit(model, batch)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5), name
    np.testing.assert_allclose(weights(model, "discriminator")[0][0, 0], judge, atol=1e-6)
    np.testing.assert_allclose(weights(model, "discriminator")[1], judge_bias, atol=1e-6)
    np.testing.assert_allclose(weights(model, "generator")[0][0, 0], kernel, atol=1e-6)
    np.testing.assert_allclose(weights(model, "generator")[1], bias, atol=1e-6)


def test_a_direction_decides_what_goes_in_and_what_comes_out() -> None:
    there, back = LinearPix2Pix("AtoB"), LinearPix2Pix("BtoA")
    assert there.input_shapes == {"generator": (4, 6, 2), "discriminator": (4, 6, 5)}
    assert back.input_shapes == {"generator": (4, 6, 3), "discriminator": (4, 6, 5)}
    assert (there.directions, back.directions) == ({"AtoB": "generator"}, {"BtoA": "generator"})
    batch = pairs()
    shown = back.preview(batch)
    assert {direction: list(columns) for direction, columns in shown.items()} == {"BtoA": ["input", "output", "target"]}
    np.testing.assert_array_equal(shown["BtoA"]["input"], batch["B"])
    np.testing.assert_array_equal(shown["BtoA"]["target"], batch["A"])
    output = back.networks["generator"](batch["B"], training=False)
    np.testing.assert_array_equal(ops.convert_to_numpy(shown["BtoA"]["output"]), ops.convert_to_numpy(output))


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX differentiates on tracers, which hold no numbers")
def test_both_networks_meet_the_same_image_whatever_dropout_does() -> None:
    seen = []
    model = build()
    assert any(isinstance(layer, keras.layers.Dropout) for layer in model.networks["generator"].layers)
    discriminator = model.networks["discriminator"]

    class Spy:
        def __call__(self, images: object, training: bool) -> object:
            seen.append(ops.convert_to_numpy(images))
            return discriminator(images, training=training)

    model.networks["discriminator"], found = Spy(), model.variables_of
    model.variables_of = lambda name: discriminator.trainable_variables if name == "discriminators" else found(name)
    shape = (64, 64, 3)
    model.adversarial_step({name: ops.convert_to_tensor(images) for name, images in pairs(A=shape, B=shape).items()})
    judged = [images for images in seen if images.shape[-1] == 6]
    assert len(judged) == 3
    np.testing.assert_array_equal(judged[1], judged[2])
    assert np.abs(judged[0] - judged[1]).max() > 0.1


def test_the_discriminators_loss_trains_the_discriminator_alone() -> None:
    model, batch = LinearPix2Pix(), {name: ops.convert_to_tensor(images) for name, images in pairs().items()}
    before = {name: weights(model, name) for name in model.networks}
    fake = model.networks["generator"](batch["A"], training=True)
    model.update_discriminator(batch["A"], batch["B"], fake)
    assert all(
        np.array_equal(old, new) for old, new in zip(before["generator"], weights(model, "generator"), strict=True)
    )
    changed = zip(before["discriminator"], weights(model, "discriminator"), strict=True)
    assert all(np.any(old != new) for old, new in changed)


def test_further_discriminator_steps_come_first_on_pairs_of_their_own() -> None:
    training = {**PLAIN_STEPS, "discriminator_steps": 2}
    whole, parts = LinearPix2Pix(training=training), LinearPix2Pix()
    for name in whole.networks:
        parts.networks[name].set_weights(whole.networks[name].get_weights())
    batch = pairs(4)
    # The first, third… sample are the generator's too.
    first, other = ({name: images[start::2] for name, images in batch.items()} for start in (0, 1))
    fake = parts.networks["generator"](other["A"], training=True)
    tensors = {name: ops.convert_to_tensor(images) for name, images in other.items()}
    loss = float(ops.convert_to_numpy(parts.update_discriminator(tensors["A"], tensors["B"], fake)))
    expected, found = fit(parts, first), fit(whole, batch)
    assert found["discriminators"] == pytest.approx((loss + expected["discriminators"]) / 2, rel=1e-5)
    assert found["generators"] == pytest.approx(expected["generators"], rel=1e-5)
    for name in whole.networks:
        for one, another in zip(weights(whole, name), weights(parts, name), strict=True):
            np.testing.assert_allclose(one, another, atol=1e-6)


def test_every_option_of_the_game_goes_with_it() -> None:
    training = {
        "batch_size": 2,
        "penalties": [{"type": "r1", "weight": 10, "every": 2}, {"type": "gradient"}],
        "augmentation": {"type": "diffaugment"},
        "instance_noise": {"deviation": 0.1},
        "label_smoothing": 0.1,
        "ema": 0.9,
    }
    discriminator = {**TINY["discriminator"], "normalization": "instance"}
    model = build(training, discriminator=discriminator)
    before = {name: weights(model, name) for name in model.networks}
    shape = (64, 64, 3)
    losses = fit(model, pairs(A=shape, B=shape))
    assert {"discriminator_r1", "discriminator_gradient", "discriminator_accuracy"} <= losses.keys()
    assert np.isfinite(list(losses.values())).all()
    assert losses["discriminator_r1"] > 0
    for name, old in before.items():
        assert any(np.any(one != other) for one, other in zip(old, weights(model, name), strict=True)), name


def build(training: dict[str, object] | None = None, size: int = 64, **options: object) -> Pix2Pix:
    component = Component("pix2pix", gantk_models()[0], Pix2PixOptions.model_validate({**TINY, **options}))
    shapes = {"A": (size, size, 3), "B": (size, size, 3)}
    return build_model(component, ModelContext(shapes, TrainingOptions.model_validate(training or {}), seed=1))


def test_the_default_networks_losses_and_optimizers_are_the_papers() -> None:
    options = Pix2PixOptions()
    plain = options.model_dump()
    assert {name: plain[name] for name in ("direction", "lambda_pairwise", "discriminator_factor")} == {
        "direction": "AtoB",
        "lambda_pairwise": 100.0,
        "discriminator_factor": 0.5,
    }
    kinds = ("generator", "discriminator", "adversarial_loss", "pairwise_loss")
    assert [plain[name]["type"] for name in kinds] == ["unet", "patchgan", "vanilla", "l1"]
    assert plain["discriminator"]["normalization"] == plain["generator"]["normalization"] == "batch"
    assert options.generator.options.drops_at_test
    assert plain["generator"]["statistics_at_test"] == "image"
    assert Pix2PixOptions.model_validate(plain) == options
    model = build()
    for name in ("generators", "discriminators"):
        optimizer = model.optimizers[name]
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)


@pytest.mark.parametrize(
    "wrong", [{"direction": "BtoB"}, {"lambda_pairwise": -1}, {"discriminator_factor": 0}, {"pairwise_loss": "lsgan"}]
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Pix2PixOptions.model_validate(wrong)


def test_sides_of_two_sizes_are_refused() -> None:
    component = Component("pix2pix", gantk_models()[0], Pix2PixOptions.model_validate(TINY))
    with pytest.raises(ConfigError, match=r"one size.*\nReceived: A 64 × 64, B 128 × 64"):
        build_model(component, ModelContext({"A": (64, 64, 3), "B": (128, 64, 3)}))


def test_it_learns_a_change_of_sign() -> None:
    # With no noise and a heavy pairwise loss: G(x) = -x.
    model = LinearPix2Pix(training={"optimizers": {"generators": {"learning_rate": 0.02}}})
    model.networks["generator"].layers[0].kernel.assign(np.full((1, 1, 2, 3), 0.5))

    def batches():
        while True:
            images = RANDOM.uniform(-1, 1, (4, 4, 6, 2)).astype("float32")
            yield {"A": images, "B": -images[..., [0, 1, 0]]}

    model.fit(StepBatches(batches()), steps_per_epoch=300, epochs=1, verbose=0)
    kernel = weights(model, "generator")[0][0, 0]
    np.testing.assert_allclose(kernel, [[-1, 0, -1], [0, -1, 0]], atol=0.1)


def test_a_run_that_was_stopped_resumes_to_the_same_bits(tmp_path: Path) -> None:
    """Dropout's random state, the moving averages and both Adams are in the checkpoint."""
    training = TrainingOptions.model_validate(
        {"epochs": 2, "ema": 0.9, "log_every": 2, "checkpoint": CheckpointOptions(every_steps=1)}
    )

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            self.model.stop_training = True

    def batches(step: int):
        while True:
            random = np.random.default_rng(step)
            yield {name: random.uniform(-1, 1, (1, 64, 64, 3)).astype("float32") for name in "AB"}
            step += 1

    def run(folder: str, *, resume: bool = False, stop: bool = False) -> dict[str, np.ndarray]:
        model = build(training.model_dump())
        train(
            model,
            batches=batches,
            training=training,
            steps_per_epoch=2,
            directory=tmp_path / folder,
            resume=resume,
            callbacks=[Stop()] if stop else [],
            progress=False,
        )
        return {name: ops.convert_to_numpy(variable.value).copy() for name, variable in named_state(model).items()}

    whole = run("whole")
    run("parts", stop=True)
    assert [path.stem for path in CheckpointStore(tmp_path / "parts" / "checkpoints").paths()] == ["step-00000001"]
    parts = run("parts", resume=True)
    assert any("seed" in name for name in whole)
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        assert value.tobytes() == parts[name].tobytes(), name


def test_backends_agree_on_the_papers_set_up() -> None:
    model = {
        "type": "pix2pix",
        "generator": {"type": "unet", "downs": 3, "filters": 4, "dropout": 0.0},
        "discriminator": {"type": "patchgan", "layers": 2, "filters": 4, "normalization": "batch"},
    }
    variants = (("tensorflow", "eager"), ("tensorflow", "graph"), ("tensorflow", "xla"), ("jax", "xla"))
    assert_backends_agree(model, {"A": (16, 16, 3), "B": (16, 16, 3)}, batch_size=2, variants=variants)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="these are the tests on JAX")
@pytest.mark.parametrize(
    ("names", "passed"),
    [
        ("by_hand or trains_the_discriminator", 3),
        pytest.param("resumes_to_the_same_bits", 1, marks=pytest.mark.slow),
    ],
)
def test_these_tests_on_jax(names: str, passed: int) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", names, __file__]
    done = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{passed} passed" in done.stdout
