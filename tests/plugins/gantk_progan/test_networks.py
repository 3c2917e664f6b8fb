"""ProGAN's networks: what they are made of, and how they grow."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from gantk import ConfigError
from gantk.engine.ema import copy_network
from gantk.engine.sample_independence import samples_independent
from gantk_progan import discriminator, generator
from gantk_progan.growing import GrowingDiscriminator, GrowingGenerator
from gantk_progan.options import ProGANDiscriminatorOptions, ProGANGeneratorOptions, ProGANNetworkOptions
from gantk_progan.resolutions import enlarged, features, halved, resolution_of

RANDOM = np.random.default_rng(7)
SMALL = {"filter_base": 32, "widest": 6}
LATENTS = RANDOM.normal(size=(4, 5)).astype("f4")
LABELS = np.eye(3, dtype="f4")[[0, 1, 2, 1]]


def growing_generator(classes=0):
    return GrowingGenerator(SMALL, latents=5, resolution=16, channels=2, classes=classes)


def growing_discriminator(outputs=1):
    return GrowingDiscriminator(SMALL, resolution=16, channels=2, outputs=outputs)


def at(network, resolution, fade=None):
    """Set a network to a resolution, faded in as far."""
    network.resolution, network.fading = resolution, fade is not None
    network.fade.assign(1.0 if fade is None else fade)
    return lambda inputs: ops.convert_to_numpy(network(inputs, training=True))


def images(size, count=4):
    return RANDOM.normal(size=(count, size, size, 2)).astype("f4")


def test_feature_maps_are_those_of_table_2():
    options = ProGANNetworkOptions()
    found = [features(options, size) for size in (4, 8, 16, 32, 64, 128, 256, 512, 1024)]
    assert found == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    assert features(ProGANNetworkOptions(filter_base=64, filter_decay=0.5, widest=512), 32) == 16


def test_generator_of_the_paper_has_its_23_million_weights():
    network = generator.build(ProGANGeneratorOptions(), latents=512, output_shape=(1024, 1024, 3))
    # Table 2 counts them: 23.1 M.
    assert network.count_params() == pytest.approx(23.1e6, rel=0.005)
    assert network.output_shape == (None, 1024, 1024, 3)


def test_discriminator_of_the_paper_has_its_23_million_weights():
    network = discriminator.build(ProGANDiscriminatorOptions(), input_shape=(1024, 1024, 3))
    assert network.count_params() == pytest.approx(23.1e6, rel=0.005)
    assert network.output_shape == (None, 1)


def test_gains_are_those_of_the_authors_code():
    gains = {layer.name: layer.gain for layer in growing_generator().parts.values() if layer.weights}
    assert gains.pop("dense") == pytest.approx(np.sqrt(2) / 4)
    assert {name: gain for name, gain in gains.items() if gain != pytest.approx(np.sqrt(2))} == {
        f"colours_{size}": 1.0 for size in (4, 8, 16)
    }
    gains = {layer.name: layer.gain for layer in growing_discriminator().parts.values() if layer.weights}
    assert {name: gain for name, gain in gains.items() if gain != pytest.approx(np.sqrt(2))} == {"logits": 1.0}


@pytest.mark.parametrize("fade", [0.0, 1.0])
def test_generator_at_the_ends_of_the_fade(fade):
    network = growing_generator()
    found = at(network, 8, fade)(LATENTS)
    alone = at(network, 8)(LATENTS) if fade else ops.convert_to_numpy(enlarged(at(network, 4)(LATENTS)))
    np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("fade", [0.0, 1.0])
def test_discriminator_at_the_ends_of_the_fade(fade):
    network, seen = growing_discriminator(), images(8)
    found = at(network, 8, fade)(seen)
    alone = at(network, 8)(seen) if fade else at(network, 4)(ops.convert_to_numpy(halved(seen)))
    np.testing.assert_array_equal(found, alone)


def test_generator_in_the_midst_of_the_fade_is_the_mean_of_both():
    network = growing_generator()
    smaller, larger = ops.convert_to_numpy(enlarged(at(network, 4)(LATENTS))), at(network, 8)(LATENTS)
    np.testing.assert_allclose(at(network, 8, 0.25)(LATENTS), 0.75 * smaller + 0.25 * larger, rtol=1e-5, atol=1e-6)


def test_weights_are_carried_over_at_a_growth():
    network = growing_generator()
    before = [ops.convert_to_numpy(variable) for variable in network.weights]
    at(network, 4)(LATENTS)
    small = list(network.active_variables)
    at(network, 8, 0.5)(LATENTS)
    large = network.active_variables
    assert [variable is other for variable, other in zip(small[:4], large[:4], strict=True)] == [True] * 4
    assert {id(variable) for variable in small} < {id(variable) for variable in large}
    for variable, value in zip(network.weights[1:], before[1:], strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), value)


def test_only_layers_reached_are_in_use():
    network = growing_discriminator()
    names = {id(variable): layer.name for layer in network.parts.values() for variable in layer.weights}
    at(network, 8)
    assert {names[id(variable)] for variable in network.active_variables} == {
        "colours_8", "convolution_8", "halve_8", "convolution_4", "dense", "logits",
    }  # fmt: skip
    at(network, 8, 0.5)
    assert "colours_4" in {names[id(variable)] for variable in network.active_variables}


@pytest.mark.parametrize("classes", [0, 3])
def test_images_of_full_size_follow_the_growth(classes):
    network = growing_generator(classes)
    inputs = [LATENTS, LABELS] if classes else LATENTS
    for size, fade, fades in (
        (4, None, [0.0, 0.0]),
        (8, 0.25, [0.25, 0.0]),
        (16, 0.5, [1.0, 0.5]),
        (16, None, [1.0, 1.0]),
    ):
        expected = ops.convert_to_numpy(enlarged(at(network, size, fade)(inputs), 16 // size))
        found = ops.convert_to_numpy(network.images_of_full_size(inputs, fades))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("classes", [0, 3])
def test_fixed_generator_makes_the_images_of_the_growing_one(classes):
    growing = growing_generator(classes)
    for variable in growing.trainable_variables:
        variable.assign(RANDOM.normal(size=variable.shape))
    inputs = [LATENTS, LABELS] if classes else LATENTS
    for fade in (1.0, 0.25):
        options = ProGANGeneratorOptions(**SMALL, fade=fade)
        fixed = generator.build(options, latents=5, output_shape=(8, 8, 2), classes=classes)
        for layer in fixed.layers:
            if layer.weights:
                layer.set_weights(growing.parts[layer.name].get_weights())
        np.testing.assert_array_equal(
            ops.convert_to_numpy(fixed(inputs)), at(growing, 8, None if fade == 1 else fade)(inputs)
        )


def test_labels_are_normalized_with_the_latent_vectors():
    network = growing_generator(3)
    normalized = np.concatenate([LATENTS, LABELS], axis=1)
    normalized = normalized / np.sqrt((normalized**2).mean(axis=1, keepdims=True) + 1e-8)
    dense = network.parts["dense"]
    expected = ops.convert_to_numpy(dense(normalized.astype("f4")))
    received = []
    call = dense.call
    dense.call = lambda inputs: received.append(call(inputs)) or received[-1]
    at(network, 4)([LATENTS, LABELS])
    np.testing.assert_allclose(ops.convert_to_numpy(received[0]), expected, rtol=1e-5, atol=1e-5)


def test_networks_survive_serialization():
    for network, inputs in (
        (generator.build(ProGANGeneratorOptions(**SMALL, fade=0.5), latents=5, output_shape=(8, 8, 2)), LATENTS),
        (discriminator.build(ProGANDiscriminatorOptions(**SMALL), input_shape=(8, 8, 2), outputs=4), images(8)),
        (growing_generator(), LATENTS),
        (growing_discriminator(4), images(16)),
    ):
        copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
        assert [tuple(one.shape) for one in copy.weights] == [tuple(one.shape) for one in network.weights]
        copy.set_weights(network.get_weights())
        np.testing.assert_array_equal(ops.convert_to_numpy(copy(inputs)), ops.convert_to_numpy(network(inputs)))


def test_a_copy_shares_no_weight():
    network = growing_generator()
    copy = copy_network(network)
    assert not {id(one) for one in copy.weights} & {id(one) for one in network.weights}
    np.testing.assert_array_equal(at(copy, 8)(LATENTS), at(network, 8)(LATENTS))


def test_samples_of_the_discriminator_are_not_independent():
    small = {"input_shape": (8, 8, 2)}
    assert not samples_independent(discriminator.build(ProGANDiscriminatorOptions(**SMALL), **small))
    assert samples_independent(discriminator.build(ProGANDiscriminatorOptions(**SMALL, group=1), **small))
    assert samples_independent(generator.build(ProGANGeneratorOptions(**SMALL), latents=5, output_shape=(8, 8, 2)))
    assert not samples_independent(growing_discriminator())


@pytest.mark.parametrize("shape", [(8, 16, 3), (12, 12, 3), (2, 2, 3), (None, None, 3)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ConfigError, match="square images whose sides are a power of two"):
        resolution_of("progan", shape)


def test_a_refusal_names_the_nearest_size():
    with pytest.raises(ConfigError) as refused:
        generator.build(ProGANGeneratorOptions(), latents=5, output_shape=(48, 48, 3))
    assert "48 × 48" in refused.value.message
    assert "size: 32" in refused.value.hint
