"""The U-Net against the original's arithmetic in float64 NumPy."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
from reference_arithmetic import (
    channels_first,
    channels_last,
    convolve,
    convolve_transposed,
    kernels,
    normalize,
    randomize,
    relu,
)

from gantk import ConfigError
from gantk_networks import unet
from gantk_networks.options import UNetOptions

RANDOM = np.random.default_rng(3)


def build(size: tuple[int | None, int | None] = (None, None), **options: object) -> keras.Model:
    given = {"downs": 3, "filters": 2, "normalization": "instance", "dropout": 0.0, **options}
    return unet.build(UNetOptions(**given), input_shape=(*size, 3), output_channels=3)


def bias(network: keras.Model, layer: str) -> np.ndarray:
    return keras.ops.convert_to_numpy(network.get_layer(layer).bias).reshape(1, -1, 1, 1)


def test_it_is_the_original() -> None:
    network = build()
    randomize(network)
    images = RANDOM.uniform(-1, 1, (2, 16, 24, 3)).astype("float32")
    kernel = kernels(network, turned=False)
    first = convolve(channels_first(images.astype("float64")), kernel["down_1"], stride=2, padding=1)
    first = first + bias(network, "down_1")
    second = normalize(convolve(relu(first, 0.2), kernel["down_2"], stride=2, padding=1))
    third = convolve(relu(second, 0.2), kernel["down_3"], stride=2, padding=1) + bias(network, "down_3")
    x = normalize(convolve_transposed(relu(third), kernel["up_3"]))
    x = normalize(convolve_transposed(relu(np.concatenate([second, x], axis=1)), kernel["up_2"]))
    x = convolve_transposed(relu(np.concatenate([first, x], axis=1)), kernel["last"]) + bias(network, "last")
    found = keras.ops.convert_to_numpy(network(images))
    assert np.abs(found).max() > 0.3
    np.testing.assert_allclose(found, channels_last(np.tanh(x)), atol=2e-5)


def test_the_papers_network_has_the_originals_widths_and_parameters() -> None:
    network = unet.build(UNetOptions(), input_shape=(256, 256, 3), output_channels=3)
    widths = [network.get_layer(f"down_{level}").filters for level in range(1, 9)]
    assert widths == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [network.get_layer(f"up_{level}").filters for level in range(2, 9)] == [64, 128, 256, 512, 512, 512, 512]
    # unet_256 with batch normalization in the original: 54.414 M. Worked out from the widths: 16 × inputs × outputs
    # for each kernel, inputs doubled on the way up by the skips, scale and offset of each normalization, 3 biases.
    down = [3, *widths]
    kernels_down = sum(16 * before * after for before, after in itertools.pairwise(down))
    up = [512, 512, 512, 512, 256, 128, 64, 3]
    incoming = [512, *(2 * width for width in up[:-1])]
    kernels_up = sum(16 * before * after for before, after in zip(incoming, up, strict=True))
    normalizations = 2 * (sum(widths[1:-1]) + sum(up[:-1]))
    trained = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    assert trained == kernels_down + kernels_up + normalizations + 3
    assert round(trained / 1e6, 3) == 54.414


def test_dropout_stands_where_the_original_has_it() -> None:
    for downs, expected in ((8, ["up_7", "up_6", "up_5"]), (7, ["up_6", "up_5"]), (5, [])):
        network = build(downs=downs, dropout=0.5)
        found = [layer.name for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
        assert found == [f"{name}_dropout" for name in expected]


def test_the_innermost_and_the_first_convolution_have_no_normalization() -> None:
    network = build(normalization="batch")
    found = [layer.name for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert found == ["down_2_norm", "up_3_norm", "up_2_norm"]
    assert [layer.name for layer in network.layers if getattr(layer, "use_bias", False)] == ["last"]


def test_the_image_may_shrink_to_one_pixel() -> None:
    network = build((8, 8))
    randomize(network)
    assert np.isfinite(keras.ops.convert_to_numpy(network(RANDOM.uniform(-1, 1, (1, 8, 8, 3)), training=True))).all()


def test_a_size_it_cannot_take_is_refused() -> None:
    assert UNetOptions(downs=7).size_multiple == 128
    with pytest.raises(ConfigError, match="at least 8 pixels and a multiple of 8"):
        build((16, 20))


def test_it_is_saved_and_loaded_by_keras(tmp_path) -> None:
    network = build(affine=True, dropout=0.5)
    images = RANDOM.uniform(-1, 1, (1, 8, 16, 3)).astype("float32")
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", compile=False)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(loaded(images)), keras.ops.convert_to_numpy(network(images))
    )
