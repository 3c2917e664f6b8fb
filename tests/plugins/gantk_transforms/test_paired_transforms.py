"""Transforms of samples whose images show the same at different resolution."""

import numpy as np
import pytest
from pydantic import ValidationError

from gantk import RunFailed
from gantk_transforms.flip import Flip
from gantk_transforms.options import FlipOptions, PairedCropOptions, RotateOptions
from gantk_transforms.paired_crop import PairedCrop
from gantk_transforms.rotate import Rotate


class Draws:
    """Stands for a generator whose `random()` gives these numbers in turn."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self):
        return self.numbers.pop(0)


def numbered(height, width, channels=1, dtype=np.uint8):
    return np.arange(height * width * channels).reshape(height, width, channels).astype(dtype)


def enlarged(image, factor):
    return image.repeat(factor, 0).repeat(factor, 1)


def test_windows_lie_on_the_grid_of_the_smallest_image():
    low, high = numbered(4, 5), numbered(12, 15)
    result = PairedCrop(PairedCropOptions(size=2)).on_fields({"A": low, "B": high}, Draws(0.7, 0.5))
    # 3 places down: 0.7 * 3 = 2.1 -> row 2; 4 places across: column 2. Three times that in B.
    np.testing.assert_array_equal(result["A"], low[2:4, 2:4])
    np.testing.assert_array_equal(result["B"], high[6:12, 6:12])
    assert list(result) == ["A", "B"]


def test_either_field_can_be_the_smaller_and_each_has_a_factor_of_its_own():
    low = numbered(6, 8)
    images = {"A": enlarged(low, 4), "B": low, "mask": enlarged(low, 2)}
    crop = PairedCrop(PairedCropOptions(size=(3, 2)))
    for seed in range(20):
        result = crop.on_fields(images, np.random.default_rng(seed))
        assert result["B"].shape == (3, 2, 1)
        np.testing.assert_array_equal(result["A"], enlarged(result["B"], 4))
        np.testing.assert_array_equal(result["mask"], enlarged(result["B"], 2))


def test_every_place_is_reached():
    crop = PairedCrop(PairedCropOptions(size=1))
    images, generator = {"A": numbered(2, 3), "B": numbered(4, 6)}, np.random.default_rng(0)
    seen = np.bincount([int(crop.on_fields(images, generator)["A"][0, 0, 0]) for _ in range(3000)], minlength=6)
    # Six places, 500 each; five standard deviations of a binomial are 102.
    assert abs(seen - 500).max() < 102


def test_centre_and_the_only_image():
    crop = PairedCrop(PairedCropOptions(size=(2, 1), position="centre"))
    np.testing.assert_array_equal(crop(numbered(4, 5), Draws())[..., 0], [[7], [12]])
    result = crop.on_fields({"A": numbered(4, 5), "B": numbered(8, 10)}, Draws())
    np.testing.assert_array_equal(result["B"], numbered(8, 10)[2:6, 4:6])


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        ((4, 4), (8, 9), r"(?s)whole multiples of the smallest. Received: A 4 x 4, B 8 x 9.*modcrop"),
        ((4, 4), (8, 12), "Received: A 4 x 4, B 8 x 12"),
        ((4, 8), (8, 4), "Received: A 4 x 8, B 8 x 4"),
        ((2, 4), (4, 8), "at least 3 x 3 pixels. Received: 2 x 4"),
    ],
)
def test_images_that_do_not_fit_are_told(low, high, message):
    with pytest.raises(RunFailed, match=message):
        PairedCrop(PairedCropOptions(size=3)).on_fields(
            {"A": numbered(*low), "B": numbered(*high)}, np.random.default_rng(0)
        )


def test_turns_by_hand():
    image = numbered(2, 3)  # 0 1 2 / 3 4 5
    turned = [Rotate(RotateOptions())(image, Draws(number))[..., 0].tolist() for number in (0.0, 0.25, 0.5, 0.99)]
    assert turned == [
        [[0, 1, 2], [3, 4, 5]],
        [[2, 5], [1, 4], [0, 3]],  # counter-clockwise
        [[5, 4, 3], [2, 1, 0]],
        [[3, 0], [4, 1], [5, 2]],
    ]


def test_only_the_named_angles_occur_equally_often():
    image, generator = numbered(1, 2), np.random.default_rng(0)
    rotate = Rotate(RotateOptions(angles=(0, 180)))
    half_turns = sum(int(rotate(image, generator)[0, 0, 0]) for _ in range(2000))
    # 1000 expected; five standard deviations are 112.
    assert abs(half_turns - 1000) < 112
    with pytest.raises(ValidationError):
        RotateOptions(angles=(45,))
    with pytest.raises(ValidationError):
        RotateOptions(angles=())


@pytest.mark.parametrize("transform", [Flip(FlipOptions(vertical=0.5)), Rotate(RotateOptions())])
def test_flips_and_turns_keep_images_of_different_size_together(transform):
    low = np.random.default_rng(0).random((3, 3, 3), np.float32)
    for seed in range(20):
        small, large = (transform(image, np.random.default_rng(seed)) for image in (low, enlarged(low, 4)))
        np.testing.assert_array_equal(large, enlarged(small, 4))
