"""The perceptual loss against VGG16 in float64 NumPy: values, gradients, compilation, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from float64_networks import VGG16, torchvision, vgg_layers
from keras import ops
from pydantic import ValidationError

from gantk import ConfigError
from gantk.testing.agreement import assert_backends_agree
from gantk_losses.options import PerceptualOptions
from gantk_losses.perceptual import PerceptualLoss

RANDOM = np.random.default_rng(17)
TARGET, PREDICTION = RANDOM.uniform(-1, 1, (2, 2, 18, 20, 3))
LAYERS = {"conv2_1": 0.5, "conv3_3": 2.0}
JAX = keras.backend.backend() == "jax"


def made(path: str, **options: Any) -> PerceptualLoss:
    features = {"type": "vgg16", "path": path}
    return PerceptualLoss(PerceptualOptions.model_validate({"features": features, "layers": LAYERS, **options}))


def by_hand(
    target: np.ndarray, prediction: np.ndarray, arrays: dict[str, np.ndarray], layers: dict[str, float],
    *, power: int = 1, scale: float = 1.0,
) -> float:  # fmt: skip
    """Σ w · mean |s (φ(y) - φ(ŷ))|ᵖ, an image at a time."""
    features = [
        [vgg_layers(torchvision((image + 1) * 127.5), arrays, VGG16) for image in images]
        for images in (target, prediction)
    ]
    return sum(
        weight
        * np.mean([np.abs(scale * (one[name] - other[name])) ** power for one, other in zip(*features, strict=True)])
        for name, weight in layers.items()
    )


def value(loss: Any) -> float:
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert tuple(loss.shape) == ()
    return float(ops.convert_to_numpy(loss))


def float32(array: np.ndarray) -> Any:
    return ops.convert_to_tensor(array, "float32")


@pytest.mark.parametrize(
    ("options", "layers", "formula"),
    [
        ({}, LAYERS, {}),
        ({"distance": "l2"}, LAYERS, {"power": 2}),
        ({"activation": "after"}, {"relu2_1": 0.5, "relu3_3": 2.0}, {}),
        # Ledig 2017: after the activation, squared, features divided by 12.75.
        (
            {"layers": {"conv5_3": 1}, "activation": "after", "distance": "l2", "feature_scale": 1 / 12.75},
            {"relu5_3": 1.0},
            {"power": 2, "scale": 1 / 12.75},
        ),
        ({"layers": {"relu1_2": 1, "conv4_2": 3}}, {"relu1_2": 1.0, "conv4_2": 3.0}, {}),
    ],
    ids=["l1 before", "l2", "after", "ledig", "both kinds"],
)
def test_it_is_its_formula(
    vgg16_file: str, vgg16_arrays: dict[str, np.ndarray], options: dict[str, Any], layers: dict[str, float],
    formula: dict[str, Any],
) -> None:  # fmt: skip
    found = value(made(vgg16_file, **options)(float32(TARGET), float32(PREDICTION)))
    assert found == pytest.approx(by_hand(TARGET, PREDICTION, vgg16_arrays, layers, **formula), rel=1e-5)


def test_the_same_image_is_at_no_distance(vgg16_file: str) -> None:
    assert value(made(vgg16_file)(float32(TARGET), float32(TARGET))) == 0.0


def test_grey_is_given_to_all_channels(vgg16_file: str, vgg16_arrays: dict[str, np.ndarray]) -> None:
    one, other = TARGET[..., :1], PREDICTION[..., :1]
    expected = by_hand(one.repeat(3, axis=-1), other.repeat(3, axis=-1), vgg16_arrays, LAYERS)
    assert value(made(vgg16_file)(float32(one), float32(other))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bit_images_are_compared_in_float32(
    vgg16_file: str, vgg16_arrays: dict[str, np.ndarray], dtype: str
) -> None:
    rounded = [ops.cast(float32(images), dtype) for images in (TARGET, PREDICTION)]
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        loss = made(vgg16_file)
    finally:
        keras.config.set_dtype_policy("float32")
    exact = [ops.convert_to_numpy(ops.cast(images, "float32")).astype("float64") for images in rounded]
    assert value(loss(*rounded)) == pytest.approx(by_hand(*exact, vgg16_arrays, LAYERS), rel=1e-5)


def gradients(loss: PerceptualLoss, target: np.ndarray, prediction: np.ndarray, compiled: bool) -> list[np.ndarray]:
    """Return the loss' gradients by target and prediction."""
    if JAX:
        import jax

        derived = jax.grad(loss, argnums=(0, 1))
        found = (jax.jit(derived) if compiled else derived)(float32(target), float32(prediction))
    else:
        import tensorflow as tf

        def derived(target: Any, prediction: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch((target, prediction))
                result = loss(target, prediction)
            return tape.gradient(result, (target, prediction), unconnected_gradients="zero")

        run = tf.function(derived, jit_compile=True) if compiled else derived
        found = run(float32(target), float32(prediction))
    return [ops.convert_to_numpy(gradient) for gradient in found]


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "xla"])
def test_its_gradient_is_by_the_prediction_alone(
    vgg16_file: str, vgg16_arrays: dict[str, np.ndarray], compiled: bool
) -> None:
    loss = made(vgg16_file, distance="l2")
    by_target, by_prediction = gradients(loss, TARGET, PREDICTION, compiled)
    assert not by_target.any()
    for place in [(0, 0, 0, 0), (1, 9, 11, 1), (0, 17, 19, 2)]:
        step = np.zeros_like(PREDICTION)
        step[place] = 1e-6
        ends = [by_hand(TARGET, PREDICTION + sign * step, vgg16_arrays, LAYERS, power=2) for sign in (1, -1)]
        assert by_prediction[place] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-3, abs=1e-6), place
    assert np.isfinite(by_prediction).all()


def test_small_images_and_many_channels_are_refused(vgg16_file: str) -> None:
    loss = made(vgg16_file, layers={"conv5_3": 1})
    assert value(loss(float32(TARGET[:, :16, :16]), float32(PREDICTION[:, :16, :16]))) > 0
    with pytest.raises(ConfigError, match=r"sides of at least 16 pixels\.\nReceived: 20 × 15"):
        loss(float32(TARGET[:, :15]), float32(PREDICTION[:, :15]))
    with pytest.raises(ConfigError, match=r"1 or 3 channels\.\nReceived: 2"):
        loss(float32(TARGET[..., :2]), float32(PREDICTION[..., :2]))


def test_defaults_are_esrgans() -> None:
    options = PerceptualOptions()
    assert (options.features.name, options.taps) == ("vgg19", {"conv5_4": 1.0})
    assert (options.activation, options.distance, options.feature_scale) == ("before", "l1", 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": {"conv6_1": 1}}, "must name layers of vgg19: conv1_1, relu1_1, .*Received: conv6_1"),
        ({"features": "vgg16"}, "must name layers of vgg16: .*Received: conv5_4"),
        ({"layers": {}}, "at least 1 item"),
        ({"layers": {"conv1_1": 0}}, "greater than 0"),
        ({"layers": {"conv1_1": 1, "relu1_1": 1}, "activation": "after"}, "names one layer twice"),
        ({"features": "lsgan"}, "feature_network 'lsgan' is not known"),
        ({"feature_scale": 0}, "greater than 0"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PerceptualOptions.model_validate(options)


@pytest.mark.slow
def test_backends_agree(vgg16_file: str) -> None:
    loss = {"type": "perceptual", "features": {"type": "vgg16", "path": vgg16_file}, "layers": {"conv4_3": 1.0}}
    model = {
        "type": "srgan",
        "generator": {"type": "srresnet", "blocks": 1, "filters": 4, "factor": 2},
        "discriminator": {"type": "vgg", "filters": 2, "units": 4},
        "perceptual_loss": loss,
    }
    variants = (("tensorflow", "eager"), ("tensorflow", "graph"), ("tensorflow", "xla"), ("jax", "xla"))
    assert_backends_agree(model, {"A": (8, 12, 3), "B": (16, 24, 3)}, variants=variants)


@pytest.mark.slow
@pytest.mark.skipif(JAX, reason="these are the tests on JAX")
def test_these_tests_on_jax() -> None:
    names = "formula or gradient or grey or sixteen"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", names, __file__]
    done = subprocess.run(
        command, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "10 passed" in done.stdout
