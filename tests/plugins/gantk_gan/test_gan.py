"""The model `gan` against the papers' equations, worked out in float64 NumPy for networks that are linear."""

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
from keras import layers, ops
from pydantic import ValidationError

from gantk import Component, ConfigError, ModelContext
from gantk.artifacts import load_bundle, save_bundle
from gantk.engine.batches import StepBatches
from gantk.engine.building import build_model
from gantk.engine.options import CheckpointOptions, TrainingOptions
from gantk.engine.state import named_state
from gantk.engine.training import train
from gantk.testing.agreement import assert_backends_agree
from gantk.testing.one_step import fixed_random_numbers
from gantk_gan import gantk_models
from gantk_gan.model import GAN
from gantk_gan.options import GANOptions

RANDOM = np.random.default_rng(7)
RATE, SIZE, SHAPE, CLASSES = 0.05, 3, (2, 2, 1), ("zero", "one", "two")
PIXELS = int(np.prod(SHAPE))
PLAIN = {
    "optimizers": {name: {"type": "sgd", "beta_1": 0, "learning_rate": RATE} for name in ("generator", "discriminator")}
}
USES = ("none", "input", "projection", "auxiliary")
SYSTEMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "dcgan": (
        {"generator": {"type": "dcgan", "filters": 4}, "discriminator": {"type": "dcgan", "filters": 4}},
        {},
    ),
    "wgan_gp": (
        {
            "generator": {"type": "resnet_gan", "filters": 4, "widest": 4},
            "discriminator": {
                "type": "resnet_gan",
                "filters": 4,
                "widest": 4,
                "spectral": False,
                "normalization": "layer",
            },
            "adversarial_loss": "wasserstein",
        },
        {"penalties": [{"type": "gradient"}], "discriminator_steps": 2},
    ),
    "sngan": (
        {
            "generator": {"type": "sndcgan", "filters": 4},
            "discriminator": {"type": "sndcgan", "filters": 4},
            "adversarial_loss": "hinge",
        },
        {},
    ),
    "conditional": (
        {
            "generator": {"type": "dcgan", "filters": 4},
            "discriminator": {"type": "dcgan", "filters": 4},
            "labels": "input",
        },
        {},
    ),
    "projection": (
        {
            "generator": {"type": "resnet_gan", "filters": 4, "widest": 4},
            "discriminator": {"type": "resnet_gan", "filters": 4, "widest": 4},
            "adversarial_loss": "hinge",
            "labels": "projection",
        },
        {"discriminator_steps": 2},
    ),
    "acgan": (
        {
            "generator": {"type": "sndcgan", "filters": 4},
            "discriminator": {"type": "dcgan", "filters": 4},
            "labels": "auxiliary",
        },
        {},
    ),
}
"""The systems that one model carries: its options, and those of the training."""


class LinearGAN(GAN):
    """A model whose two networks are one linear map each."""

    def __init__(self, training: dict[str, Any] | None = None, **options: Any) -> None:
        def generator(latents: int, output_shape: tuple[int, ...], classes: int) -> keras.Model:
            vectors = layers.Input((latents,))
            labels = [layers.Input((classes,))] if classes else []
            x = layers.Concatenate()([vectors, *labels]) if classes else vectors
            images = layers.Reshape(output_shape)(layers.Dense(PIXELS)(x))
            return keras.Model([vectors, *labels] if classes else vectors, images)

        def discriminator(input_shape: tuple[int, ...], outputs: int = 1) -> keras.Model:
            return keras.Sequential([keras.Input(input_shape), layers.Flatten(), layers.Dense(outputs)])

        made = GANOptions.model_validate({"latents": {"size": SIZE}, **options})
        made = made.model_copy(
            update={
                "generator": SimpleNamespace(create=generator),
                "discriminator": SimpleNamespace(create=discriminator, spec=None),
            }
        )
        super().__init__(
            made,
            ModelContext(
                {"image": SHAPE}, TrainingOptions.model_validate({**PLAIN, **(training or {})}), classes=CLASSES
            ),
        )
        for network in self.networks.values():
            network.set_weights([RANDOM.normal(0, 0.5, weight.shape) for weight in network.weights])
        self.drawn: list[np.ndarray] = []

    def step(self, batch: dict[str, np.ndarray]) -> dict[str, float]:
        """Take one step, eagerly, and keep the images that were generated."""
        made = self.generate
        self.generate = lambda count, labels=None: self._noted(made(count, labels))
        found = self.adversarial_step({name: ops.convert_to_tensor(value) for name, value in batch.items()})
        return {name: float(ops.convert_to_numpy(value)) for name, value in found.items()}

    def _noted(self, images: Any) -> Any:
        self.drawn.append(ops.convert_to_numpy(ops.stop_gradient(images)))
        return images


def data(count: int) -> dict[str, np.ndarray]:
    return {
        "image": RANDOM.uniform(-1, 1, (count, *SHAPE)).astype("f4"),
        "label": RANDOM.integers(len(CLASSES), size=count).astype("i4"),
    }


def weights(model: GAN, name: str) -> tuple[np.ndarray, np.ndarray]:
    kernel, bias = (ops.convert_to_numpy(weight).astype("f8") for weight in model.networks[name].weights)
    return kernel, bias


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


eager = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="JAX differentiates on tracers, which hold no numbers"
)


def fixed_latents(count: int) -> np.ndarray:
    """The latent vectors that `fixed_random_numbers` makes a model draw."""
    with fixed_random_numbers(0):
        return np.asarray(ops.convert_to_numpy(keras.random.normal((count, SIZE))), "f8")


def test_one_step_by_hand() -> None:
    """Radford: the discriminator first, then the generator against the changed one, on the same images."""
    model, batch = LinearGAN(), data(4)
    (kernel, bias), (judge, judge_bias) = weights(model, "generator"), weights(model, "discriminator")
    latents, real = fixed_latents(4), batch["image"].reshape(4, -1).astype("f8")
    fake = latents @ kernel + bias
    # L_D = mean softplus(-D(y)) + mean softplus(D(G(z))), and plain gradient descent on it.
    real_logits, fake_logits = real @ judge + judge_bias, fake @ judge + judge_bias
    expected = {"discriminator": np.mean(np.logaddexp(0, -real_logits)) + np.mean(np.logaddexp(0, fake_logits))}
    by_real, by_fake = -sigmoid(-real_logits) / 4, sigmoid(fake_logits) / 4
    judge = judge - RATE * (real.T @ by_real + fake.T @ by_fake)
    judge_bias = judge_bias - RATE * (by_real + by_fake).sum(axis=0)
    expected["discriminator_accuracy"] = (np.mean(real_logits > 0) + np.mean(fake_logits <= 0)) / 2
    fake_logits = fake @ judge + judge_bias
    expected["generator"] = np.mean(np.logaddexp(0, -fake_logits))
    by_image = (-sigmoid(-fake_logits) / 4) @ judge.T
    kernel, bias = kernel - RATE * latents.T @ by_image, bias - RATE * by_image.sum(axis=0)

    model.compile()
    with fixed_random_numbers(0):
        history = model.fit(StepBatches(iter([{"image": batch["image"]}])), steps_per_epoch=1, verbose=0).history
    assert history.keys() == expected.keys()
    for name, value in expected.items():
        assert history[name][0] == pytest.approx(value, rel=1e-5), name
    for name, pair in {"discriminator": (judge, judge_bias), "generator": (kernel, bias)}.items():
        for found, value in zip(weights(model, name), pair, strict=True):
            np.testing.assert_allclose(found, value, atol=1e-6)


@eager
@pytest.mark.parametrize("use", USES)
def test_labels_of_generated_images_are_those_of_the_real_ones_beside_them(use: str) -> None:
    model, batch = LinearGAN(labels=use), data(4)
    kernel, bias = weights(model, "generator")
    with fixed_random_numbers(0):
        model.step(batch)
    given = fixed_latents(4)
    if use != "none":
        given = np.concatenate([given, np.eye(3)[batch["label"]]], axis=1)
    np.testing.assert_allclose(model.drawn[0].reshape(4, -1), given @ kernel + bias, atol=1e-5)


@eager
@pytest.mark.parametrize(
    ("steps", "images", "generated"), [(1, "auto", 1), (1, "new", 2), (3, "auto", 4), (3, "same", 3), (3, "new", 4)]
)
def test_every_update_has_images_of_its_own(steps: int, images: str, generated: int) -> None:
    model = LinearGAN({"discriminator_steps": steps}, generator_images=images)
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    judged: list[np.ndarray] = []
    update, judge = model.update_discriminator, model.game.generator_loss

    def noted(real: Any, fake: Any, labels: Any) -> Any:
        seen.append((ops.convert_to_numpy(real), ops.convert_to_numpy(fake)))
        return update(real, fake, labels)

    def noted_judge(fake: Any, **named: Any) -> Any:
        judged.append(ops.convert_to_numpy(ops.stop_gradient(fake)))
        return judge(fake, **named)

    model.update_discriminator, model.game.generator_loss = noted, noted_judge
    batch = data(2 * steps)
    model.step(batch)
    assert (len(seen), len(judged), len(model.drawn)) == (steps, 1, generated)
    # Each real image once.
    rows = np.concatenate([real for real, _ in seen]).reshape(2 * steps, -1)
    assert sorted(map(tuple, rows)) == sorted(map(tuple, batch["image"].reshape(2 * steps, -1)))
    assert len({fake.tobytes() for _, fake in seen}) == steps
    assert (judged[0].tobytes() == seen[-1][1].tobytes()) == (generated == steps)
    assert generated == steps or all(judged[0].tobytes() != fake.tobytes() for _, fake in seen)


@eager
def test_the_reported_loss_is_the_mean_of_the_updates() -> None:
    model = LinearGAN({"discriminator_steps": 3})
    update, losses = model.update_discriminator, []
    model.update_discriminator = lambda *given: losses.append(update(*given)) or losses[-1]
    found = model.step(data(6))["discriminator"]
    assert len(losses) == 3
    assert found == pytest.approx(np.mean([float(loss) for loss in losses]), rel=1e-6)


@eager
@pytest.mark.parametrize("images", ["same", "new"])
def test_each_update_changes_its_network_alone_and_the_discriminator_goes_first(images: str) -> None:
    model = LinearGAN(generator_images=images)
    order: list[str] = []
    apply = model.apply_gradients

    def noted(name: str, *given: Any) -> None:
        before = {other: weights(model, other) for other in model.networks}
        apply(name, *given)
        order.append(name)
        for other, old in before.items():
            same = all(np.array_equal(one, new) for one, new in zip(old, weights(model, other), strict=True))
            assert same == (other != name)

    model.apply_gradients = noted
    model.step(data(4))
    assert order == ["discriminator", "generator"]


@eager
def test_a_relativistic_generator_sees_the_real_images() -> None:
    model, batch = LinearGAN(adversarial_loss="relativistic_average"), data(4)
    given: list[Any] = []
    judge = model.game.generator_loss
    model.game.generator_loss = lambda fake, **named: given.append(named["real"]) or judge(fake, **named)
    model.step(batch)
    np.testing.assert_array_equal(ops.convert_to_numpy(given[0]), batch["image"])


def test_the_defaults_are_dcgans() -> None:
    plain = GANOptions().model_dump()
    assert [plain[name]["type"] for name in ("generator", "discriminator", "adversarial_loss")] == [
        "dcgan",
        "dcgan",
        "vanilla",
    ]
    assert (plain["labels"], plain["generator_images"]) == ("none", "auto")
    assert GANOptions.model_validate(plain) == GANOptions()
    model = build("dcgan")
    for name in ("generator", "discriminator"):
        optimizer = model.optimizers[name]
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)


@pytest.mark.parametrize("use", ["projection", "auxiliary"])
def test_a_discriminator_without_numbers_for_the_classes_is_refused(use: str) -> None:
    with pytest.raises(ValidationError, match=r"gives a number for each class.*Received: 'patchgan'.*`labels: input`"):
        GANOptions.model_validate({"discriminator": "patchgan", "labels": use})
    GANOptions.model_validate({"discriminator": "patchgan", "labels": "input"})


@pytest.mark.parametrize("use", ["input", "projection", "auxiliary"])
def test_labels_of_data_without_are_refused(use: str) -> None:
    options = GANOptions.model_validate({"labels": use})
    with pytest.raises(ConfigError, match=rf"`labels: {use}` needs data with labels\.\nReceived: pictures without"):
        GAN(options, ModelContext({"image": (8, 8, 1)}))


@pytest.mark.parametrize("shape", [(28, 30, 1), (9, 18, 3), (4, 2, 1)])
@pytest.mark.parametrize("name", ["dcgan", "sndcgan", "resnet_gan"])
def test_sizes_that_a_network_cannot_make_are_refused(name: str, shape: tuple[int, int, int]) -> None:
    options = GANOptions.model_validate({"generator": name})
    with pytest.raises(ConfigError, match=rf"(?s)'{name}' needs images.*Received: {shape[0]} × {shape[1]}"):
        GAN(options, ModelContext({"image": shape}))


def test_a_weight_without_effect_is_cautioned_about() -> None:
    assert GANOptions().cautions() == []
    assert GANOptions(labels="auxiliary", lambda_class=(1, 0.1)).cautions() == []
    (caution,) = GANOptions(labels="projection", lambda_class=(1, 0.1)).cautions()
    assert caution.endswith("labels is projection")


def build(name: str, training: dict[str, Any] | None = None, size: int = 8) -> GAN:
    options, more = SYSTEMS[name]
    component = Component("gan", gantk_models()[0], GANOptions.model_validate({"latents": {"size": SIZE}, **options}))
    options_of_training = TrainingOptions.model_validate({"batch_size": 4, **more, **(training or {})})
    return build_model(
        component, ModelContext({"image": (size, size, 1)}, options_of_training, seed=1, classes=CLASSES)
    )


def images(count: int, seed: int = 0, size: int = 8) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "image": random.uniform(-1, 1, (count, size, size, 1)).astype("f4"),
        "label": random.integers(len(CLASSES), size=count).astype("i4"),
    }


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("dcgan", "bfloat16"),
        ("dcgan", "float16"),
        ("projection", "bfloat16"),
        ("wgan_gp", "float16"),
        *[pytest.param(name, "float32", marks=pytest.mark.slow) for name in SYSTEMS],
        *[pytest.param(name, "bfloat16", marks=pytest.mark.slow) for name in ("wgan_gp", "sngan", "acgan")],
    ],
)
def test_systems_train_in_every_precision(name: str, precision: str) -> None:
    model = build(name, {"precision": precision, "ema": 0.9})
    before = {
        network: [weight.copy() for weight in model.networks[network].get_weights()] for network in model.networks
    }
    # In float16 the first steps of a penalty's second derivatives find out how far the loss may be scaled.
    count, steps = model.context.training.samples_per_step, 14 if precision == "float16" else 2
    model.compile(run_eagerly=keras.backend.backend() == "tensorflow")
    batches = StepBatches(images(count, seed) for seed in range(steps))
    history = model.fit(batches, steps_per_epoch=steps, verbose=0).history
    for loss, values in history.items():
        assert np.isfinite(values).all(), loss
    for network, old in before.items():
        changed = [np.any(one != new) for one, new in zip(old, model.networks[network].get_weights(), strict=True)]
        assert sum(changed) > len(changed) / 2, network
    vectors = np.zeros((2, SIZE), "f4")
    made = model.inference_networks()["sample"]([vectors, np.eye(3, dtype="f4")[:2]] if model.classes else vectors)
    assert keras.backend.standardize_dtype(made.dtype) == "float32"
    assert np.abs(ops.convert_to_numpy(made)).max() <= 1


@pytest.mark.parametrize("name", ["dcgan", "projection"])
def test_a_bundle_makes_the_same_images(name: str, tmp_path: Path) -> None:
    model = build(name, {"ema": 0.9})
    model.fit(StepBatches(iter([images(model.context.training.samples_per_step)])), steps_per_epoch=1, verbose=0)
    networks = model.inference_networks()
    save_bundle(
        tmp_path / "model.gantk",
        networks=networks,
        components=model.inference_components(),
        model="gan",
        latents=model.latents,
        classes=model.classes,
    )
    loaded = load_bundle(tmp_path / "model.gantk").network("sample")
    vectors: Any = RANDOM.normal(size=(3, SIZE)).astype("f4")
    inputs = [vectors, np.eye(3, dtype="f4")] if model.classes else vectors
    one, other = (ops.convert_to_numpy(network(inputs, training=False)) for network in (networks["sample"], loaded))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["acgan", pytest.param("wgan_gp", marks=pytest.mark.slow)])
def test_a_run_that_was_stopped_resumes_to_the_same_bits(name: str, tmp_path: Path) -> None:
    """The random state of the latent vectors, the game's, averages and both Adams are in the checkpoint."""
    training = {"epochs": 2, "ema": 0.9, "checkpoint": CheckpointOptions(every_steps=1)}

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            self.model.stop_training = True

    def run(folder: str, *, resume: bool = False, stop: bool = False) -> dict[str, np.ndarray]:
        model = build(name, training)

        def batches(step: int) -> Any:
            while True:
                yield images(model.context.training.samples_per_step, step)
                step += 1

        train(
            model,
            batches=batches,
            training=model.context.training,
            steps_per_epoch=2,
            directory=tmp_path / folder,
            resume=resume,
            callbacks=[Stop()] if stop else [],
            progress=False,
        )
        return {key: ops.convert_to_numpy(variable.value).copy() for key, variable in named_state(model).items()}

    whole = run("whole")
    run("parts", stop=True)
    parts = run("parts", resume=True)
    assert any("seed" in key for key in whole)
    assert whole.keys() == parts.keys()
    for key, value in whole.items():
        assert value.tobytes() == parts[key].tobytes(), key


def test_a_preview_has_a_column_for_each_class_and_the_same_vector_in_a_row() -> None:
    model = build("projection")
    shown = model.preview(images(4))["sample"]
    assert list(shown) == list(CLASSES)
    assert {column.shape for column in shown.values()} == {(8, 8, 8, 1)}
    for column, other in zip(shown.values(), model.preview(images(4, 9))["sample"].values(), strict=True):
        np.testing.assert_array_equal(column, other)


VARIANTS = (("tensorflow", "eager"), ("tensorflow", "graph"), ("jax", "xla"))
EVERY_VARIANT = (*VARIANTS, ("tensorflow", "xla"), ("jax", "eager"))


def agree(name: str, variants: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    options, training = SYSTEMS[name]
    model = {"type": "gan", "latents": {"size": SIZE}, **options}
    return assert_backends_agree(
        model, {"image": (8, 8, 1)}, batch_size=3, training=training, variants=variants, classes=CLASSES
    )


@pytest.mark.parametrize(
    "name", [name if name == "acgan" else pytest.param(name, marks=pytest.mark.slow) for name in SYSTEMS]
)
def test_backends_agree(name: str) -> None:
    results = agree(name, VARIANTS if name == "acgan" else EVERY_VARIANT)
    assert np.abs(results["gradients/generator/0000"]).max() > 1e-6


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="these are the tests on JAX")
@pytest.mark.parametrize(
    ("names", "passed"),
    [
        ("by_hand or makes_the_same_images", 3),
        pytest.param("resumes_to_the_same_bits or every_precision", 15, marks=pytest.mark.slow),
    ],
)
def test_these_tests_on_jax(names: str, passed: int) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", names, __file__]
    done = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{passed} passed" in done.stdout
