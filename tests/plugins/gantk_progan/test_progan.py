"""Training ProGAN: growing, resuming, what is updated, what is saved, and both backends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny_progan
from keras import ops

from gantk import ConfigError, latent_vectors
from gantk.artifacts import load_bundle, save_bundle
from gantk.artifacts.compiled_network import compile_synthesis
from gantk.engine.batches import StepBatches
from gantk.engine.checkpoints import read_checkpoint
from gantk.engine.phases import phase_starts

LAST = 11
"""Steps of the tiny schedule: 4, 3 and 4."""
SCRIPT = Path(tiny_progan.__file__)
OTHER = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"


def values(variables):
    return [ops.convert_to_numpy(variable.value).copy() for variable in variables]


def fit(model, steps, **batch):
    """Take steps through `fit` with the batches of a phase; return the losses of the last."""
    size = model.phases[model.phase].batch_size
    batches = (tiny_progan.batch_of(step, size, classes=model.classes, **batch) for step in range(steps))
    history = model.fit(StepBatches(batches), steps_per_epoch=1, epochs=steps, verbose=0).history
    return {name: value[-1] for name, value in history.items()}


def enter(model, number, step=None):
    model.training_step.assign(phase_starts(model.phases)[number] if step is None else step)
    model.enter_phase(number, begin=True)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A folder with what `tiny_progan` writes on the other backend."""
    folder = tmp_path_factory.mktemp("other")
    on_other_backend(folder, "steps")
    return folder


def on_other_backend(folder, *what):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), *what],
        env={
            **os.environ,
            "KERAS_BACKEND": OTHER,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            # The same model is built many times.
            "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A whole training, and one stopped at the growth and in the midst of the fade, and continued each time."""
    folder = tmp_path_factory.mktemp("progan")
    model = tiny_progan.run(folder / "whole")
    tiny_progan.run_with_stops(folder / "stopped", (4, 6))
    return folder, model


def assert_same_bits(folder, backend):
    name = f"checkpoints/step-{LAST:08d}.safetensors"
    about, whole = read_checkpoint(folder / "whole" / name)
    _, stopped = read_checkpoint(folder / "stopped" / name)
    assert about["backend"] == backend
    assert whole.keys() == stopped.keys()
    for key, value in whole.items():
        assert value.tobytes() == stopped[key].tobytes(), key


def test_a_run_stopped_in_and_between_the_phases_ends_with_the_same_bits(runs):
    assert_same_bits(runs[0], keras.backend.backend())


@pytest.mark.slow
def test_a_run_stopped_everywhere_ends_with_the_same_bits(runs, tmp_path):
    tiny_progan.run_with_stops(tmp_path / "stopped", tiny_progan.STOPS)
    (tmp_path / "whole").symlink_to(runs[0] / "whole")
    assert_same_bits(tmp_path, keras.backend.backend())


@pytest.mark.slow
def test_a_run_stopped_everywhere_ends_with_the_same_bits_on_the_other_backend(tmp_path):
    on_other_backend(tmp_path, "runs")
    assert_same_bits(tmp_path, OTHER)


def lines(folder, name="whole"):
    return [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["whole", "stopped"])
def test_resolution_and_fade_follow_the_schedule(runs, name):
    found = lines(runs[0], name)
    assert [line["step"] for line in found] == list(range(1, LAST + 1))
    assert [line["resolution"] for line in found] == [4.0] * 4 + [8.0] * 7
    # Three batches of 8 of the 24 images of the fade.
    expected = [1.0] * 4 + [0.0, 1 / 3, 2 / 3] + [1.0] * 4
    assert [line["fade"] for line in found] == pytest.approx(expected, abs=1e-6)
    assert [line["epoch"] for line in found] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4]
    assert np.isfinite([value for line in found for value in line.values()]).all()


def test_a_run_says_how_far_it_came(runs):
    summary = json.loads((runs[0] / "whole" / "training.json").read_text())
    assert (summary["steps"], summary["epochs"]) == (LAST, 4)


def test_optimizers_begin_anew_at_the_growth_and_when_it_is_faded_in(runs):
    _, model = runs
    for optimizer in model.optimizers.members.values():
        # Four steps in the last phase.
        assert int(ops.convert_to_numpy(optimizer.iterations)) == 4


def test_moving_average_is_kept_without_being_asked_for(runs):
    _, model = runs
    assert model.average_decay == 0.999
    assert tiny_progan.build(training={"ema": 0.5}).average_decay == 0.5
    averaged, trained = values(model.ema_networks["generator"].weights), values(model.networks["generator"].weights)
    assert any(np.any(one != other) for one, other in zip(averaged, trained, strict=True))


def test_what_is_not_reached_stays_as_it_was():
    model = tiny_progan.build(16)
    enter(model, 1, step=6)
    used, others = [], []
    for name, network in model.networks.items():
        active = {id(variable) for variable in network.active_variables}
        used += [variable for variable in network.trainable_variables if id(variable) in active]
        others += [variable for variable in network.trainable_variables if id(variable) not in active]
        averaged = model.ema_networks[name].trainable_variables if name in model.ema_networks else []
        others += [
            copy
            for copy, one in zip(averaged, network.trainable_variables, strict=bool(averaged))
            if id(one) not in active
        ]
        assert any(layer.endswith("_16") for layer in network.parts)
    before, moments = values(others), values(model.optimizers.variables)
    start = values(used)
    fit(model, 2, resolution=16)
    for one, other in zip(before, values(others), strict=True):
        np.testing.assert_array_equal(one, other)
    # While a resolution fades, everything that is in use learns: the colours of the smaller one, too.
    assert all(np.any(one != other) for one, other in zip(start, values(used), strict=True))
    assert (
        sum(np.any(one != other) for one, other in zip(moments, values(model.optimizers.variables), strict=True)) > 10
    )


def test_one_step_is_compiled_for_a_resolution():
    model = tiny_progan.build()
    compiled = []
    for number in range(3):
        enter(model, number)
        fit(model, 1)
        compiled.append(model.train_function)
    assert compiled[0] is not compiled[1]
    assert compiled[1] is compiled[2]


def test_the_learning_rate_of_a_resolution():
    model = tiny_progan.build(learning_rate_factors={8: 0.5})
    rate = model.optimizers["generator"]._learning_rate
    model.enter_phase(0, begin=True)
    assert float(rate(0)) == pytest.approx(1e-3)
    model.enter_phase(1, begin=True)
    assert float(rate(0)) == pytest.approx(5e-4)


def test_real_images_fade_as_the_generated_ones():
    model = tiny_progan.build()
    model.enter_phase(1, begin=False)
    images = tiny_progan.batch_of(0, 2)["image"]
    blocks = images.reshape(2, 4, 2, 4, 2, 1).mean(axis=(2, 4)).repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(model.real_images(images, 0.25), 0.75 * blocks + 0.25 * images, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.real_images(images, 1.0), images)


def test_larger_images_are_halved_to_the_resolution():
    model = tiny_progan.build()
    model.enter_phase(0, begin=False)
    images = tiny_progan.batch_of(0, 2)["image"]
    found = ops.convert_to_numpy(model.real_images(images, 1.0))
    np.testing.assert_allclose(found, images.reshape(2, 4, 2, 4, 2, 1).mean(axis=(2, 4)), rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigError, match=r"Training at 4 × 4 needs images of that size.*\n?Received: 6 × 6"):
        model.real_images(images[:, :6, :6], 1.0)


def test_the_discriminators_loss_is_wgan_gp_with_drift():
    """With a gradient penalty of weight 0 left: mean D(G(z)) - mean D(y) + 0.001 · mean D(y)²."""
    tiny = {"type": "gradient", "weight": 1e-12, "drift": 1e-3}
    model = tiny_progan.build(penalties=[tiny])
    model.enter_phase(0, begin=False)
    discriminator = model.networks["discriminator"]
    random = np.random.default_rng(2)
    real, fake = (random.uniform(-1, 1, (8, 4, 4, 1)).astype("f4") for _ in range(2))
    judged = [ops.convert_to_numpy(discriminator(one)).astype("f8") for one in (real, fake)]
    expected = judged[1].mean() - judged[0].mean() + 1e-3 * (judged[0] ** 2).mean()
    found = float(ops.convert_to_numpy(model.game.discriminator_loss(real, fake)))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_penalties_of_the_train_stage_go_before_the_models():
    model = tiny_progan.build(training={"penalties": [{"type": "r1"}]})
    assert "discriminator_r1" in model.losses_reported
    assert "discriminator_gradient" not in model.losses_reported


def test_several_updates_of_the_discriminator():
    model = tiny_progan.build(training={"discriminator_steps": 2})
    model.enter_phase(0, begin=True)
    batch = tiny_progan.batch_of(0, 16)
    model.fit(StepBatches(iter([batch])), steps_per_epoch=1, verbose=0)
    found = {name: int(ops.convert_to_numpy(one.iterations)) for name, one in model.optimizers.members.items()}
    assert found == {"generator": 1, "discriminator": 2}


def images_of(network, model, count=3):
    vectors = latent_vectors(model.options.latents, count, seed=4)
    if not model.classes:
        return ops.convert_to_numpy(network(vectors))
    return ops.convert_to_numpy(network([vectors, np.eye(len(model.classes), dtype="f4")[np.arange(count)]]))


def save(model, path):
    saved = model.networks_to_save()
    return save_bundle(
        path,
        networks={name: network for name, (network, _) in saved.items()},
        components={name: component for name, (_, component) in saved.items()},
        model="progan",
        latents=model.latents,
        classes=model.classes,
    )


@pytest.mark.parametrize(
    ("phase", "step", "size", "fade"), [(0, 2, 4, 1.0), (1, 4, 4, 1.0), (1, 6, 8, 2 / 3), (2, 9, 8, 1.0)]
)
def test_what_is_saved_makes_the_images_of_the_preview(tmp_path, phase, step, size, fade):
    """At the first step of a growth nothing is faded in yet, so the smaller network is saved."""
    model = tiny_progan.build(classes=("a", "b", "c"), labels="auxiliary")
    for network in model.ema_networks.values():
        for variable in network.trainable_variables:
            variable.assign(np.random.default_rng(variable.shape[-1]).normal(size=variable.shape))
    enter(model, phase, step=step)
    save(model, tmp_path / "model.gantk")
    bundle = load_bundle(tmp_path / "model.gantk")
    record = bundle.metadata.networks["sample"]
    assert (record.latents.height, record.latents.width) == (size, size)
    assert record.latents.classes == ("a", "b", "c")
    assert record.component.options["fade"] == pytest.approx(fade)
    live = model.inference_networks()["sample"]
    assert live.output_shape == (None, 8, 8, 1)
    found = images_of(bundle.network("sample"), model).repeat(8 // size, axis=1).repeat(8 // size, axis=2)
    np.testing.assert_allclose(found, images_of(live, model), rtol=1e-5, atol=1e-5)


def test_a_compiled_network_in_training_follows_the_growth():
    model = tiny_progan.build()
    network = model.inference_networks()["sample"]
    compiled = compile_synthesis(network)
    vectors = latent_vectors(model.options.latents, 2, seed=4)
    seen = []
    for step in (0, 6, LAST):
        model.training_step.assign(step)
        seen.append(np.asarray(compiled(vectors)))
        np.testing.assert_allclose(seen[-1], ops.convert_to_numpy(network(vectors)), rtol=1e-5, atol=1e-6)
    # At 4 × 4 four pixels are alike.
    np.testing.assert_array_equal(seen[0][:, ::2, ::2], seen[0][:, 1::2, 1::2])
    assert np.any(seen[1] != seen[0])
    assert np.any(seen[2] != seen[1])


def test_previews_have_full_size_from_the_start():
    model = tiny_progan.build(classes=("a", "b", "c"), labels="auxiliary")
    shown = model.preview({})["sample"]
    assert list(shown) == ["a", "b", "c"]
    assert shown["a"].shape == (8, 8, 8, 1)


def test_labels_change_the_images_and_are_learnt():
    model = tiny_progan.build(classes=("a", "b", "c"), labels="auxiliary")
    model.enter_phase(0, begin=True)
    found = fit(model, 1)
    assert {"discriminator", "generator", "discriminator_class_accuracy"} <= set(found)
    vectors = latent_vectors(model.options.latents, 1, seed=4).repeat(2, axis=0)
    made = ops.convert_to_numpy(model.networks["generator"]([vectors, np.eye(3, dtype="f4")[:2]]))
    assert np.abs(made[0] - made[1]).max() > 1e-3


def test_labels_without_data_for_them_are_refused():
    with pytest.raises(ConfigError, match="needs data with labels"):
        tiny_progan.build(labels="auxiliary")


def test_mixed_precision_trains():
    model = tiny_progan.build(training={"precision": "bfloat16"})
    enter(model, 1, step=6)
    assert np.isfinite(list(fit(model, 1).values())).all()


@pytest.mark.parametrize("phase", [0, 1])
def test_backends_agree(other, phase):
    expected = tiny_progan.one_step_in(phase, classes=("a", "b", "c"))
    with np.load(other / f"phase-{phase}.npz", allow_pickle=False) as arrays:
        found = dict(arrays)
    assert found.keys() == expected.keys()
    largest = max(np.abs(value).max() for name, value in expected.items() if name.startswith("gradients/"))
    assert largest > 1e-2
    for name, value in expected.items():
        allowed = 2e-4 * np.abs(value).max() + 1e-6 * max(1.0, largest)
        assert np.abs(found[name] - value).max() <= allowed, name
