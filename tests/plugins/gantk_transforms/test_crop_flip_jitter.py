import numpy as np
import pytest

from gantk import RunFailed
from gantk_transforms.crop import Crop
from gantk_transforms.flip import Flip
from gantk_transforms.jitter import Jitter
from gantk_transforms.options import CropOptions, FlipOptions, JitterOptions, ResizeOptions
from gantk_transforms.resize import Resize


class Draws:
    """Stands for a generator whose `random()` gives these numbers in turn."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self):
        return self.numbers.pop(0)


def numbered(height, width, channels=1):
    return np.arange(height * width * channels, dtype=np.uint8).reshape(height, width, channels)


def test_random_crop_lies_where_the_draws_say():
    image = numbered(4, 5)
    # 3 places down (4 - 2 + 1): 0.7 * 3 = 2.1 -> row 2; 4 places across (5 - 2 + 1): 0.5 * 4 -> column 2
    result = Crop(CropOptions(size=2))(image, Draws(0.7, 0.5))
    np.testing.assert_array_equal(result[..., 0], [[12, 13], [17, 18]])


def test_random_crop_reaches_every_place_equally():
    generator = np.random.default_rng(0)
    crop = Crop(CropOptions(size=1))
    seen = np.bincount([int(crop(numbered(2, 3), generator)[0, 0, 0]) for _ in range(6000)], minlength=6)
    # Six places, 1000 each; five standard deviations of a binomial are 145.
    assert abs(seen - 1000).max() < 145


def test_centre_crop():
    result = Crop(CropOptions(size=(2, 1), position="centre"))(numbered(4, 5), Draws())
    np.testing.assert_array_equal(result[..., 0], [[7], [12]])


def test_too_small_an_image_says_so():
    with pytest.raises(RunFailed, match=r"(?s)at least 8 x 8 pixels. Received: 4 x 9.*pad: reflect"):
        Crop(CropOptions(size=8))(np.zeros((4, 9, 3), np.uint8), Draws())


def test_reflected_edges():
    result = Crop(CropOptions(size=(1, 6), pad="reflect"))(numbered(1, 3), Draws(0.9, 0.9))
    # Three missing columns: one before, two after, mirrored about the edge pixels.
    np.testing.assert_array_equal(result[..., 0], [[1, 0, 1, 2, 1, 0]])


def test_crop_keeps_float_values():
    image = np.linspace(-1, 1, 48, dtype=np.float32).reshape(4, 4, 3)
    np.testing.assert_array_equal(Crop(CropOptions(size=2, position="centre"))(image, Draws()), image[1:3, 1:3])


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_flip_both_ways(channels, dtype):
    image = numbered(3, 5, channels).astype(dtype)
    for horizontal, vertical in ((1, 0), (0, 1), (1, 1)):
        result = Flip(FlipOptions(horizontal=horizontal, vertical=vertical))(image, Draws(0.5, 0.5))
        expected = image[:: -1 if vertical else 1, :: -1 if horizontal else 1]
        np.testing.assert_array_equal(result, expected)
        assert result.dtype == dtype


def test_flip_mirrors_as_often_as_asked():
    image = numbered(1, 2)
    flip, generator = Flip(FlipOptions(horizontal=0.25)), np.random.default_rng(0)
    mirrored = sum(int(flip(image, generator)[0, 0, 0]) for _ in range(4000))
    # 1000 expected; five standard deviations are 137.
    assert abs(mirrored - 1000) < 137


def test_flip_takes_two_draws_whatever_its_probabilities():
    draws = Draws(0.9, 0.9, 0.1)
    Flip(FlipOptions())(numbered(2, 2), draws)
    assert draws.numbers == [0.1]


@pytest.mark.parametrize("filter_name", ["lanczos", "bicubic", "bilinear"])
def test_jitter_is_resize_then_crop(filter_name):
    smooth = np.add.outer(np.arange(40) * 3, np.arange(30) * 2)
    image = np.stack([smooth, 255 - smooth, smooth // 2], axis=-1).astype(np.uint8)
    jitter = Jitter(JitterOptions(load_size=(46, 37), size=(32, 29), filter=filter_name))
    result = jitter(image, Draws(0.5, 0.99))
    # 15 places down: row 7; 9 places across: column 8
    stretched = Resize(ResizeOptions(size=(46, 37), filter=filter_name))(image, Draws())
    difference = result.astype(int) - stretched[7:39, 8:37]
    assert abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.05


def test_jitter_of_an_image_of_the_load_size_is_a_crop():
    image = numbered(4, 5, 3)
    result = Jitter(JitterOptions(load_size=(4, 5), size=2))(image, Draws(0.7, 0.5))
    np.testing.assert_array_equal(result, image[2:4, 2:4])
