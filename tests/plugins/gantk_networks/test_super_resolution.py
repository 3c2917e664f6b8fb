"""The generators for super-resolution against their papers' arithmetic in float64 NumPy, and how far they look."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from reference_arithmetic import Array, channels_first, channels_last, convolve, kernels, randomize, relu

from gantk import ConfigError, GeneratorOptions
from gantk.artifacts import load_bundle, save_bundle
from gantk.config.components import Component
from gantk.engine.sample_independence import samples_independent
from gantk_networks import compact, gantk_generators, rrdb, srresnet
from gantk_networks.pixel_shuffle import from_pytorch_order
from gantk_networks.super_resolution_options import CompactOptions, RRDBOptions, SRResNetOptions

RANDOM = np.random.default_rng(11)
FACTORS = (2, 3, 4, 8)
MODULES: dict[type[GeneratorOptions], ModuleType] = {
    SRResNetOptions: srresnet,
    RRDBOptions: rrdb,
    CompactOptions: compact,
}


def build(options: GeneratorOptions, channels: int = 3, output_channels: int = 3) -> keras.Model:
    module = MODULES[type(options)]
    network = module.build(options, input_shape=(None, None, channels), output_channels=output_channels)
    randomize(network, seed=3)
    return network


def pixels(*shape: int) -> np.ndarray:
    return RANDOM.uniform(-1, 1, shape).astype("float32")


def shuffled_as_pytorch(images: Array, factor: int) -> Array:
    """Enlarge NCHW as PyTorch's documentation of PixelShuffle says."""
    batch, channels, height, width = images.shape
    result = np.zeros((batch, channels // factor**2, factor * height, factor * width))
    for c in range(result.shape[1]):
        for i in range(factor):
            for j in range(factor):
                result[:, c, i::factor, j::factor] = images[:, c * factor**2 + i * factor + j]
    return result


def bilinear(images: Array, factor: int) -> Array:
    """Enlarge NCHW with half-pixel centres; outside is the edge."""
    for axis in (2, 3):
        size = images.shape[axis]
        position = np.clip((np.arange(factor * size) + 0.5) / factor - 0.5, 0, size - 1)
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, size - 1)
        share = (position - low).reshape([-1 if one == axis else 1 for one in range(4)])
        images = (1 - share) * images.take(low, axis) + share * images.take(high, axis)
    return images


class Weights:
    """Weights of a network as PyTorch lays them out, with those before a shuffle in PyTorch's order."""

    def __init__(self, network: keras.Model, shuffles: dict[str, int]) -> None:
        self.network = network
        self.kernels = kernels(network, turned=False)
        self.biases = {}
        for name in self.kernels:
            layer = network.get_layer(name)
            bias = ops.convert_to_numpy(layer.bias) if layer.use_bias else np.zeros(layer.filters)
            self.biases[name] = bias.astype("float64")
        for name, factor in shuffles.items():
            count = len(self.biases[name])
            order = from_pytorch_order(count // factor**2, factor)
            foreign = np.empty(count, int)
            foreign[order] = np.arange(count)
            self.kernels[name], self.biases[name] = self.kernels[name][foreign], self.biases[name][foreign]

    def convolve(self, x: Array, name: str) -> Array:
        kernel = self.kernels[name]
        return convolve(x, kernel, padding=kernel.shape[-1] // 2) + self.biases[name].reshape(1, -1, 1, 1)

    def prelu(self, x: Array, name: str) -> Array:
        slopes = ops.convert_to_numpy(self.network.get_layer(name).alpha).astype("float64").reshape(1, -1, 1, 1)
        return np.where(x > 0, x, slopes * x)

    def normalized(self, x: Array, name: str) -> Array:
        layer = self.network.get_layer(f"{name}_norm")
        facts = (layer.moving_mean, layer.moving_variance, layer.gamma, layer.beta)
        mean, variance, scale, offset = (
            ops.convert_to_numpy(fact).astype("float64").reshape(1, -1, 1, 1) for fact in facts
        )
        return (x - mean) / np.sqrt(variance + layer.epsilon) * scale + offset


def outputs(network: keras.Model, images: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(network(images, training=False))


@pytest.mark.parametrize("biased", [False, True])
def test_srresnet_is_the_papers(biased: bool) -> None:
    network = build(SRResNetOptions(blocks=2, filters=4, factor=4, epsilon=1e-3, biased=biased))
    assert network.get_layer("block_2_first").use_bias == biased
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(RANDOM.normal(0, 0.3, 4))
            layer.moving_variance.assign(RANDOM.uniform(0.2, 2.0, 4))
            assert layer.epsilon == 1e-3
    images = pixels(2, 5, 7, 3)
    weights = Weights(network, {"up_1": 2, "up_2": 2})
    x = (channels_first(images.astype("float64")) + 1) / 2
    before = x = weights.prelu(weights.convolve(x, "first"), "first_relu")
    for block in ("block_1", "block_2"):
        y = weights.normalized(weights.convolve(x, f"{block}_first"), f"{block}_first")
        y = weights.convolve(weights.prelu(y, f"{block}_relu"), f"{block}_second")
        x = x + weights.normalized(y, f"{block}_second")
    x = before + weights.normalized(weights.convolve(x, "after_blocks"), "after_blocks")
    for up in ("up_1", "up_2"):
        x = weights.prelu(shuffled_as_pytorch(weights.convolve(x, up), 2), f"{up}_relu")
    expected = channels_last(np.tanh(weights.convolve(x, "last")))
    assert np.abs(expected).max() > 0.3
    np.testing.assert_allclose(outputs(network, images), expected, atol=2e-5)


@pytest.mark.parametrize("factor", [3, 4])
def test_srresnet_without_normalization_is_msrresnet(factor: int) -> None:
    network = build(SRResNetOptions(normalization="none", blocks=1, filters=4, factor=factor))
    ups = {"up_1": 3} if factor == 3 else {"up_1": 2, "up_2": 2}
    weights = Weights(network, ups)
    images = pixels(1, 5, 4, 3)
    image = (channels_first(images.astype("float64")) + 1) / 2
    x = relu(weights.convolve(image, "first"), 0.1)
    x = x + weights.convolve(relu(weights.convolve(x, "block_1_first")), "block_1_second")
    for up, step in ups.items():
        x = relu(shuffled_as_pytorch(weights.convolve(x, up), step), 0.1)
    x = weights.convolve(relu(weights.convolve(x, "enlarged"), 0.1), "last")
    expected = channels_last(2 * (x + bilinear(image, factor)) - 1)
    np.testing.assert_allclose(outputs(network, images), expected, atol=2e-5)


def test_rrdb_is_esrgans() -> None:
    network = build(RRDBOptions(blocks=1, filters=3, growth=2, factor=4))
    weights = Weights(network, {})
    images = pixels(1, 4, 5, 3)
    x = before = weights.convolve((channels_first(images.astype("float64")) + 1) / 2, "first")
    y = x
    for dense in (1, 2, 3):
        features = [y]
        for index in (1, 2, 3, 4):
            name = f"block_1_dense_{dense}_{index}"
            features.append(relu(weights.convolve(np.concatenate(features, axis=1), name), 0.2))
        y = y + 0.2 * weights.convolve(np.concatenate(features, axis=1), f"block_1_dense_{dense}_5")
    x = before + weights.convolve(x + 0.2 * y, "after_blocks")
    for up in ("up_1", "up_2"):
        x = relu(weights.convolve(x.repeat(2, axis=2).repeat(2, axis=3), up), 0.2)
    x = weights.convolve(relu(weights.convolve(x, "enlarged"), 0.2), "last")
    np.testing.assert_allclose(outputs(network, images), channels_last(2 * x - 1), atol=5e-5)


@pytest.mark.parametrize("factor", [2, 3])
def test_compact_is_realesrgans(factor: int) -> None:
    network = build(CompactOptions(depth=2, width=4, factor=factor))
    weights = Weights(network, {"last": factor})
    images = pixels(2, 4, 5, 3)
    image = (channels_first(images.astype("float64")) + 1) / 2
    x = weights.prelu(weights.convolve(image, "first"), "first_relu")
    for layer in ("layer_1", "layer_2"):
        x = weights.prelu(weights.convolve(x, layer), f"{layer}_relu")
    x = shuffled_as_pytorch(weights.convolve(x, "last"), factor)
    x = x + image.repeat(factor, axis=2).repeat(factor, axis=3)
    np.testing.assert_allclose(outputs(network, images), channels_last(2 * x - 1), atol=2e-5)


def test_the_papers_networks_have_the_originals_parameters() -> None:
    shape = {"input_shape": (None, None, 3), "output_channels": 3}
    # BasicSR's MSRResNet ×4: first 1,792; 32 of 36,928; two of 147,712; 36,928; 1,731.
    unnormalized = srresnet.build(SRResNetOptions(normalization="none"), **shape)
    assert unnormalized.count_params() == 1_792 + 32 * 36_928 + 2 * 147_712 + 36_928 + 1_731 == 1_517_571
    # By convolutions of the paper: 9·9·3·64 + 64; 33 of 36,864 with four numbers a channel of BatchNorm; two of
    # 147,712; 9·9·64·3 + 3; and PReLUs of 64 after the first, in each block, and after each shuffle.
    normalized = srresnet.build(SRResNetOptions(), **shape)
    assert normalized.count_params() == 15_616 + 33 * (36_864 + 256) + 2 * 147_712 + 15_555 + 64 * (1 + 16 + 2)
    # RRDBNet of BasicSR has 16,697,987 with 23 blocks; without any, 1,792, four of 36,928, and 1,731.
    found = [rrdb.build(RRDBOptions(blocks=blocks), **shape).count_params() for blocks in (0, 1)]
    assert found[0] == 1_792 + 4 * 36_928 + 1_731
    assert found[0] + 23 * (found[1] - found[0]) == 16_697_987
    # realesr-animevideov3: 16 layers and ×4; 3·9·64 + 64, 16 of 36,928, 64·9·48 + 48, 17 PReLUs.
    assert compact.build(CompactOptions(), **shape).count_params() == 1_792 + 16 * 36_928 + 27_696 + 17 * 64


SMALL = [
    *(SRResNetOptions(blocks=1, filters=2, factor=factor) for factor in FACTORS),
    *(SRResNetOptions(blocks=1, filters=2, factor=factor, normalization="none") for factor in FACTORS),
    *(RRDBOptions(blocks=1, filters=2, growth=2, residual_scale=1, factor=factor) for factor in (2, 3)),
    RRDBOptions(blocks=0, filters=2, growth=2, factor=8),
    *(CompactOptions(depth=2, width=2, factor=factor) for factor in FACTORS),
    *(CompactOptions(depth=0, width=2, factor=3, base=base) for base in ("bilinear", "bicubic")),
]


@pytest.mark.parametrize("options", SMALL, ids=lambda options: f"{type(options).__name__} ×{options.factor}")
def test_nothing_beyond_the_halo_changes_and_something_at_it_does(options: GeneratorOptions) -> None:
    network = build(options)
    random = np.random.default_rng(0)
    for variable in network.trainable_variables:
        # Positive throughout, so that no rectifier hides a way through the network.
        variable.assign(random.uniform(0.2, 1.0, variable.shape) / np.prod(variable.shape[:-1]))
    halo, scale = options.halo, options.scale
    assert halo is not None
    size = 2 * halo + 5
    middle = size // 2
    images = np.full((1, size, size, 3), -0.5, "float32")
    changed = images.copy()
    # Far away little of it arrives.
    changed[0, middle, middle] = 1e15
    if isinstance(options, SRResNetOptions) and options.normalization == "batch":
        # Before tanh, which is flat where a value is large.
        network = keras.Model(network.input, network.get_layer("last").output)
    difference = np.abs(outputs(network, changed) - outputs(network, images)).max(axis=(0, 3))
    assert difference.shape == (scale * size, scale * size)
    for axis in (0, 1):
        distances = np.abs(np.nonzero(difference.any(axis=1 - axis))[0] // scale - middle)
        assert distances.max() == halo


def test_the_halo_of_the_papers_networks() -> None:
    # ×4: 4 pixels of the result for the last kernel are 2 of half its size; +1, halved again, 2; +1; 33 + 4 for the rest.
    assert SRResNetOptions().halo == 3 + 33 + 4
    # 3 of the result are 2; +1 are 2 of the input; 1 + 23 · 15 + 1.
    assert RRDBOptions().halo == 2 + 1 + 345 + 1
    assert CompactOptions().halo == 18
    assert (SRResNetOptions(factor=2).scale, SRResNetOptions(factor=2).halo) == (2, 2 + 1 + 33 + 4)
    assert GeneratorOptions().scale == 1
    assert GeneratorOptions().halo is None


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("name", ["srresnet", "rrdb", "compact"])
def test_a_bundle_enlarges_pictures_of_any_size(tmp_path: Any, name: str, factor: int) -> None:
    spec = next(spec for spec in gantk_generators() if spec.name == name)
    small = {"compact": {"depth": 1, "width": 4}}.get(name, {"blocks": 1, "filters": 4})
    component = Component(name, spec, spec.options.model_validate({"factor": factor, **small}))
    network = build(component.options)
    path = tmp_path / "model.gantk"
    save_bundle(path, networks={"AtoB": network}, components={"AtoB": component}, model="srresnet")
    bundle = load_bundle(path)
    record = bundle.metadata.networks["AtoB"]
    assert (record.scale, record.halo) == (factor, component.options.halo)
    # At least 16 pixels, so that nothing is padded.
    images = pixels(3, 17, 22, 3)
    result = bundle.translate(images, batch_size=2)
    assert result.shape == (3, 17 * factor, 22 * factor, 3)
    np.testing.assert_allclose(result, outputs(network, images), atol=1e-5)
    tiny = bundle.translate(pixels(1, 5, 3, 3))
    assert tiny.shape == (1, 5 * factor, 3 * factor, 3)
    assert bundle.translate(np.zeros((1, 16, 16, 3), np.uint8)).dtype == np.uint8


def test_a_network_that_adds_to_its_input_keeps_its_channels() -> None:
    assert build(RRDBOptions(blocks=0, filters=2), 1, 3).output_shape[-1] == 3
    assert build(SRResNetOptions(blocks=0, filters=2), 3, 1).output_shape[-1] == 1
    for options in (CompactOptions(), SRResNetOptions(normalization="none", blocks=0)):
        with pytest.raises(ConfigError, match=r"same number of channels\.\nReceived: 1 and 3"):
            build(options, 1, 3)


def test_networks_begin_as_their_authors_do() -> None:
    keras.utils.set_random_seed(0)
    shape = {"input_shape": (None, None, 3), "output_channels": 3}
    network = rrdb.build(RRDBOptions(blocks=1), **shape)
    dense = ops.convert_to_numpy(network.get_layer("block_1_dense_1_1").kernel)
    assert dense.std() == pytest.approx(0.1 * np.sqrt(2 / (9 * 64)), rel=0.03)
    last = ops.convert_to_numpy(network.get_layer("enlarged").kernel)
    # Uniform in ±1/√fan-in, as PyTorch's default.
    assert np.abs(last).max() == pytest.approx(1 / 24, rel=0.01)
    assert last.std() == pytest.approx(1 / 24 / np.sqrt(3), rel=0.03)
    first = ops.convert_to_numpy(srresnet.build(SRResNetOptions(blocks=0), **shape).get_layer("first").kernel)
    assert first.std() == pytest.approx(np.sqrt(2 / (81 * 3)), rel=0.03)
    network = compact.build(CompactOptions(), **shape)
    slopes = ops.convert_to_numpy(network.get_layer("layer_3_relu").alpha)
    assert slopes.shape == (1, 1, 64)
    assert (slopes == 0.25).all()
    # Near the plain enlargement, then.
    images = pixels(1, 16, 16, 3)
    plain = images.repeat(4, axis=1).repeat(4, axis=2)
    assert np.abs(outputs(network, images) - plain).mean() < 0.1


def test_results_are_in_float32_with_features_in_16_bits() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        networks = [
            module.build(options(), input_shape=(None, None, 3), output_channels=3)
            for options, module in (
                (lambda: SRResNetOptions(blocks=0, filters=4, normalization="none"), srresnet),
                (lambda: SRResNetOptions(blocks=0, filters=4), srresnet),
                (lambda: RRDBOptions(blocks=0, filters=4), rrdb),
                (lambda: CompactOptions(depth=0, width=4), compact),
            )
        ]
    finally:
        keras.config.set_dtype_policy(before)
    images = pixels(1, 8, 8, 3)
    for network in networks:
        assert network.get_layer("first").compute_dtype == "bfloat16"
        assert outputs(network, images).dtype == np.float32
    # The base is added in full: with nothing learnt it is exact.
    compacted = networks[-1]
    compacted.get_layer("last").kernel.assign(np.zeros((3, 3, 4, 48)))
    np.testing.assert_array_equal(outputs(compacted, images), images.repeat(4, axis=1).repeat(4, axis=2))


def test_samples_share_a_batch_where_nothing_mixes_them() -> None:
    assert samples_independent(build(RRDBOptions(blocks=1, filters=2)))
    assert samples_independent(build(CompactOptions(depth=0, width=2, base="bicubic")))
    assert samples_independent(build(CompactOptions(depth=1, width=2)))
    assert samples_independent(build(SRResNetOptions(blocks=1, filters=2, normalization="none")))
    assert not samples_independent(build(SRResNetOptions(blocks=1, filters=2)))


def test_networks_are_saved_and_loaded_by_keras(tmp_path: Any) -> None:
    images = pixels(1, 6, 5, 3)
    for options in (SRResNetOptions(blocks=1, filters=2), RRDBOptions(blocks=1, filters=2), CompactOptions(depth=1)):
        network = build(options)
        network.save(tmp_path / "network.keras")
        loaded = keras.models.load_model(tmp_path / "network.keras", compile=False)
        np.testing.assert_array_equal(outputs(loaded, images), outputs(network, images))
