"""CycleGAN's step against its equations in float64 NumPy, batched against unbatched, and its options."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from pydantic import ValidationError

from gantk import AdversarialModel, Component, ConfigError, ModelContext
from gantk.engine.batches import StepBatches
from gantk.engine.building import build_model
from gantk.engine.options import TrainingOptions
from gantk.testing.agreement import assert_backends_agree
from gantk_cyclegan import gantk_models
from gantk_cyclegan.model import CycleGAN
from gantk_cyclegan.options import CycleGANOptions

RANDOM = np.random.default_rng(5)
NETWORKS = ("generator_a_to_b", "generator_b_to_a", "discriminator_a", "discriminator_b")
TINY = {
    "generator": {"type": "resnet", "blocks": 1, "filters": 4, "downsamplings": 1},
    "discriminator": {"type": "patchgan", "layers": 1, "filters": 4},
}
SHAPES = {"A": (12, 12, 3), "B": (12, 12, 3)}


def build(
    *, shapes: dict[str, tuple[int, int, int]] = SHAPES, training: dict[str, object] | None = None, **options: object
) -> CycleGAN:
    component = Component("cyclegan", gantk_models()[0], CycleGANOptions.model_validate({**TINY, **options}))
    context = ModelContext(shapes, TrainingOptions.model_validate({"batch_size": 2, **(training or {})}), seed=1)
    model = build_model(component, context)
    # Weights of N(0, 0.02) leave everything near zero.
    for network in model.networks.values():
        for variable in network.trainable_variables:
            if len(variable.shape) > 1:
                deviation = 1 / np.sqrt(np.prod(variable.shape[:-1]))
                variable.assign(RANDOM.normal(0, deviation, variable.shape))
    return model


def images(shapes: dict[str, tuple[int, int, int]] = SHAPES, batch: int = 2) -> dict[str, np.ndarray]:
    return {name: RANDOM.uniform(-1, 1, (batch, *shape)).astype("float32") for name, shape in shapes.items()}


def run(model: CycleGAN, batch: dict[str, np.ndarray], steps: int = 1) -> dict[str, float]:
    """Run compiled steps through `fit` and return the losses of the last."""
    batches = StepBatches(iter([batch] * steps))
    for _ in range(steps):
        history = model.fit(batches, steps_per_epoch=1, epochs=1, verbose=0).history
    return {name: values[0] for name, values in history.items()}


def weights(model: CycleGAN, *networks: str) -> list[np.ndarray]:
    return [ops.convert_to_numpy(variable) for name in networks for variable in model.networks[name].weights]


def call(model: CycleGAN, name: str, batch: np.ndarray) -> np.ndarray:
    """Call a network on one image at a time, in float64 from there on."""
    single = [ops.convert_to_numpy(model.networks[name](image[None], training=True)) for image in batch]
    return np.concatenate(single).astype("float64")


def squared(logits: np.ndarray, label: float) -> float:
    return float(np.mean((logits - label) ** 2))


def absolute(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.mean(np.abs(one - other)))


def test_the_first_step_has_the_losses_of_the_equations() -> None:
    model, batch = build(lambda_a=7.0, lambda_b=11.0, lambda_identity=0.25, discriminator_factor=0.75), images()
    a, b = batch["A"], batch["B"]
    fake_b, fake_a = call(model, "generator_a_to_b", a), call(model, "generator_b_to_a", b)
    expected = {
        "adversarial_a_to_b": squared(call(model, "discriminator_b", fake_b), 1),
        "adversarial_b_to_a": squared(call(model, "discriminator_a", fake_a), 1),
        "cycle_a": 7 * absolute(call(model, "generator_b_to_a", fake_b), a),
        "cycle_b": 11 * absolute(call(model, "generator_a_to_b", fake_a), b),
        "identity_a": 7 * 0.25 * absolute(call(model, "generator_b_to_a", a), a),
        "identity_b": 11 * 0.25 * absolute(call(model, "generator_a_to_b", b), b),
    }
    expected["generators"] = sum(expected.values())
    # The pool returns what it is given until it is full; the discriminators have not changed yet.
    for domain, real, fake in (("a", a, fake_a), ("b", b, fake_b)):
        network = f"discriminator_{domain}"
        real_logits, fake_logits = call(model, network, real), call(model, network, fake)
        expected[network] = 0.75 * (squared(real_logits, 1) + squared(fake_logits, 0))
        expected[f"{network}_accuracy"] = 0.5 * (np.mean(real_logits > 0.5) + np.mean(fake_logits < 0.5))
    expected["discriminators"] = expected["discriminator_a"] + expected["discriminator_b"]
    found = run(model, batch)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=2e-5), name


def test_discriminators_are_trained_on_images_made_before_the_generators_changed() -> None:
    # A rate this large changes the generators' images completely.
    fast = {"optimizers": {"generators": {"learning_rate": 0.5}}}
    model, batch = build(training=fast), images()
    fake_a = call(model, "generator_b_to_a", batch["B"])
    network = "discriminator_a"
    before = 0.5 * (squared(call(model, network, batch["A"]), 1) + squared(call(model, network, fake_a), 0))
    found = run(model, batch)["discriminator_a"]
    assert found == pytest.approx(before, rel=2e-5)
    assert np.abs(call(model, "generator_b_to_a", batch["B"]) - fake_a).max() > 0.1


@pytest.mark.parametrize("trained", ["generators", "discriminators"])
def test_each_loss_trains_its_own_networks_only(trained: str) -> None:
    model, batch = build(), images()
    before = {name: weights(model, name) for name in NETWORKS}
    real_a, real_b = (ops.convert_to_tensor(batch[name]) for name in "AB")
    if trained == "generators":
        model.minimize("generators", lambda: model.generator_losses(real_a, real_b))
    else:
        fakes = model.generator_losses(real_a, real_b)[1][1:]
        model.minimize("discriminators", lambda: model.discriminator_losses(real_a, real_b, *fakes))
    for name in NETWORKS:
        changed = any(np.any(old != new) for old, new in zip(before[name], weights(model, name), strict=True))
        assert changed == name.startswith(trained[:-1]), name


def gradients(model: CycleGAN, batch: dict[str, np.ndarray]) -> list[np.ndarray]:
    real_a, real_b = (ops.convert_to_tensor(batch[name]) for name in "AB")
    found = []
    _, (_, fake_a, fake_b), slopes = model.gradients(
        lambda: model.generator_losses(real_a, real_b), model.variables_of("generators")
    )
    found += slopes
    _, _, slopes = model.gradients(
        lambda: model.discriminator_losses(real_a, real_b, fake_a, fake_b), model.variables_of("discriminators")
    )
    return [ops.convert_to_numpy(slope) for slope in [*found, *slopes]]


def test_joined_calls_give_the_losses_and_gradients_of_separate_ones() -> None:
    model, batch = build(), images()
    assert model.joined == dict.fromkeys(NETWORKS, True)
    together = gradients(model, batch)
    model.joined = dict.fromkeys(NETWORKS, False)
    apart = gradients(model, batch)
    for one, other in zip(together, apart, strict=True):
        # A gradient adds in another order, in float32.
        np.testing.assert_allclose(one, other, atol=2e-5 * np.abs(other).max())


def test_calls_of_networks_with_batch_normalization_stay_separate() -> None:
    batch_norm = {"generator": {**TINY["generator"], "normalization": "batch"}}
    model, batch = build(**batch_norm), images()
    assert model.joined == {
        "generator_a_to_b": False,
        "generator_b_to_a": False,
        "discriminator_a": True,
        "discriminator_b": True,
    }
    # Translation and identity in one batch would be normalized by the statistics of both.
    generator = model.networks["generator_a_to_b"]
    fake = ops.convert_to_numpy(generator(batch["A"], training=True))
    same = ops.convert_to_numpy(generator(batch["B"], training=True))
    found = [ops.convert_to_numpy(images) for images in model.call_joined("generator_a_to_b", batch["A"], batch["B"])]
    np.testing.assert_array_equal(found[0], fake)
    np.testing.assert_array_equal(found[1], same)
    joined = ops.convert_to_numpy(generator(np.concatenate([batch["A"], batch["B"]]), training=True))
    assert np.abs(joined[:2] - fake).max() > 1e-3


def test_without_identity_loss_it_is_neither_computed_nor_logged() -> None:
    losses = run(build(lambda_identity=0), images())
    assert not {"identity_a", "identity_b"} & losses.keys()
    parts = [losses[name] for name in ("adversarial_a_to_b", "adversarial_b_to_a", "cycle_a", "cycle_b")]
    assert losses["generators"] == pytest.approx(sum(parts), rel=1e-6)


def test_domains_of_different_size_and_channels() -> None:
    shapes = {"A": (12, 8, 1), "B": (8, 16, 3)}
    model, batch = build(shapes=shapes, lambda_identity=0), images(shapes)
    assert not any(model.joined.values())
    losses = run(model, batch, steps=2)
    assert np.isfinite(list(losses.values())).all()
    with pytest.raises(ConfigError, match="1 in A, 3 in B"):
        build(shapes=shapes)
    same_channels = {"A": (12, 8, 3), "B": (8, 16, 3)}
    assert np.isfinite(list(run(build(shapes=same_channels), images(same_channels)).values())).all()


def test_pools_keep_the_images_of_their_domain() -> None:
    model, batch = build(pool_size=3), images()
    fake_a, fake_b = call(model, "generator_b_to_a", batch["B"]), call(model, "generator_a_to_b", batch["A"])
    run(model, batch)
    for pool, fake in ((model.pool_a, fake_a), (model.pool_b, fake_b)):
        assert int(pool.count) == 2
        np.testing.assert_allclose(ops.convert_to_numpy(pool.buffer)[:2], fake, atol=1e-5)


def test_the_default_optimizers_are_the_papers() -> None:
    model = build()
    for name in ("generators", "discriminators"):
        optimizer = model.optimizers[name]
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)
    assert model.trained_by == {"generators": NETWORKS[:2], "discriminators": NETWORKS[2:]}


def test_a_preview_shows_each_image_its_translation_and_its_way_back() -> None:
    model, batch = build(), images()
    shown = model.preview(batch)
    assert {direction: list(columns) for direction, columns in shown.items()} == {
        "AtoB": ["input", "output", "reconstruction"],
        "BtoA": ["input", "output", "reconstruction"],
    }
    output = model.networks["generator_b_to_a"](batch["B"], training=False)
    back = model.networks["generator_a_to_b"](output, training=False)
    for found, expected in zip(shown["BtoA"].values(), (batch["B"], output, back), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(found), ops.convert_to_numpy(expected))


def test_it_learns_a_change_of_sign() -> None:
    # B is A negated: the discriminators know it from brightness alone.
    model = build(lambda_identity=0, training={"optimizers": {"generators": {"learning_rate": 2e-3}}})
    assert isinstance(model, AdversarialModel)
    random = np.random.default_rng(0)

    def batches():
        while True:
            yield {
                "A": random.uniform(0.2, 1.0, (2, 12, 12, 3)).astype("float32"),
                "B": random.uniform(-1.0, -0.2, (2, 12, 12, 3)).astype("float32"),
            }

    model.fit(StepBatches(batches()), steps_per_epoch=150, epochs=1, verbose=0)
    shown = model.preview(next(batches()))
    assert ops.convert_to_numpy(shown["AtoB"]["output"]).mean() < -0.2
    assert ops.convert_to_numpy(shown["BtoA"]["output"]).mean() > 0.2


def test_options_of_the_paper_and_their_limits() -> None:
    options = CycleGANOptions()
    plain = options.model_dump()
    assert {name: plain[name] for name in ("lambda_a", "lambda_b", "lambda_identity", "pool_size")} == {
        "lambda_a": 10.0,
        "lambda_b": 10.0,
        "lambda_identity": 0.5,
        "pool_size": 50,
    }
    assert plain["discriminator_factor"] == 0.5
    assert [plain[name]["type"] for name in ("generator", "discriminator", "adversarial_loss", "cycle_loss")] == [
        "resnet",
        "patchgan",
        "lsgan",
        "l1",
    ]
    assert CycleGANOptions.model_validate(plain) == options
    for wrong in ({"lambda_a": -1}, {"pool_size": -1}, {"discriminator_factor": 0}, {"adversarial_loss": "l1"}):
        with pytest.raises(ValidationError):
            CycleGANOptions.model_validate(wrong)


def test_backends_agree_on_the_papers_set_up() -> None:
    model = {
        "type": "cyclegan",
        # 32 channels in the blocks, so that they are convolved by Winograd's algorithm.
        "generator": {"type": "resnet", "blocks": 1, "filters": 16, "downsamplings": 1},
        "discriminator": {"type": "patchgan", "layers": 2, "filters": 4},
    }
    assert_backends_agree(model, {"A": (16, 16, 3), "B": (16, 16, 3)}, batch_size=1)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["unet", "resize"])
def test_backends_agree_on_the_other_networks_and_losses(variant: str) -> None:
    unet = {"type": "unet", "downs": 3, "filters": 4, "normalization": "batch", "dropout": 0.0}
    resize = {"type": "resnet", "blocks": 1, "filters": 4, "upsampling": "resize", "affine": True}
    model = {
        "type": "cyclegan",
        "generator": unet if variant == "unet" else resize,
        "discriminator": {"type": "pixel", "filters": 4},
        "adversarial_loss": "hinge" if variant == "unet" else "vanilla",
        "cycle_loss": "l2",
    }
    # With seed 0 a feature of the U-Net lies at 3e-7, where rounding decides on which side of ReLU's corner it is.
    assert_backends_agree(model, {"A": (16, 16, 3), "B": (16, 16, 3)}, batch_size=2, seed=1)


EVERYTHING = {
    "discriminator_steps": 2,
    "penalties": [{"type": "r1", "every": 2}, {"type": "r2"}, {"type": "gradient"}, {"type": "dragan"}],
    "augmentation": {"type": "ada", "probability": 0.5},
    "instance_noise": {"deviation": 0.1, "decay": 1},
    "label_smoothing": 0.1,
}


def test_it_trains_with_every_option_of_the_game() -> None:
    spectral = {**TINY["discriminator"], "normalization": "none", "spectral": True}
    model, batch = build(training=EVERYTHING, discriminator=spectral, pool_size=3), images(batch=4)
    before = weights(model, *NETWORKS)
    losses = run(model, batch, steps=2)
    words = ("accuracy", "r1", "r2", "gradient", "dragan", "augmentation")
    assert {f"discriminator_{domain}_{word}" for domain in "ab" for word in words} < losses.keys()
    assert np.isfinite(list(losses.values())).all()
    assert all(np.any(old != new) for old, new in zip(before, weights(model, *NETWORKS), strict=True) if old.ndim > 1)
    assert [int(pool.count) for pool in (model.pool_a, model.pool_b)] == [3, 3]
    assert int(model.optimizers["discriminators"].iterations) == 4


def test_further_updates_of_the_discriminators_see_new_images_on_both_sides() -> None:
    still = {"learning_rate": 1e-12}
    optimizers = {"generators": still, "discriminators": still}
    model = build(training={"discriminator_steps": 2, "optimizers": optimizers}, discriminator_factor=0.5)
    batch = images(batch=4)
    losses = run(model, batch)
    expected, fakes = [], []
    for part in (slice(0, None, 2), slice(1, None, 2)):
        fakes.append(call(model, "generator_b_to_a", batch["B"][part]))
        real = squared(call(model, "discriminator_a", batch["A"][part]), 1)
        expected.append(0.5 * (real + squared(call(model, "discriminator_a", fakes[-1]), 0)))
    assert losses["discriminator_a"] == pytest.approx(np.mean(expected), rel=1e-4)
    # Every generated image went into the pool once, in the order of the updates.
    assert int(model.pool_a.count) == 4
    np.testing.assert_allclose(ops.convert_to_numpy(model.pool_a.buffer)[:4], np.concatenate(fakes), atol=1e-5)
    # The generators are trained on the first batch alone.
    cycled = call(model, "generator_b_to_a", call(model, "generator_a_to_b", batch["A"][::2]))
    assert losses["cycle_a"] == pytest.approx(10 * absolute(cycled, batch["A"][::2]), rel=1e-4)
