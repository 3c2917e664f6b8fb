from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gantk.artifacts.image_translator import ImageTranslator, from_unit_range, padded_side, reflected, to_unit_range
from gantk.config.components import Component
from gantk.errors import RunFailed, UsageError


@pytest.fixture
def translator(component: Callable[..., Component]) -> Callable[..., ImageTranslator]:
    def make(name: str = "identity", channels: int = 3, multiple: int = 1) -> ImageTranslator:
        chosen = component(name, multiple=multiple)
        network = chosen.create(input_shape=(None, None, channels), output_channels=channels)
        return ImageTranslator(network, size_multiple=multiple)

    return make


def test_padding_mirrors_without_doubling_the_edge() -> None:
    image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[..., None]
    expected = np.array([[1, 2, 3, 2, 1, 2], [4, 5, 6, 5, 4, 5], [1, 2, 3, 2, 1, 2], [4, 5, 6, 5, 4, 5]])
    assert np.array_equal(reflected(image, 4, 6)[..., 0], expected)
    assert np.array_equal(reflected(image[:1, :1], 2, 3)[..., 0], np.ones((2, 3)))
    assert reflected(image, 2, 3) is image


@pytest.mark.parametrize(
    ("side", "multiple", "expected"),
    [(1, 1, 16), (1, 4, 16), (17, 4, 20), (256, 256, 256), (257, 256, 512), (5, 12, 24)],
)
def test_sides_are_padded_to_the_multiple(side: int, multiple: int, expected: int) -> None:
    assert padded_side(side, multiple) == expected


def test_no_side_is_less_than_the_network_takes() -> None:
    assert [padded_side(side, 32, smallest=64) for side in (1, 32, 64, 65)] == [64, 64, 64, 96]


def test_coarse_sides_are_few_and_close() -> None:
    lengths = {padded_side(side, 4, coarse=True) for side in range(512, 1024)}
    assert len(lengths) <= 17
    assert all(length % 4 == 0 for length in lengths)
    assert all(0 <= padded_side(side, 4, coarse=True) - side < max(16, side / 8) for side in range(16, 4096))
    assert [padded_side(side, 4, coarse=True) for side in (256, 480, 640, 1080, 1920)] == [256, 480, 640, 1088, 1920]


@pytest.mark.parametrize("multiple", [1, 4, 32])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (33, 2), (15, 17), (64, 64)])
def test_the_identity_returns_every_pixel_at_any_size(
    translator: Callable[..., ImageTranslator], shape: tuple[int, int], multiple: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, *shape, 3), dtype=np.uint8)
    assert np.array_equal(translator(multiple=multiple)(images, batch_size=2), images)


def test_every_8_and_16_bit_value_survives_the_unit_range() -> None:
    for dtype in (np.uint8, np.uint16):
        values = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
        assert np.array_equal(from_unit_range(to_unit_range(values), dtype), values)
        assert np.array_equal(from_unit_range(-to_unit_range(values), dtype), values[::-1])
    assert to_unit_range(np.array([0, 255], np.uint8)).tolist() == [-1.0, 1.0]
    assert from_unit_range(np.array([-3.0, 3.0, 0.0], np.float32), np.uint8).tolist() == [0, 255, 128]


def test_floats_stay_floats(translator: Callable[..., ImageTranslator]) -> None:
    images = np.linspace(-1, 1, 5 * 7 * 3, dtype=np.float64).reshape(1, 5, 7, 3)
    result = translator("negative")(images)
    assert result.dtype == np.float32
    assert np.array_equal(result, -images.astype(np.float32))


def test_pictures_of_one_padded_shape_share_a_batch(translator: Callable[..., ImageTranslator]) -> None:
    random = np.random.default_rng(0)
    images = [random.uniform(-1, 1, (*shape, 3)).astype(np.float32) for shape in ((30, 17), (32, 32), (17, 32))]
    results = translator("negative", multiple=32).translate(images)
    assert [result.shape for result in results] == [image.shape for image in images]
    assert all(np.array_equal(result, -image) for result, image in zip(results, images, strict=True))
    with pytest.raises(ValueError, match="one padded shape"):
        translator().translate(images)


def test_an_empty_batch(translator: Callable[..., ImageTranslator]) -> None:
    assert translator()(np.zeros((0, 8, 8, 3), np.uint8)).shape == (0, 8, 8, 3)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((8, 8, 3), "uint8"), ((1, 8, 8, 1), "uint8"), ((1, 0, 8, 3), "uint8"), ((1, 8, 8, 3), "int32")],
)
def test_other_arrays_are_refused(
    translator: Callable[..., ImageTranslator], shape: tuple[int, ...], dtype: str
) -> None:
    with pytest.raises(UsageError, match="Received"):
        translator()(np.zeros(shape, dtype))


def test_a_network_that_changes_the_size_is_refused(translator: Callable[..., ImageTranslator]) -> None:
    with pytest.raises(RunFailed, match=r"expected \(1, 16, 16, 3\). Received: \(1, 8, 8, 3\)"):
        translator("halving")(np.zeros((1, 16, 16, 3), np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (16, 20), (17, 30), (33, 5)])
def test_a_network_with_a_scale_gives_larger_images_without_the_padding(
    component: Callable[..., Component], shape: tuple[int, int]
) -> None:
    network = component("enlarging", factor=3).create(input_shape=(None, None, 3), output_channels=3)
    translator = ImageTranslator(network, size_multiple=4, scale=3)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, *shape, 3), dtype=np.uint8)
    expected = 255 - images.repeat(3, axis=1).repeat(3, axis=2)
    assert np.array_equal(translator(images, batch_size=2), expected)
    floats = random.uniform(-1, 1, (2, *shape, 3)).astype(np.float32)
    assert np.array_equal(translator(floats), -floats.repeat(3, axis=1).repeat(3, axis=2))
    assert translator(np.zeros((0, *shape, 3), np.uint8)).shape == (0, 3 * shape[0], 3 * shape[1], 3)
    with pytest.raises(RunFailed, match=r"give 2 times the height.*expected \(1, \d+, \d+, 3\)\. Received"):
        ImageTranslator(network, scale=2)(images[:1])
