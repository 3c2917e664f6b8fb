"""The discriminators of SRGAN and Real-ESRGAN against their arithmetic in float64 NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from reference_arithmetic import Array, channels_first, channels_last, convolve, kernels, randomize, relu

from gantk import ConfigError
from gantk.engine.sample_independence import samples_independent
from gantk_networks import unet_discriminator, vgg_discriminator
from gantk_networks.super_resolution_options import SpectralUNetOptions, VGGOptions

RANDOM = np.random.default_rng(17)


def doubled(images: Array) -> Array:
    """Enlarge NCHW to twice its size, bilinear with half-pixel centres; outside is the edge."""
    for axis in (2, 3):
        edges = [(0, 0)] * 4
        edges[axis] = (1, 1)
        padded = np.pad(images, edges, mode="edge")
        count = images.shape[axis]
        before, here, after = (padded.take(np.arange(count) + shift, axis) for shift in (0, 1, 2))
        both = np.stack([0.25 * before + 0.75 * here, 0.75 * here + 0.25 * after], axis=axis + 1)
        shape = list(images.shape)
        shape[axis] *= 2
        images = both.reshape(shape)
    return images


def spectral(kernel: Array) -> Array:
    """Divide a kernel, laid out as PyTorch's, by σ after one step of the power iteration from equal numbers."""
    matrix = kernel.reshape(kernel.shape[0], -1)
    left = np.full(len(matrix), len(matrix) ** -0.5)
    right = matrix.T @ left
    right /= np.linalg.norm(right)
    left = matrix @ right
    left /= np.linalg.norm(left)
    return kernel / (left @ matrix @ right)


@pytest.mark.parametrize("skips", [True, False])
def test_unet_sn_is_realesrgans(skips: bool) -> None:
    network = unet_discriminator.build(SpectralUNetOptions(filters=2, skips=skips), input_shape=(None, None, 3))
    randomize(network)
    kernel = kernels(network, turned=False)
    biases = {
        name: ops.convert_to_numpy(network.get_layer(name).bias).reshape(1, -1, 1, 1) for name in ("first", "logits")
    }
    images = RANDOM.uniform(-1, 1, (2, 16, 24, 3)).astype("float32")
    x = channels_first(images.astype("float64"))
    features = [relu(convolve(x, kernel["first"], padding=1) + biases["first"], 0.2)]
    for down in (1, 2, 3):
        features.append(relu(convolve(features[-1], spectral(kernel[f"down_{down}"]), stride=2, padding=1), 0.2))
    x = features[3]
    for up in (1, 2, 3):
        x = relu(convolve(doubled(x), spectral(kernel[f"up_{up}"]), padding=1), 0.2)
        if skips:
            x = x + features[3 - up]
    for layer in ("last_1", "last_2"):
        x = relu(convolve(x, spectral(kernel[layer]), padding=1), 0.2)
    expected = channels_last(convolve(x, kernel["logits"], padding=1) + biases["logits"])
    assert expected.shape == (2, 16, 24, 1)
    np.testing.assert_allclose(ops.convert_to_numpy(network(images)), expected, atol=2e-5)


def test_unet_sn_has_the_originals_widths_and_sizes() -> None:
    network = unet_discriminator.build(SpectralUNetOptions(), input_shape=(None, None, 3))
    trained = sum(int(np.prod(variable.shape)) for variable in network.trainable_weights)
    # Convolutions: 3→64; 4×4 64→128→256→512; 512→256→128→64; 64→64 twice; 64→1. Two have biases.
    by_hand = 27 * 64 + 16 * (64 * 128 + 128 * 256 + 256 * 512) + 9 * (512 * 256 + 256 * 128 + 128 * 64)
    assert trained == by_hand + 2 * 9 * 64 * 64 + 9 * 64 + 64 + 1 == 4_376_897
    with pytest.raises(ConfigError, match=r"multiple of 8\.\nReceived: height 16, width 20"):
        unet_discriminator.build(SpectralUNetOptions(), input_shape=(16, 20, 3))
    assert samples_independent(network)


def test_vgg_is_the_papers() -> None:
    network = vgg_discriminator.build(VGGOptions(), input_shape=(96, 96, 3))
    strides = [network.get_layer(f"layer_{layer}").strides[0] for layer in range(1, 9)]
    widths = [network.get_layer(f"layer_{layer}").filters for layer in range(1, 9)]
    assert strides == [1, 2] * 4
    assert widths == [64, 64, 128, 128, 256, 256, 512, 512]
    normalized = [layer.name for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert normalized == [f"layer_{layer}_norm" for layer in range(2, 9)]
    convolutions = 27 * 64 + 64 + 9 * sum(one * other for one, other in itertools.pairwise(widths))
    dense = 6 * 6 * 512 * 1024 + 1024 + 1024 + 1
    assert network.count_params() == convolutions + 4 * sum(widths[1:]) + dense
    assert tuple(network.output_shape) == (None, 1)


def test_vgg_by_its_arithmetic() -> None:
    options = VGGOptions(filters=2, units=3, normalization="none")
    network = vgg_discriminator.build(options, input_shape=(16, 32, 1))
    randomize(network)
    images = RANDOM.uniform(-1, 1, (2, 16, 32, 1)).astype("float32")
    x = channels_first(images.astype("float64"))
    kernel = kernels_of_convolutions(network)
    for layer in range(1, 9):
        name = f"layer_{layer}"
        # Of even sizes TensorFlow pads a stride of 2 after the image only.
        x = np.pad(x, ((0, 0), (0, 0), *((((0, 1) if layer % 2 == 0 else (1, 1)),) * 2)))
        bias = ops.convert_to_numpy(network.get_layer(name).bias).reshape(1, -1, 1, 1)
        x = relu(convolve(x, kernel[name], stride=2 - layer % 2) + bias, 0.2)
    x = channels_last(x).reshape(2, -1)
    for name, slope in (("dense", 0.2), ("logits", 1.0)):
        weights, bias = (ops.convert_to_numpy(weight).astype("float64") for weight in network.get_layer(name).weights)
        x = relu(x @ weights + bias, slope)
    np.testing.assert_allclose(ops.convert_to_numpy(network(images)), x, atol=2e-5)


def kernels_of_convolutions(network: keras.Model) -> dict[str, Array]:
    found: dict[str, Any] = {}
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            found[layer.name] = ops.convert_to_numpy(layer.kernel).astype("float64").transpose(3, 2, 0, 1)
    return found


def test_vgg_needs_a_size() -> None:
    with pytest.raises(ConfigError, match="whole images of one size") as error:
        vgg_discriminator.build(VGGOptions(), input_shape=(None, None, 3))
    assert "unet_sn" in (error.value.hint or "")
