"""The generators and discriminators of SNGAN and WGAN-GP against the papers' tables and arithmetic in float64 NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops
from pydantic import ValidationError
from reference_arithmetic import channels_first, channels_last, convolve, randomize

from gantk import ConfigError
from gantk.engine.sample_independence import samples_independent
from gantk_networks import (
    dcgan_discriminator,
    dcgan_generator,
    resnet_gan_discriminator,
    resnet_gan_generator,
    sndcgan_discriminator,
    sndcgan_generator,
)
from gantk_networks.conditional_batch_normalization import ConditionalBatchNormalization
from gantk_networks.global_sum_pooling import GlobalSumPooling2D
from gantk_networks.glorot import glorot
from gantk_networks.judgements import judgements
from gantk_networks.options import PatchGANOptions
from gantk_networks.super_resolution_options import SpectralUNetOptions, VGGOptions
from gantk_networks.synthesis_options import (
    DCGANDiscriminatorOptions,
    DCGANGeneratorOptions,
    ResNetGANDiscriminatorOptions,
    ResNetGANGeneratorOptions,
    SNDCGANDiscriminatorOptions,
    SNDCGANGeneratorOptions,
)

RANDOM = np.random.default_rng(11)


def trained(network: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def numbers(value: object) -> np.ndarray:
    return ops.convert_to_numpy(value).astype("f8")


# -- the papers' tables ---------------------------------------------------------------------------------------------


def test_the_sngan_discriminator_has_the_widths_and_parameters_of_the_paper_at_32_pixels() -> None:
    network = sndcgan_discriminator.build(SNDCGANDiscriminatorOptions(), input_shape=(32, 32, 3))
    found = [(layer.filters, layer.kernel_size, layer.strides) for layer in network.layers if hasattr(layer, "filters")]
    assert found == [(64, 3, 1), (128, 4, 2), (128, 3, 1), (256, 4, 2), (256, 3, 1), (512, 4, 2), (512, 3, 1)]
    # Kernels and biases of these, and 4 · 4 · 512 + 1 of the dense layer.
    assert trained(network) == 1792 + 131_200 + 147_584 + 524_544 + 590_080 + 2_097_664 + 2_359_808 + 8193


def test_the_sngan_generator_has_the_widths_and_parameters_of_the_paper_at_32_pixels() -> None:
    network = sndcgan_generator.build(SNDCGANGeneratorOptions(), latents=128, output_shape=(32, 32, 3))
    ups = [layer for layer in network.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert [(layer.filters, layer.kernel_size, layer.strides) for layer in ups] == [
        (filters, (4, 4), (2, 2)) for filters in (256, 128, 64)
    ]
    assert network.get_layer("grid").output.shape == (None, 4, 4, 512)
    # The dense layer, three transposed convolutions without bias, their batch normalizations, a 3 × 3 convolution.
    assert trained(network) == 129 * 8192 + 2_097_152 + 524_288 + 131_072 + 2 * (256 + 128 + 64) + 1731


def test_the_sngan_networks_begin_and_end_with_6_pixels_at_48() -> None:
    generator = sndcgan_generator.build(SNDCGANGeneratorOptions(filters=2), latents=8, output_shape=(48, 48, 3))
    assert generator.get_layer("grid").output.shape[1:3] == (6, 6)
    judge = sndcgan_discriminator.build(SNDCGANDiscriminatorOptions(filters=2), input_shape=(48, 48, 3))
    assert judge.get_layer("same_3_relu").output.shape[1:3] == (6, 6)


def test_the_residual_networks_are_those_of_sngan_at_32_pixels() -> None:
    """Miyato 2018, table 4, with no bias in front of a normalization."""
    options = ResNetGANGeneratorOptions(filters=256, widest=256)
    generator = resnet_gan_generator.build(options, latents=128, output_shape=(32, 32, 3))
    block = 512 + 589_824 + 512 + 590_080 + 65_792
    assert trained(generator) == 528_384 + 3 * block + 512 + 6915
    options = ResNetGANDiscriminatorOptions(filters=128, widest=128, downsamplings=2, blocks=2)
    judge = resnet_gan_discriminator.build(options, input_shape=(32, 32, 3))
    first, second, same = 512 + 3584 + 147_584, 16_512 + 2 * 147_584, 2 * 147_584
    assert trained(judge) == first + second + 2 * same + 129
    assert judge.get_layer("features").input.shape == (None, 8, 8, 128)


@pytest.mark.parametrize(
    ("size", "first", "ups", "downs"),
    [
        # Miyato 2018, tables 5 and 6: STL-10 and ImageNet.
        (48, (6, 512), [256, 128, 64], [64, 128, 256, 512, 1024]),
        (128, (4, 1024), [1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024, 1024]),
    ],
)
def test_the_residual_networks_have_the_papers_widths(
    size: int, first: tuple[int, int], ups: list[int], downs: list[int]
) -> None:
    generator = resnet_gan_generator.build(ResNetGANGeneratorOptions(), latents=128, output_shape=(size, size, 3))
    assert generator.get_layer("grid").output.shape[2:] == first
    assert [layer.output.shape[-1] for layer in generator.layers if layer.name.endswith("_sum")] == ups
    options = ResNetGANDiscriminatorOptions(downsamplings=len(downs) - 1)
    judge = resnet_gan_discriminator.build(options, input_shape=(size, size, 3))
    assert [layer.output.shape[-1] for layer in judge.layers if layer.name.endswith("_sum")] == downs


# -- the residual blocks by definition ------------------------------------------------------------------------------


def kernel(network: keras.Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel as PyTorch lays it out, and bias."""
    layer = network.get_layer(name)
    bias = numbers(layer.bias) if layer.bias is not None else np.zeros(layer.filters)
    return numbers(layer.kernel).transpose(3, 2, 0, 1), bias.reshape(1, -1, 1, 1)


def convolved(network: keras.Model, name: str, x: np.ndarray) -> np.ndarray:
    weights, bias = kernel(network, name)
    return convolve(x, weights, padding=weights.shape[2] // 2) + bias


def enlarged(x: np.ndarray) -> np.ndarray:
    return x.repeat(2, axis=2).repeat(2, axis=3)


def pooled(x: np.ndarray) -> np.ndarray:
    return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4


def moved(layer: keras.Layer, x: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Batch normalization at test, by definition."""
    inner = layer if labels is None else layer.normalization
    mean, variance = (numbers(value).reshape(1, -1, 1, 1) for value in (inner.moving_mean, inner.moving_variance))
    gamma, beta = (
        numbers(value).reshape(1, -1, 1, 1) if labels is None else (labels @ numbers(value))[:, :, None, None]
        for value in (layer.gamma, layer.beta)
    )
    return gamma * (x - mean) / np.sqrt(variance + 2e-5) + beta


@pytest.mark.parametrize("use", [None, "normalization", "input"])
def test_the_residual_generator_by_definition(use: str | None) -> None:
    """Gulrajani's and Miyato's block enlarges before the shortcut's convolution; here it is the other way round."""
    options = ResNetGANGeneratorOptions(filters=3, widest=5, **({"labels": use} if use else {}))
    classes = 4 if use else 0
    network = resnet_gan_generator.build(options, latents=6, output_shape=(16, 8, 2), classes=classes)
    randomize(network)
    for layer in network.layers:
        inner = getattr(layer, "normalization", layer)
        if isinstance(inner, layers.BatchNormalization):
            inner.moving_variance.assign(RANDOM.uniform(0.5, 2, inner.moving_variance.shape))
            inner.moving_mean.assign(RANDOM.normal(size=inner.moving_mean.shape))
    vectors, labels = RANDOM.normal(size=(3, 6)), np.eye(4)[[0, 3, 1]]
    given = np.concatenate([vectors, labels], axis=1) if use == "input" else vectors
    conditions = labels if use == "normalization" else None
    dense = network.get_layer("dense")
    x = (given @ numbers(dense.kernel) + numbers(dense.bias)).reshape(3, 8, 4, 5)
    x = channels_first(x)
    for name in ("up_1",):
        shortcut = convolved(network, f"{name}_shortcut", enlarged(x))
        x = enlarged(np.maximum(moved(network.get_layer(f"{name}_norm_1"), x, conditions), 0))
        x = convolved(network, f"{name}_conv_1", x)
        x = np.maximum(moved(network.get_layer(f"{name}_norm_2"), x, conditions), 0)
        x = convolved(network, f"{name}_conv_2", x) + shortcut
    x = np.maximum(moved(network.get_layer("image_norm"), x, None), 0)
    expected = channels_last(np.tanh(convolved(network, "image", x)))
    inputs = [vectors.astype("f4"), labels.astype("f4")] if use else vectors.astype("f4")
    found = numbers(network(inputs, training=False))
    assert found.shape == (3, 16, 8, 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("kind", "pooling"), [("none", "sum"), ("layer", "mean")])
def test_the_residual_discriminator_by_definition(kind: str, pooling: str) -> None:
    """The papers' block pools behind the shortcut's convolution; here it is the other way round."""
    options = ResNetGANDiscriminatorOptions(filters=3, spectral=False, normalization=kind, pooling=pooling)
    network = resnet_gan_discriminator.build(options, input_shape=(16, 16, 2), outputs=3)
    randomize(network)
    images = RANDOM.uniform(-1, 1, (2, 16, 16, 2)).astype("f4")

    def normalized(name: str, x: np.ndarray) -> np.ndarray:
        if kind == "none":
            return x
        layer = network.get_layer(name)
        mean, variance = x.mean(axis=(1, 2, 3), keepdims=True), x.var(axis=(1, 2, 3), keepdims=True)
        gamma, beta = (numbers(value).reshape(1, -1, 1, 1) for value in (layer.gamma, layer.beta))
        return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta

    x = channels_first(images.astype("f8"))
    for name in ("down_1", "down_2", "same_1"):
        shortcut = convolved(network, f"{name}_shortcut", x)
        if name != "down_1":
            x = np.maximum(normalized(f"{name}_norm_1", x), 0)
        x = np.maximum(normalized(f"{name}_norm_2", convolved(network, f"{name}_conv_1", x)), 0)
        x = convolved(network, f"{name}_conv_2", x)
        if name != "same_1":
            x, shortcut = pooled(x), pooled(shortcut)
        x = x + shortcut
    x = np.maximum(normalized("features_norm", x), 0)
    features = x.sum(axis=(2, 3)) if pooling == "sum" else x.mean(axis=(2, 3))
    dense = [network.get_layer(name) for name in ("logits", "class_outputs")]
    expected = np.concatenate([features @ numbers(one.kernel) + numbers(one.bias) for one in dense], axis=1)
    np.testing.assert_allclose(numbers(network(images)), expected, rtol=1e-4, atol=1e-4)


def test_a_block_that_changes_nothing_in_size_has_the_bare_shortcut() -> None:
    options = ResNetGANDiscriminatorOptions(filters=3, widest=3, blocks=2)
    names = {layer.name for layer in resnet_gan_discriminator.build(options, input_shape=(16, 16, 2)).layers}
    assert {"down_1_shortcut", "down_2_shortcut"} <= names
    assert not names & {"same_1_shortcut", "same_2_shortcut"}


# -- layers ---------------------------------------------------------------------------------------------------------


def conditional(channels: int = 3, classes: int = 4) -> ConditionalBatchNormalization:
    layer = ConditionalBatchNormalization()
    layer.build([(None, None, None, channels), (None, classes)])
    return layer


def test_conditional_batch_normalization_begins_as_the_plain_one() -> None:
    x, labels = RANDOM.normal(2, 3, (4, 5, 5, 3)).astype("f4"), np.eye(4, dtype="f4")
    plain = layers.BatchNormalization(momentum=0.9, epsilon=2e-5)
    layer = conditional()
    for training in (True, False):
        np.testing.assert_allclose(
            numbers(layer([x, labels], training=training)), numbers(plain(x, training=training)), atol=1e-5
        )


def test_conditional_batch_normalization_by_definition() -> None:
    layer = conditional()
    layer.gamma.assign(RANDOM.normal(size=(4, 3)))
    layer.beta.assign(RANDOM.normal(size=(4, 3)))
    x = RANDOM.normal(2, 3, (5, 6, 6, 3))
    # The last is half of one class and half of another.
    labels = np.concatenate([np.eye(4)[[2, 0, 2, 1]], [[0.5, 0, 0, 0.5]]])
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    gamma, beta = ((labels @ numbers(value))[:, None, None, :] for value in (layer.gamma, layer.beta))
    found = numbers(layer([x.astype("f4"), labels.astype("f4")], training=True))
    np.testing.assert_allclose(found, gamma * (x - mean) / np.sqrt(variance + 2e-5) + beta, atol=1e-4)
    mean, variance = 0.1 * mean, 0.9 + 0.1 * variance
    found = numbers(layer([x.astype("f4"), labels.astype("f4")], training=False))
    np.testing.assert_allclose(found, gamma * (x - mean) / np.sqrt(variance + 2e-5) + beta, atol=1e-4)


def test_the_sum_over_positions_is_taken_in_float32() -> None:
    layer = GlobalSumPooling2D(dtype="bfloat16")
    # One by one in bfloat16 a thousand ones are 256.
    found = layer(np.ones((2, 40, 25, 3), "f4"))
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    np.testing.assert_array_equal(numbers(ops.cast(found, "float32")), np.full((2, 3), 1000))


def test_the_classes_have_a_matrix_of_their_own_for_spectral_normalization() -> None:
    features = keras.Input((6,))
    network = keras.Model(features, judgements(features, 4, spectral=True, kernel_initializer=glorot))
    for layer, factor in (("logits", 1.0), ("class_outputs", 30.0)):
        network.get_layer(layer).kernel.assign(factor * RANDOM.normal(size=network.get_layer(layer).kernel.shape))
    for _ in range(60):
        network(np.zeros((1, 6), "f4"), training=True)
    used = numbers(network(np.eye(6, dtype="f4"))) - numbers(network(np.zeros((1, 6), "f4")))
    assert np.linalg.norm(used[:, 0]) == pytest.approx(1, abs=1e-5)
    assert np.linalg.svd(used[:, 1:], compute_uv=False)[0] == pytest.approx(1, abs=1e-4)


def test_first_weights_are_glorots() -> None:
    values = numbers(glorot(gain=2**0.5)((3, 3, 20, 40)))
    limit = 2**0.5 * (6 / (9 * 20 + 9 * 40)) ** 0.5
    assert np.abs(values).max() <= limit
    assert values.std() == pytest.approx(limit / 3**0.5, rel=0.05)


# -- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [DCGANDiscriminatorOptions, SNDCGANDiscriminatorOptions, ResNetGANDiscriminatorOptions]
)
@pytest.mark.parametrize("kind", ["batch", "layer", "none"])
def test_what_options_say_of_a_discriminator_is_true_of_the_network(options: type, kind: str) -> None:
    builds = {
        DCGANDiscriminatorOptions: dcgan_discriminator.build,
        SNDCGANDiscriminatorOptions: sndcgan_discriminator.build,
        ResNetGANDiscriminatorOptions: resnet_gan_discriminator.build,
    }
    for spectral in (False, True):
        made = options(filters=2, normalization=kind, spectral=spectral)
        network = builds[options](made, input_shape=(16, 16, 1), outputs=3)
        assert made.mixes_samples != samples_independent(network)
        assert made.bounds_slope == (spectral and kind == "none")
        weighted = [layer for layer in network.layers if hasattr(layer, "kernel")]
        assert all(("Spectral" in type(layer).__name__) == spectral for layer in weighted)


def test_a_normalization_that_undoes_the_spectral_one_is_cautioned_about() -> None:
    assert len(SNDCGANDiscriminatorOptions(normalization="layer").cautions()) == 1
    assert "normalization: instance behind them undoes" in PatchGANOptions(spectral=True).cautions()[0]
    assert not SNDCGANDiscriminatorOptions().cautions()
    assert not PatchGANOptions().cautions()
    # Its first and last convolution are not normalized.
    assert not SpectralUNetOptions().bounds_slope
    assert VGGOptions().mixes_samples
    assert not VGGOptions(normalization="instance").mixes_samples


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (DCGANGeneratorOptions, {"filters": 0}),
        (SNDCGANGeneratorOptions, {"normalization": "batch"}),
        (ResNetGANGeneratorOptions, {"labels": "projection"}),
        (ResNetGANDiscriminatorOptions, {"downsamplings": 0}),
        (ResNetGANDiscriminatorOptions, {"pooling": "max"}),
        (SNDCGANDiscriminatorOptions, {"normalization": "instance"}),
    ],
)
def test_wrong_options_are_refused(options: type, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        options.model_validate(wrong)


def test_images_that_cannot_be_halved_so_often_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"(?s)downsamplings: 3 .* multiples of 8\.\nReceived: height 12, width 16"):
        resnet_gan_discriminator.build(ResNetGANDiscriminatorOptions(downsamplings=3), input_shape=(12, 16, 1))
    with pytest.raises(ConfigError, match="Received: any × any"):
        resnet_gan_discriminator.build(ResNetGANDiscriminatorOptions(), input_shape=(None, None, 1))
    network = resnet_gan_discriminator.build(
        ResNetGANDiscriminatorOptions(filters=2, downsamplings=2), input_shape=(None, None, 1)
    )
    assert network(np.zeros((2, 12, 8, 1), "f4")).shape == (2, 1)


def test_the_dcgan_generator_has_the_papers_widths_at_64_pixels() -> None:
    network = dcgan_generator.build(DCGANGeneratorOptions(filters=128), latents=100, output_shape=(64, 64, 3))
    assert network.get_layer("grid").output.shape[1:] == (4, 4, 1024)
    ups = [layer for layer in network.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert [layer.filters for layer in ups] == [512, 256, 128, 3]
