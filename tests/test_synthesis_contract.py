"""What every registered generator of images from latent vectors, and every discriminator with outputs, promises.

The networks are those of the registry, so that one that a plugin adds is held to the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from gantk.registry import default_registry, load_factory
from gantk.specs import DiscriminatorOptions, DiscriminatorSpec, GeneratorSpec

RANDOM = np.random.default_rng(0)
LATENTS, CLASSES = 6, 3
SHAPES = [(16, 16, 1), (32, 32, 3)]
SMALL = {"filters": 4, "widest": 8, "filter_base": 64}
"""Options by which a network is made small, where it has them."""


GENERATORS = list(default_registry().all("generator", "synthesis").values())
DISCRIMINATORS = [spec for spec in default_registry().all("discriminator").values() if spec.takes_outputs]


def named(specs: list[Any]) -> Any:
    return pytest.mark.parametrize("spec", specs, ids=[spec.name for spec in specs])


def small(spec: Any) -> Any:
    return spec.options(**{name: value for name, value in SMALL.items() if name in spec.options.model_fields})


def generator(spec: GeneratorSpec, shape: tuple[int, int, int] = SHAPES[0], classes: int = 0) -> keras.Model:
    made = load_factory(spec)(small(spec), latents=LATENTS, output_shape=shape, classes=classes)
    assert isinstance(made, keras.Model)
    return made


def discriminator(spec: DiscriminatorSpec, outputs: int = 1, shape: tuple[int, int, int] = SHAPES[0]) -> keras.Model:
    made = load_factory(spec)(small(spec), input_shape=shape, outputs=outputs)
    assert isinstance(made, keras.Model)
    return made


def vectors(count: int, classes: int = 0) -> Any:
    latents = RANDOM.normal(size=(count, LATENTS)).astype("f4")
    return [latents, np.eye(classes, dtype="f4")[np.arange(count) % classes]] if classes else latents


def images(count: int, shape: tuple[int, int, int] = SHAPES[0]) -> np.ndarray:
    return RANDOM.uniform(-1, 1, (count, *shape)).astype("f4")


def numbers(value: Any) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(value, "float32"))


def gradients(network: keras.Model, inputs: Any) -> list[np.ndarray]:
    """Differentiate the mean of the squared outputs, in training mode, by all trainable weights."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(ops.cast(network(inputs, training=True), "float32")))
        return [numbers(one) for one in tape.gradient(loss, network.trainable_weights)]
    import jax

    rest = [variable.value for variable in network.non_trainable_variables]

    def loss(values: Any) -> Any:
        outputs, _ = network.stateless_call(values, rest, inputs, training=True)
        return ops.mean(ops.square(ops.cast(outputs, "float32")))

    return [numbers(one) for one in jax.grad(loss)([variable.value for variable in network.trainable_variables])]


def compiled(network: keras.Model, *, xla: bool = True) -> Any:
    """The network at test, in one compiled function."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda inputs: network(inputs, training=False), jit_compile=xla)
    import jax

    held = [variable.value for variable in network.trainable_variables]
    rest = [variable.value for variable in network.non_trainable_variables]
    return jax.jit(lambda inputs: network.stateless_call(held, rest, inputs, training=False)[0])


def test_there_are_networks_to_try() -> None:
    names = {"dcgan", "sndcgan", "resnet_gan"}
    assert names <= {spec.name for spec in GENERATORS}
    assert names <= {spec.name for spec in DISCRIMINATORS}


@named(GENERATORS)
@pytest.mark.parametrize("classes", [0, CLASSES])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_generator_makes_images_of_the_shape_asked_for(
    spec: GeneratorSpec, shape: tuple[int, ...], classes: int
) -> None:
    network = generator(spec, shape, classes)
    for training in (False, True):
        for count in (1, 3, 4):
            made = network(vectors(count, classes), training=training)
            assert tuple(made.shape) == (count, *shape)
            assert keras.backend.standardize_dtype(made.dtype) == "float32"
            assert np.isfinite(numbers(made)).all()


@named(GENERATORS)
def test_a_generators_images_depend_on_their_own_vector_and_label_alone_at_test(spec: GeneratorSpec) -> None:
    network = generator(spec, classes=CLASSES)
    for weight in network.trainable_weights:
        # Of ordinary size, so that nothing is lost in the flat parts of tanh; and labels matter from the start.
        deviation = np.prod(weight.shape[:-1]) ** -0.5 if len(weight.shape) > 1 else 0.3
        weight.assign(RANDOM.normal(0, deviation, weight.shape))
    inputs = vectors(4, CLASSES)
    whole = numbers(network(inputs, training=False))
    for row in range(4):
        alone = numbers(network([part[row : row + 1] for part in inputs], training=False))
        np.testing.assert_allclose(alone[0], whole[row], rtol=1e-4, atol=1e-5)
    other = [inputs[0], np.roll(inputs[1], 1, axis=0)]
    assert np.abs(numbers(network(other, training=False)) - whole).max() > 1e-6, "labels change nothing"
    other = [np.roll(inputs[0], 1, axis=0), inputs[1]]
    assert np.abs(numbers(network(other, training=False)) - whole).max() > 1e-6, "latent vectors change nothing"


@named(DISCRIMINATORS)
@pytest.mark.parametrize("outputs", [1, 1 + CLASSES])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_discriminator_gives_the_numbers_asked_for(
    spec: DiscriminatorSpec, shape: tuple[int, ...], outputs: int
) -> None:
    network = discriminator(spec, outputs, shape)
    for training in (False, True):
        for count in (1, 3, 4):
            judged = network(images(count, shape), training=training)
            assert (judged.shape[0], judged.shape[-1]) == (count, outputs)
            assert np.isfinite(numbers(judged)).all()


@named(DISCRIMINATORS)
def test_every_output_depends_on_the_image(spec: DiscriminatorSpec) -> None:
    network = discriminator(spec, 1 + CLASSES)
    one, other = (numbers(network(images(2), training=False)) for _ in range(2))
    assert (np.abs(one - other).reshape(-1, 1 + CLASSES).max(axis=0) > 0).all()


@named([*GENERATORS, *DISCRIMINATORS])
def test_gradients_are_finite_and_reach_every_weight(spec: Any) -> None:
    made = isinstance(spec, GeneratorSpec)
    network = generator(spec, classes=CLASSES) if made else discriminator(spec, 1 + CLASSES)
    inputs = vectors(4, CLASSES) if made else images(4)
    found = gradients(network, inputs)
    assert all(np.isfinite(one).all() for one in found)
    still = [weight.path for weight, one in zip(network.trainable_weights, found, strict=True) if not np.any(one)]
    assert not still, f"no gradient reaches {still}"


@named([*GENERATORS, *DISCRIMINATORS])
def test_eager_and_compiled_agree(spec: Any) -> None:
    made = isinstance(spec, GeneratorSpec)
    network = generator(spec, classes=CLASSES) if made else discriminator(spec, 1 + CLASSES)
    inputs = vectors(3, CLASSES) if made else images(3)
    expected = numbers(network(inputs, training=False))
    tensors = [ops.convert_to_tensor(part) for part in inputs] if made else ops.convert_to_tensor(inputs)
    for xla in (True, False):
        np.testing.assert_allclose(numbers(compiled(network, xla=xla)(tensors)), expected, rtol=1e-4, atol=1e-5)


@named([*GENERATORS, *DISCRIMINATORS])
def test_a_network_is_saved_and_loaded_by_keras(spec: Any, tmp_path: Any) -> None:
    made = isinstance(spec, GeneratorSpec)
    network = generator(spec, classes=CLASSES) if made else discriminator(spec, 1 + CLASSES)
    inputs = vectors(2, CLASSES) if made else images(2)
    network(inputs, training=True)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", compile=False)
    np.testing.assert_array_equal(numbers(loaded(inputs, training=False)), numbers(network(inputs, training=False)))


@named([*GENERATORS, *DISCRIMINATORS])
def test_a_network_can_be_built_again_with_the_same_names(spec: Any) -> None:
    """A bundle holds options and weights by name, not the network."""
    build = (
        (lambda: generator(spec, classes=CLASSES))
        if isinstance(spec, GeneratorSpec)
        else (lambda: discriminator(spec, 4))
    )
    one, other = build(), build()
    names = [[(weight.path, tuple(weight.shape)) for weight in network.weights] for network in (one, other)]
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])


@named([*GENERATORS, *DISCRIMINATORS])
def test_half_precision_gives_what_single_precision_gives(spec: Any) -> None:
    made = isinstance(spec, GeneratorSpec)
    inputs = vectors(2, CLASSES) if made else images(2)

    def build() -> keras.Model:
        return generator(spec, classes=CLASSES) if made else discriminator(spec, 1 + CLASSES)

    single = build()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = build()
    finally:
        keras.config.set_dtype_policy(before)
    half.set_weights(single.get_weights())
    judged = half(inputs, training=False)
    expected = numbers(single(inputs, training=False))
    np.testing.assert_allclose(numbers(judged), expected, atol=0.02 * max(1.0, float(np.abs(expected).max())))
    assert not made or keras.backend.standardize_dtype(judged.dtype) == "float32"


@named(DISCRIMINATORS)
def test_what_the_options_say_is_true(spec: DiscriminatorSpec) -> None:
    options = small(spec)
    if not isinstance(options, DiscriminatorOptions):
        pytest.skip("its options say nothing")
    network = discriminator(spec)
    batch, weights = images(4), network.get_weights()

    def judged(images: np.ndarray) -> np.ndarray:
        # Spectral normalization goes a step further with every call.
        network.set_weights(weights)
        return numbers(network(images, training=True))

    alone = np.concatenate([judged(batch[row : row + 1]) for row in range(4)])
    together = judged(batch)
    assert options.mixes_samples != np.allclose(alone, together, rtol=1e-3, atol=1e-4)


@pytest.mark.skipif("GANTK_CONTRACT_ON_OTHER_BACKEND" in os.environ, reason="these are the tests on the other backend")
def test_the_contract_holds_on_the_other_backend() -> None:
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", __file__],
        env={**os.environ, "KERAS_BACKEND": other, "GANTK_CONTRACT_ON_OTHER_BACKEND": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
