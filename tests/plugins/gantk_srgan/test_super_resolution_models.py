"""SRResNet, SRGAN and ESRGAN: one step worked out in float64 NumPy, starting points, resumption and options."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from pydantic import ValidationError

from gantk import AdversarialModel, Component, ConfigError, ModelContext, UsageError
from gantk.artifacts import load_bundle, save_bundle
from gantk.engine.batches import StepBatches
from gantk.engine.building import build_model
from gantk.engine.checkpoints import CheckpointStore
from gantk.engine.options import CheckpointOptions, TrainingOptions
from gantk.engine.sample_grid import SampleGrid
from gantk.engine.state import named_state
from gantk.engine.training import train
from gantk.evaluation import IdentityTranslator, NetworkTranslator
from gantk.pipeline.fingerprint import trained_models
from gantk.testing.agreement import assert_backends_agree
from gantk_srgan import gantk_models
from gantk_srgan.options import ESRGANOptions, SRGANOptions, SRResNetOptions
from gantk_srgan.srgan import SRGAN

RANDOM = np.random.default_rng(13)
RATE, PIXEL, ADVERSARIAL, PERCEPTUAL = 0.05, 3.0, 0.7, 0.4
PLAIN_STEPS = {"optimizers": {name: {"type": "sgd", "beta_1": 0, "learning_rate": RATE} for name in
                              ("generators", "discriminators")}}  # fmt: skip
OPTIONS = {"srresnet": SRResNetOptions, "srgan": SRGANOptions, "esrgan": ESRGANOptions}
TINY_GENERATOR = {"type": "srresnet", "blocks": 1, "filters": 4, "factor": 2}
TINY = {
    "srresnet": {"generator": TINY_GENERATOR},
    "srgan": {"generator": TINY_GENERATOR, "discriminator": {"type": "vgg", "filters": 2, "units": 4}},
    "esrgan": {
        "generator": {"type": "rrdb", "blocks": 1, "filters": 4, "growth": 2, "factor": 2},
        "discriminator": {"type": "unet_sn", "filters": 2},
    },
}
SHAPES = {"A": (8, 12, 3), "B": (16, 24, 3)}


def build(
    name: str,
    *,
    training: dict[str, Any] | None = None,
    shapes: dict[str, tuple[int, int, int]] = SHAPES,
    seed: int = 1,
    **options: Any,
) -> AdversarialModel:
    spec = next(spec for spec in gantk_models() if spec.name == name)
    component = Component(name, spec, OPTIONS[name].model_validate({**TINY[name], **options}))
    return build_model(component, ModelContext(shapes, TrainingOptions.model_validate(training or {}), seed=seed))


def pairs(batch: int = 2, shapes: dict[str, tuple[int, int, int]] = SHAPES) -> dict[str, np.ndarray]:
    return {name: RANDOM.uniform(-1, 1, (batch, *shape)).astype("float32") for name, shape in shapes.items()}


def fit(model: AdversarialModel, batch: dict[str, np.ndarray]) -> dict[str, float]:
    """Run one compiled step through `fit` and return its losses."""
    history = model.fit(StepBatches(iter([batch])), steps_per_epoch=1, epochs=1, verbose=0).history
    return {name: values[0] for name, values in history.items()}


def weights(model: AdversarialModel, name: str) -> list[np.ndarray]:
    return [ops.convert_to_numpy(variable).astype("float64") for variable in model.networks[name].trainable_weights]


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def linear(channels: int, outputs: int, bias: float, factor: int = 1) -> keras.Model:
    """Make a network that is one 1×1 convolution with known weights, and then larger squares of its pixels."""
    layer = keras.layers.Conv2D(outputs, 1, dtype="float32")
    network = keras.Sequential([keras.Input((None, None, channels)), layer])
    if factor > 1:
        network.add(keras.layers.UpSampling2D(factor))
    layer.kernel.assign(RANDOM.normal(0, 0.5, (1, 1, channels, outputs)))
    layer.bias.assign(np.full(outputs, bias))
    return network


class LinearSRGAN(SRGAN):
    """SRGAN ×2 from two channels to three, with linear networks."""

    def __init__(self, loss: str = "vanilla", training: dict[str, Any] | None = None, **options: Any) -> None:
        chosen = SRGANOptions.model_validate(
            {
                "adversarial_loss": loss,
                "pixel_loss": "l1",
                "lambda_pixel": PIXEL,
                "lambda_adversarial": ADVERSARIAL,
                "perceptual_loss": "l2",
                "lambda_perceptual": PERCEPTUAL,
                **options,
            }
        )
        replaced = {
            "generator": SimpleNamespace(
                options=SimpleNamespace(scale=2),
                create=lambda input_shape, output_channels: linear(input_shape[-1], output_channels, 0.1, factor=2),
            ),
            "discriminator": SimpleNamespace(create=lambda input_shape: linear(input_shape[-1], 1, -0.2)),
        }
        context = ModelContext(
            {"A": (3, 4, 2), "B": (6, 8, 3)}, TrainingOptions.model_validate(training or PLAIN_STEPS)
        )
        super().__init__(chosen.model_copy(update=replaced), context)
        self.compile()


LINEAR_SHAPES = {"A": (3, 4, 2), "B": (6, 8, 3)}


def adversarial(
    loss: str, real: np.ndarray, fake: np.ndarray
) -> tuple[float, np.ndarray, float, np.ndarray, np.ndarray]:
    """Return the generator's loss, its slope by fake logits, the discriminator's loss and its slopes by both."""
    count = fake.size
    if loss == "vanilla":
        discriminator = softplus(-real).mean() + softplus(fake).mean()
        by_real, by_fake = -sigmoid(-real) / count, sigmoid(fake) / count
        return softplus(-fake).mean(), -sigmoid(-fake) / count, discriminator, by_real, by_fake
    r, f = real - fake.mean(), fake - real.mean()
    generator = 0.5 * (softplus(-f).mean() + softplus(r).mean())
    by_fake_of_generator = -0.5 * (sigmoid(-f) + sigmoid(r).mean()) / count
    discriminator = 0.5 * (softplus(-r).mean() + softplus(f).mean())
    by_real = -0.5 * (sigmoid(-r) + sigmoid(f).mean()) / count
    by_fake = 0.5 * (sigmoid(f) + sigmoid(-r).mean()) / count
    return generator, by_fake_of_generator, discriminator, by_real, by_fake


@pytest.mark.parametrize("loss", ["vanilla", "relativistic_average"])
def test_one_step_by_hand(loss: str) -> None:
    model, batch = LinearSRGAN(loss), pairs(shapes=LINEAR_SHAPES)
    low, real = (batch[name].astype("float64") for name in "AB")
    (kernel, bias), (judge, judge_bias) = weights(model, "generator"), weights(model, "discriminator")
    kernel, judge = kernel[0, 0], judge[0, 0]
    fake = (low @ kernel + bias).repeat(2, axis=1).repeat(2, axis=2)
    real_logits, fake_logits = real @ judge + judge_bias, fake @ judge + judge_bias
    generator_loss, slope, discriminator_loss, by_real, by_fake = adversarial(loss, real_logits, fake_logits)

    expected = {
        "pixel": PIXEL * np.abs(real - fake).mean(),
        "perceptual": PERCEPTUAL * ((real - fake) ** 2).mean(),
        "adversarial": ADVERSARIAL * generator_loss,
        # Both meet the discriminator as it was before the step, and the same images.
        "discriminators": discriminator_loss,
    }
    expected["generators"] = expected["pixel"] + expected["perceptual"] + expected["adversarial"]
    if loss == "vanilla":
        expected["discriminator_accuracy"] = (np.mean(real_logits > 0) + np.mean(fake_logits <= 0)) / 2
    by_image = ADVERSARIAL * slope @ judge.T
    by_image = by_image + (PIXEL * np.sign(fake - real) + PERCEPTUAL * 2 * (fake - real)) / fake.size
    # Each pixel of the input is four of the result.
    by_square = by_image.reshape(2, 3, 2, 4, 2, 3).sum(axis=(2, 4))
    kernel = kernel - RATE * np.einsum("nhwi,nhwo->io", low, by_square)
    bias = bias - RATE * by_square.sum(axis=(0, 1, 2))
    judge_slope = np.einsum("nhwi,nhwo->io", real, by_real) + np.einsum("nhwi,nhwo->io", fake, by_fake)
    judge = judge - RATE * judge_slope
    judge_bias = judge_bias - RATE * (by_real + by_fake).sum(axis=(0, 1, 2))

    found = fit(model, batch)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5), name
    np.testing.assert_allclose(weights(model, "generator")[0][0, 0], kernel, atol=1e-6)
    np.testing.assert_allclose(weights(model, "generator")[1], bias, atol=1e-6)
    np.testing.assert_allclose(weights(model, "discriminator")[0][0, 0], judge, atol=1e-6)
    np.testing.assert_allclose(weights(model, "discriminator")[1], judge_bias, atol=1e-6)


def test_further_updates_of_the_discriminator_are_on_pairs_of_their_own() -> None:
    whole, parts = LinearSRGAN(training={**PLAIN_STEPS, "discriminator_steps": 2}), LinearSRGAN()
    for name in whole.networks:
        parts.networks[name].set_weights(whole.networks[name].get_weights())
    batch = pairs(4, LINEAR_SHAPES)
    # The first, third… sample are the generator's too.
    first, other = ({name: images[start::2] for name, images in batch.items()} for start in (0, 1))
    expected = fit(parts, first)
    fake = parts.networks["generator"](other["A"], training=True)
    loss = float(ops.convert_to_numpy(parts.update_discriminator(ops.convert_to_tensor(other["B"]), fake)))
    found = fit(whole, batch)
    assert found["discriminators"] == pytest.approx((loss + expected["discriminators"]) / 2, rel=1e-5)
    assert found["generators"] == pytest.approx(expected["generators"], rel=1e-5)
    for name in whole.networks:
        for one, another in zip(weights(whole, name), weights(parts, name), strict=True):
            np.testing.assert_allclose(one, another, atol=1e-6)


@pytest.mark.parametrize("name", OPTIONS)
def test_one_step_trains_every_network(name: str) -> None:
    model = build(name, training={"ema": 0.9})
    before = {network: weights(model, network) for network in model.networks}
    losses = fit(model, pairs())
    assert np.isfinite(list(losses.values())).all()
    assert "perceptual" not in losses
    for network, old in before.items():
        changed = [np.any(one != other) for one, other in zip(old, weights(model, network), strict=True)]
        assert sum(changed) > len(changed) / 2, network
    assert set(model.ema_networks) == {"generator"}


def test_srresnet_is_the_content_loss_alone() -> None:
    model, batch = build("srresnet", pixel_loss="charbonnier", lambda_pixel=2.0), pairs()
    result = ops.convert_to_numpy(model.networks["generator"](batch["A"], training=True)).astype("float64")
    expected = 2 * np.sqrt((batch["B"] - result) ** 2 + 1e-6).mean()
    found = fit(model, batch)
    assert found.keys() == {"pixel", "generators"}
    assert found["generators"] == pytest.approx(expected, rel=1e-4)
    assert list(model.networks) == ["generator"]


def test_a_perceptual_loss_takes_the_place_of_srgans_pixel_loss() -> None:
    assert SRGANOptions().pixel_weight == 1.0
    assert SRGANOptions(perceptual_loss="l1").pixel_weight == 0.0
    assert SRGANOptions(perceptual_loss="l1", lambda_pixel=0.25).pixel_weight == 0.25
    model, batch = build("srgan", perceptual_loss="l1", lambda_perceptual=6.0), pairs()
    result = ops.convert_to_numpy(model.networks["generator"](batch["A"], training=True)).astype("float64")
    found = fit(model, batch)
    assert "pixel" not in found
    assert found["perceptual"] == pytest.approx(6 * np.abs(batch["B"] - result).mean(), rel=1e-4)
    assert found["generators"] == pytest.approx(found["perceptual"] + found["adversarial"], rel=1e-6)
    with pytest.raises(ConfigError, match="Received: lambda_pixel 0, and no perceptual loss"):
        build("srgan", lambda_pixel=0)


def test_a_larger_image_than_the_factor_says_is_refused_with_the_right_one() -> None:
    with pytest.raises(ConfigError, match=r"B must be 2 times as high.*\nReceived: A 8 × 12, B 32 × 48") as error:
        build("srresnet", shapes={"A": (8, 12, 3), "B": (32, 48, 3)})
    assert "`factor: 4`" in (error.value.hint or "")
    with pytest.raises(ConfigError, match="B must be 2 times") as error:
        build("srgan", shapes={"A": (16, 16, 3), "B": (16, 16, 3)})
    assert "downscale" in (error.value.hint or "")


def test_a_preview_shows_input_result_and_original_in_one_grid() -> None:
    model, batch = build("srgan"), pairs()
    shown = model.preview(batch)
    assert list(shown["AtoB"]) == ["input", "output", "target"]
    grid = SampleGrid.from_preview(shown, {"AtoB": "low → high"}).image()
    assert grid.shape == (2 * 16, 3 * 24, 3)
    # The input's pixels are squares of two.
    first = np.clip(np.round((batch["A"][0] + 1) * 127.5), 0, 255)
    np.testing.assert_array_equal(grid[:16, :24], first.repeat(2, axis=0).repeat(2, axis=1))


def test_it_learns_more_than_the_plain_enlargement() -> None:
    model = build(
        "srresnet",
        generator={"type": "compact", "depth": 1, "width": 8, "factor": 2},
        training={"optimizers": {"generators": {"learning_rate": 5e-3}}},
    )

    def batches():
        while True:
            # Gentle slopes in any direction, and what a sensor of half the resolution sees of them.
            slopes, shift = RANDOM.uniform(-1, 1, (2, 4, 3)), RANDOM.uniform(-3, 3, (4, 1, 1, 3))
            rows, columns = np.arange(16).reshape(1, 16, 1, 1), np.arange(24).reshape(1, 1, 24, 1)
            high = np.sin(slopes[0][:, None, None] * rows + slopes[1][:, None, None] * columns + shift)
            yield {"A": high.reshape(4, 8, 2, 12, 2, 3).mean(axis=(2, 4)).astype("f4"), "B": high.astype("f4")}

    model.fit(StepBatches(batches()), steps_per_epoch=150, epochs=1, verbose=0)
    batch = next(batches())
    result = model.preview(batch)["AtoB"]["output"]
    plain = batch["A"].repeat(2, axis=1).repeat(2, axis=2)
    error, plain_error = (np.square(ops.convert_to_numpy(images) - batch["B"]).mean() for images in (result, plain))
    assert error < 0.25 * plain_error


def test_networks_in_training_are_measured_at_their_scale() -> None:
    model, batch = build("srresnet"), pairs()
    networks = NetworkTranslator(model.inference_networks(), model.inference_components())
    assert networks("AtoB", batch["A"]).shape == batch["B"].shape
    plain = IdentityTranslator(("AtoB",), {"AtoB": 2})("AtoB", batch["A"])
    np.testing.assert_array_equal(plain, batch["A"].repeat(2, axis=1).repeat(2, axis=2))


def saved(path: Path, generator: dict[str, Any], seed: int, channels: int = 3) -> Path:
    """Save a generator with random weights as a trained model; return its file."""
    shapes = {name: (*shape[:2], channels) for name, shape in SHAPES.items()}
    model = build("srresnet", generator=generator, seed=seed, shapes=shapes)
    for variable in model.networks["generator"].weights:
        variable.assign(RANDOM.uniform(0.1, 1.0, variable.shape))
    networks, components = model.inference_networks(), model.inference_components()
    save_bundle(path, networks=networks, components=components, model="srresnet")
    return path


def test_srgan_starts_from_a_trained_model(tmp_path: Path) -> None:
    path = saved(tmp_path / "run" / "train" / "model.gantk", TINY_GENERATOR, seed=5)
    trained = load_bundle(path).network("AtoB")
    for initial in (path, tmp_path / "run"):
        model = build("srgan", initial=str(initial), training={"ema": 0.9})
        for network in (model.networks["generator"], model.ema_networks["generator"]):
            for one, other in zip(trained.weights, network.weights, strict=True):
                np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


def test_other_weights_to_start_from_are_another_training(tmp_path: Path) -> None:
    spec = next(spec for spec in gantk_models() if spec.name == "srgan")
    path = tmp_path / "model.gantk"

    def digests() -> dict[str, str]:
        options = SRGANOptions.model_validate({**TINY["srgan"], "initial": str(path)})
        return trained_models(Component("srgan", spec, options))

    assert digests() == {"srgan.initial": ""}
    saved(path, TINY_GENERATOR, seed=5)
    bundle = load_bundle(path)
    assert digests() == {"srgan.initial": bundle.digest}
    # What was measured since is written into the file, and changes no weight.
    bundle.record_metrics({"psnr": {"values": {"psnr": 21.5}}})
    assert digests() == {"srgan.initial": bundle.digest}
    saved(path, TINY_GENERATOR, seed=6)
    assert digests() != {"srgan.initial": bundle.digest}
    assert trained_models(Component("srgan", spec, SRGANOptions())) == {}


def test_a_model_of_another_generator_is_refused_with_what_differs(tmp_path: Path) -> None:
    path = saved(tmp_path / "other.gantk", {**TINY_GENERATOR, "filters": 6}, seed=5)
    with pytest.raises(ConfigError, match=r"the same generator only\. Received: .*\n  filters: 6, where 4 is trained"):
        build("srgan", initial=str(path))
    with pytest.raises(ConfigError, match="the generator 'srresnet', where 'rrdb' is trained"):
        build("esrgan", initial=str(path))
    grey = saved(tmp_path / "grey.gantk", TINY_GENERATOR, seed=5, channels=1)
    with pytest.raises(ConfigError, match="channels 1 → 1, where 3 → 3 are trained"):
        build("srgan", initial=str(grey))
    with pytest.raises(UsageError, match="absent"):
        build("srgan", initial=str(tmp_path / "absent.gantk"))
    # An option that changes no weight may differ.
    other = saved(tmp_path / "epsilon.gantk", {**TINY_GENERATOR, "epsilon": 1e-3}, seed=5)
    build("srgan", initial=str(other))


def test_a_trained_model_is_a_bundle_that_enlarges(tmp_path: Path) -> None:
    model = build("esrgan")
    fit(model, pairs())
    path = tmp_path / "model.gantk"
    networks, components = model.inference_networks(), model.inference_components()
    save_bundle(path, networks=networks, components=components, model="esrgan")
    bundle = load_bundle(path)
    assert (bundle.metadata.networks["AtoB"].scale, bundle.metadata.networks["AtoB"].halo) == (2, 19)
    images = pairs(shapes={"A": (17, 20, 3)})["A"]
    expected = ops.convert_to_numpy(networks["AtoB"](images, training=False))
    np.testing.assert_allclose(bundle.translate(images), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["srgan", pytest.param("esrgan", marks=pytest.mark.slow)])
def test_a_run_that_was_stopped_resumes_to_the_same_bits(tmp_path: Path, name: str) -> None:
    """Moving statistics, averages, power iterations and both Adams are in the checkpoint; the start is not redone."""
    generator = TINY[name]["generator"]
    initial = saved(tmp_path / "initial.gantk", generator, seed=9)
    training = TrainingOptions.model_validate(
        {"epochs": 2, "ema": 0.9, "log_every": 2, "checkpoint": CheckpointOptions(every_steps=1)}
    )

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            self.model.stop_training = True

    def batches(step: int):
        while True:
            random = np.random.default_rng(step)
            yield {
                field: random.uniform(-1, 1, (1, *shape)).astype("float32") for field, shape in sorted(SHAPES.items())
            }
            step += 1

    def run(folder: str, *, resume: bool = False, stop: bool = False) -> dict[str, np.ndarray]:
        model = build(name, training=training.model_dump(), initial=str(initial))
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
    assert whole.keys() == parts.keys()
    for key, value in whole.items():
        assert value.tobytes() == parts[key].tobytes(), key


def test_every_option_of_the_game_goes_with_srgan() -> None:
    training = {
        "batch_size": 2,
        "discriminator_steps": 2,
        "penalties": [{"type": "r1", "weight": 10}],
        "augmentation": {"type": "diffaugment"},
        "instance_noise": {"deviation": 0.1},
        "label_smoothing": 0.1,
    }
    discriminator = {"type": "vgg", "filters": 2, "units": 4, "normalization": "none"}
    losses = fit(build("srgan", training=training, discriminator=discriminator), pairs(4))
    assert losses["discriminator_r1"] > 0
    assert np.isfinite(list(losses.values())).all()


def test_the_defaults_are_the_papers() -> None:
    plain = {name: options().model_dump() for name, options in OPTIONS.items()}
    kinds = ("generator", "discriminator", "pixel_loss", "adversarial_loss")
    found = {name: [values[kind]["type"] for kind in kinds if kind in values] for name, values in plain.items()}
    assert found == {
        "srresnet": ["srresnet", "l2"],
        "srgan": ["srresnet", "vgg", "l2", "vanilla"],
        "esrgan": ["rrdb", "vgg", "l1", "relativistic_average"],
    }
    assert plain["srgan"]["lambda_adversarial"] == 1e-3
    # η of the paper is 1e-2 of colours in [0, 1]; those in [-1, 1] differ twice as much.
    assert (plain["esrgan"]["lambda_adversarial"], plain["esrgan"]["lambda_pixel"]) == (5e-3, 0.5e-2)
    assert plain["srgan"]["generator"]["blocks"] == 16
    assert plain["esrgan"]["generator"]["blocks"] == 23
    for name, options in OPTIONS.items():
        assert options.model_validate(plain[name]) == options()
        for optimizer in build(name).optimizers.members.values():
            assert isinstance(optimizer, keras.optimizers.Adam)
            assert float(ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(1e-4)
            assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)


def test_esrgan_without_a_perceptual_loss_is_cautioned_against() -> None:
    assert "lambda_pixel: 0.005 alone" in ESRGANOptions().cautions()[0]
    assert not ESRGANOptions(perceptual_loss="l1").cautions()
    assert not ESRGANOptions(lambda_pixel=1.0).cautions()


@pytest.mark.parametrize(
    "wrong", [{"lambda_adversarial": -1}, {"pixel_loss": "vanilla"}, {"adversarial_loss": "l1"}, {"initial": ""}]
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SRGANOptions.model_validate(wrong)


def test_a_relativistic_loss_in_a_model_that_shows_no_real_images_is_told() -> None:
    from gantk_cyclegan.model import CycleGAN
    from gantk_cyclegan.options import CycleGANOptions

    options = CycleGANOptions.model_validate(
        {
            "generator": {"type": "resnet", "blocks": 0, "filters": 2, "downsamplings": 0},
            "discriminator": {"type": "pixel", "filters": 2},
            "adversarial_loss": "relativistic_average",
        }
    )
    model = CycleGAN(options, ModelContext({"A": (8, 8, 3), "B": (8, 8, 3)}))
    images = ops.convert_to_tensor(np.zeros((1, 8, 8, 3), "float32"))
    with pytest.raises(ConfigError, match="does not show real images"):
        model.generator_losses(images, images)


@pytest.mark.slow
def test_backends_agree_on_srgan() -> None:
    variants = (("tensorflow", "graph"), ("jax", "xla"))
    model = {"type": "srgan", **TINY["srgan"], "lambda_adversarial": 0.5}
    assert_backends_agree(model, SHAPES, batch_size=2, variants=variants)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["esrgan", "unnormalized", "compact"])
def test_backends_agree_on_the_other_networks_and_losses(variant: str) -> None:
    discriminator = {"type": "unet_sn", "filters": 2}
    model = {
        "esrgan": {"type": "esrgan", **TINY["esrgan"], "lambda_adversarial": 0.5, "lambda_pixel": 1.0},
        "unnormalized": {
            "type": "srgan",
            "generator": {**TINY_GENERATOR, "normalization": "none"},
            "discriminator": discriminator,
            "adversarial_loss": "relativistic_average",
            "pixel_loss": "charbonnier",
            "lambda_adversarial": 0.5,
        },
        "compact": {"type": "srresnet", "generator": {"type": "compact", "depth": 2, "width": 4, "factor": 2}},
    }[variant]
    assert_backends_agree(model, SHAPES, batch_size=2)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="these are the tests on JAX")
@pytest.mark.parametrize(
    ("names", "passed"),
    [
        ("by_hand", 2),
        pytest.param("resumes or bundle_that or further_updates or every_option", 5, marks=pytest.mark.slow),
    ],
)
def test_these_tests_on_jax(names: str, passed: int) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", names, __file__]
    done = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{passed} passed" in done.stdout
