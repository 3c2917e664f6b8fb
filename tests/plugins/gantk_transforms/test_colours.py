import numpy as np
import pytest

from gantk import RunFailed
from gantk_transforms.channels import Channels
from gantk_transforms.colour_jitter import ColourJitter, colour_matrix
from gantk_transforms.normalise import Normalise
from gantk_transforms.options import ChannelsOptions, ColourJitterOptions, NormaliseOptions

RANDOM = np.random.default_rng(0)
STILL = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}


class Draws:
    """Stands for a generator whose `random(4)` gives these numbers: 0 lowest, 0.5 no change, 1 highest."""

    def __init__(self, *numbers):
        self.numbers = np.array(numbers)

    def random(self, count):
        assert count == 4
        return self.numbers


def pixels(*values):
    return np.array([values], np.uint8)


def test_no_change_is_no_change():
    image = RANDOM.integers(0, 256, (6, 5, 4), dtype=np.uint8)
    np.testing.assert_array_equal(ColourJitter(ColourJitterOptions(**STILL))(image, RANDOM), image)


def test_brightness_multiplies_and_clips():
    jitter = ColourJitter(ColourJitterOptions(**{**STILL, "brightness": 0.5}))
    image = pixels((0, 100, 101), (200, 10, 170))
    np.testing.assert_array_equal(jitter(image, Draws(1, 0, 0, 0)), pixels((0, 150, 152), (255, 15, 255)))
    np.testing.assert_array_equal(jitter(image, Draws(0, 0, 0, 0)), pixels((0, 50, 51), (100, 5, 85)))


def test_contrast_moves_from_the_mean_grey():
    jitter = ColourJitter(ColourJitterOptions(**{**STILL, "contrast": 0.5}))
    # Greys 100 and 200, mean 150: 150 + 1.5 * (-50, 50)
    for image, expected in (
        (pixels((100,), (200,)), pixels((75,), (225,))),
        (pixels((100,) * 3, (200,) * 3), pixels((75,) * 3, (225,) * 3)),
    ):
        np.testing.assert_array_equal(jitter(image, Draws(0.5, 1, 0.5, 0.5)), expected)


def test_brightness_comes_before_contrast():
    jitter = ColourJitter(ColourJitterOptions(**{**STILL, "brightness": 0.2, "contrast": 0.5}))
    # Brightness 0.8: 80 and 160, mean 120; contrast 0.5: 120 + 0.5 * (-40, 40)
    np.testing.assert_array_equal(jitter(pixels((100,), (200,)), Draws(0, 0, 0.5, 0.5)), pixels((100,), (140,)))


def test_saturation_zero_is_grey_and_two_doubles_the_distance():
    jitter = ColourJitter(ColourJitterOptions(**{**STILL, "saturation": 1}))
    image = pixels((100, 150, 210))
    # Grey: 29.9 + 88.05 + 23.94 = 141.89
    np.testing.assert_array_equal(jitter(image, Draws(0.5, 0.5, 0, 0.5)), pixels((142, 142, 142)))
    # 2 * (100, 150, 210) - 141.89 = 58.11, 158.11, 278.11
    np.testing.assert_array_equal(jitter(image, Draws(0.5, 0.5, 1, 0.5)), pixels((58, 158, 255)))


def test_half_a_turn_of_hue_mirrors_the_colour_about_its_grey():
    jitter = ColourJitter(ColourJitterOptions(**{**STILL, "hue": 0.5}))
    # 2 * 141.89 - (100, 150, 210)
    image = pixels((100, 150, 210), (77, 77, 77))
    np.testing.assert_array_equal(jitter(image, Draws(0.5, 0.5, 0.5, 1)), pixels((184, 134, 74), (77, 77, 77)))


def test_hue_turns_add_up():
    np.testing.assert_allclose(colour_matrix(1, 0.1) @ colour_matrix(1, 0.15), colour_matrix(1, 0.25), atol=1e-12)
    np.testing.assert_allclose(colour_matrix(1, 1.0), np.eye(3), atol=1e-12)


def test_colour_jitter_leaves_alpha_alone():
    image = RANDOM.integers(0, 256, (4, 4, 4), dtype=np.uint8)
    result = ColourJitter(ColourJitterOptions(brightness=0.5))(image, np.random.default_rng(1))
    np.testing.assert_array_equal(result[..., 3], image[..., 3])
    assert (result[..., :3] != image[..., :3]).any()


def test_luma_of_the_primaries():
    result = Channels(ChannelsOptions(to="grey"))(pixels((255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)), RANDOM)
    # 0.299 * 255 = 76.2, 0.587 * 255 = 149.7, 0.114 * 255 = 29.1
    np.testing.assert_array_equal(result, pixels((76,), (150,), (29,), (9,)))


def test_grey_to_rgb_repeats():
    np.testing.assert_array_equal(Channels(ChannelsOptions())(pixels((7,), (8,)), RANDOM), pixels((7,) * 3, (8,) * 3))


def test_transparent_parts_show_the_background():
    image = pixels((10, 20, 30, 255), (10, 20, 30, 0), (200, 100, 0, 51))
    result = Channels(ChannelsOptions(background=(0, 0, 255)))(image, RANDOM)
    # 51 / 255 = 0.2: 0.2 * (200, 100, 0) + 0.8 * (0, 0, 255)
    np.testing.assert_array_equal(result, pixels((10, 20, 30), (0, 0, 255), (40, 20, 204)))
    on_white = Channels(ChannelsOptions(to="grey"))(image, RANDOM)
    assert on_white.shape == (1, 3, 1)
    assert on_white[0, 1, 0] == 255


def test_normalise_ends_exactly_at_one():
    result = Normalise(NormaliseOptions())(pixels((0, 255, 51)), RANDOM)
    np.testing.assert_array_equal(result, np.array([[[-1, 1, -0.6]]], np.float32))


def test_normalise_by_channel():
    options = NormaliseOptions(mean=[10, 20, 30], scale=[1, 2, 4])
    result = Normalise(options)(pixels((11, 24, 22), (10, 20, 30)), RANDOM)
    np.testing.assert_array_equal(result, np.array([[[1, 2, -2], [0, 0, 0]]], np.float32))


def test_normalise_with_the_wrong_number_of_means():
    with pytest.raises(RunFailed, match=r"one mean or one for each of the image's 1 channels. Received: 3 values"):
        Normalise(NormaliseOptions(mean=[1, 2, 3]))(np.zeros((2, 2, 1), np.uint8), RANDOM)


def test_normalise_twice_is_refused():
    once = Normalise(NormaliseOptions())(np.zeros((2, 2, 3), np.uint8), RANDOM)
    with pytest.raises(RunFailed, match="Received: float32"):
        Normalise(NormaliseOptions())(once, RANDOM)
