"""The reflected convolution by each of its algorithms against the definition in float64 NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from keras import ops
from reference_arithmetic import channels_first, channels_last, convolve, gradient, reflect

from gantk_networks import grouped_pixels, winograd
from gantk_networks.reflected_convolution import ReflectedConvolution2D

RANDOM = np.random.default_rng(6)


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """One name for each use of an algorithm other than the definition."""
    calls: list[str] = []

    def count(module: object, attribute: str, name: str) -> None:
        algorithm = getattr(module, attribute)

        def counted(images: object, kernel: object) -> object:
            calls.append(name)
            return algorithm(images, kernel)

        monkeypatch.setattr(module, attribute, counted)

    count(winograd, "convolve_reflected", "winograd")
    count(grouped_pixels, "convolve_grouped", "grouped")
    return calls


def layer(channels: int, filters: int, **options: object) -> ReflectedConvolution2D:
    made = ReflectedConvolution2D(filters, **options)
    made.build((None, None, None, channels))
    made.kernel.assign(RANDOM.normal(0, np.prod(made.kernel.shape[:-1]) ** -0.5, made.kernel.shape))
    if made.bias is not None:
        made.bias.assign(RANDOM.normal(size=filters))
    return made


def expected(made: ReflectedConvolution2D, images: np.ndarray) -> np.ndarray:
    kernel = ops.convert_to_numpy(made.kernel).astype("float64").transpose(3, 2, 0, 1)
    padded = reflect(channels_first(images.astype("float64")), made.kernel_size // 2)
    result = channels_last(convolve(padded, kernel))
    return result if made.bias is None else result + ops.convert_to_numpy(made.bias)


def error(found: object, exact: np.ndarray) -> float:
    found = ops.convert_to_numpy(ops.cast(found, "float32"))
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def test_the_transforms_are_a_convolution() -> None:
    data, weights, result = winograd.transforms()
    assert (data.shape, weights.shape, result.shape) == ((6, 6), (6, 3), (4, 6))
    d, g = RANDOM.normal(size=6), RANDOM.normal(size=3)
    sums = [d[i] * g[0] + d[i + 1] * g[1] + d[i + 2] * g[2] for i in range(4)]
    np.testing.assert_allclose(result @ ((weights @ g) * (data @ d)), sums, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 8, 12), (2, 16, 4)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_winograd_is_the_definition(shape: tuple[int, int, int], use_bias: bool, chosen: list[str]) -> None:
    made = layer(32, 48, use_bias=use_bias)
    images = RANDOM.normal(size=(*shape, 32)).astype("float32")
    assert error(made(images), expected(made, images)) < 3e-6
    assert chosen == ["winograd"]


@pytest.mark.parametrize(("size", "filters"), [(7, 3), (3, 1), (5, 4)])
def test_grouped_pixels_are_the_definition(size: int, filters: int, chosen: list[str]) -> None:
    made = layer(6, filters, kernel_size=size)
    images = RANDOM.normal(size=(2, 7, 8, 6)).astype("float32")
    assert error(made(images), expected(made, images)) < 2e-6
    assert chosen == ["grouped"]


def test_the_gradients_of_grouped_pixels_are_those_of_the_definition(chosen: list[str]) -> None:
    fast = layer(5, 3, kernel_size=7, use_bias=False)
    images = RANDOM.normal(size=(2, 6, 8, 5)).astype("float32")
    weights = RANDOM.normal(size=(2, 6, 8, 3)).astype("float32")
    direct = layer(5, 3, kernel_size=7, use_bias=False, algorithm="direct")
    direct.kernel.assign(fast.kernel)
    slopes = [gradient(lambda x, run=run: ops.sum(run(x) * weights), images) for run in (fast, direct)]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=5e-6 * np.abs(slopes[1]).max())
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="reflect")
    kernel = ops.convert_to_numpy(fast.kernel)

    def by_definition(images: object, kernel: object) -> object:
        return ops.conv(ops.convert_to_tensor(images), kernel, strides=1, padding="valid")

    slopes = [
        gradient(lambda x, run=run: ops.sum(run(padded, x) * weights), kernel)
        for run in (grouped_pixels.convolve_grouped, by_definition)
    ]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=5e-6 * np.abs(slopes[1]).max())
    assert chosen == ["grouped", "grouped"]


def test_winograd_rounds_little_more_than_the_definition_in_float32() -> None:
    fast = layer(256, 32, use_bias=False)
    direct = layer(256, 32, use_bias=False, algorithm="direct")
    direct.kernel.assign(fast.kernel)
    images = RANDOM.normal(size=(1, 8, 8, 256)).astype("float32")
    exact = expected(fast, images)
    assert error(fast(images), exact) < 5 * error(direct(images), exact) < 1e-5


def test_the_gradients_are_those_of_the_definition(chosen: list[str]) -> None:
    made = layer(32, 32, use_bias=False)
    images = RANDOM.normal(size=(2, 8, 4, 32)).astype("float32")
    kernel = ops.convert_to_numpy(made.kernel)
    weights = RANDOM.normal(size=(2, 8, 4, 32)).astype("float32")

    def by_definition(images: object, kernel: object) -> object:
        padded = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
        return ops.conv(padded, ops.convert_to_tensor(kernel), strides=1, padding="valid")

    for differentiated in ("images", "kernel"):
        slopes = []
        for algorithm in (winograd.convolve_reflected, by_definition):
            if differentiated == "images":
                slope = gradient(lambda x, run=algorithm: ops.sum(run(x, kernel) * weights), images)
            else:
                slope = gradient(lambda x, run=algorithm: ops.sum(run(images, x) * weights), kernel)
            slopes.append(slope)
        assert np.linalg.norm(slopes[0] - slopes[1]) < 5e-6 * np.linalg.norm(slopes[1])
    assert chosen == ["winograd", "winograd"]


@pytest.mark.parametrize(
    ("shape", "filters", "options"),
    [
        ((1, 10, 8, 32), 32, {}),
        ((1, 8, 6, 32), 32, {}),
        ((1, 8, 8, 31), 32, {}),
        ((1, 8, 8, 32), 31, {}),
        ((1, 8, 8, 32), 32, {"algorithm": "direct"}),
        ((1, 8, 8, 32), 32, {"dtype": "mixed_float16"}),
        ((1, 8, 8, 32), 3, {"dtype": "mixed_float16"}),
        ((1, 8, 10, 32), 3, {}),
        ((1, 8, 8, 32), 5, {"kernel_size": 7}),
        ((1, 8, 8, 32), 32, {"kernel_size": 5}),
        ((1, 8, 8, 32), 3, {"kernel_size": 1}),
    ],
)
def test_otherwise_the_definition_is_computed(
    shape: tuple[int, ...], filters: int, options: dict[str, object], chosen: list[str]
) -> None:
    made = layer(shape[-1], filters, **options)
    images = RANDOM.normal(size=shape).astype("float32")
    assert error(made(images), expected(made, images)) < (2e-3 if "dtype" in options else 2e-6)
    assert chosen == []


def test_images_of_unknown_size_are_convolved_by_definition(chosen: list[str]) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("JAX has no unknown sizes")
    import tensorflow as tf

    made = layer(32, 32)
    images = RANDOM.normal(size=(2, 8, 8, 32)).astype("float32")
    unknown = tf.function(lambda x: made(x), input_signature=[tf.TensorSpec((None, None, None, 32))])
    assert error(unknown(images), expected(made, images)) < 2e-6
    assert chosen == []
    compiled = tf.function(lambda x: made(x), jit_compile=True)
    assert error(compiled(images), expected(made, images)) < 3e-6
    assert chosen == ["winograd"]


@pytest.mark.parametrize(("filters", "algorithm"), [(32, "winograd"), (3, "grouped")])
def test_in_bfloat16_it_is_no_less_exact_than_the_definition(filters: int, algorithm: str, chosen: list[str]) -> None:
    made = layer(64, filters, dtype="mixed_bfloat16", use_bias=False)
    direct = layer(64, filters, dtype="mixed_bfloat16", use_bias=False, algorithm="direct")
    direct.kernel.assign(made.kernel)
    images = ops.cast(RANDOM.normal(size=(1, 8, 8, 64)), "bfloat16")
    exact = expected(made, ops.convert_to_numpy(ops.cast(images, "float32")))
    found = made(images)
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    assert error(found, exact) <= 1.01 * error(direct(images), exact) < 0.01
    assert chosen == [algorithm]


def test_it_comes_back_from_its_configuration() -> None:
    made = layer(
        2, 3, use_bias=False, algorithm="direct", kernel_initializer=keras.initializers.RandomNormal(stddev=0.3)
    )
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    assert copy.get_config() == made.get_config()
    assert (
        tuple(copy(np.zeros((1, 5, 7, 2), "float32")).shape) == copy.compute_output_shape((1, 5, 7, 2)) == (1, 5, 7, 3)
    )


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"larger than the reflected border of 1 pixels. Received: \(1, 8\)"):
        ReflectedConvolution2D(2)(np.zeros((1, 1, 8, 2), "float32"))
    with pytest.raises(ValueError, match="Received: 'fast'"):
        ReflectedConvolution2D(2, algorithm="fast")
    with pytest.raises(ValueError, match=r"must be odd\. Received: 4"):
        ReflectedConvolution2D(2, 4)
