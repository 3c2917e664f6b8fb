"""Whole factors, against loops in float64 and integers that follow each tool's definition step by step."""

import math

import numpy as np
import pytest

from gantk import RunFailed
from gantk_transforms.degradation_options import DownscaleOptions
from gantk_transforms.downscale import Downscale
from gantk_transforms.matlab_bicubic import taps
from gantk_transforms.modcrop import Modcrop
from gantk_transforms.options import ModcropOptions


def noise(height, width, channels=3):
    return np.random.default_rng(height * width).integers(0, 256, (height, width, channels), dtype=np.uint8)


def downscaled(image, factor, kernel):
    return Downscale(DownscaleOptions(factor=factor, kernel=kernel))(image, np.random.default_rng(0))


def cubic(x):
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def lanczos(x):
    def sinc(x):
        return 1.0 if x == 0 else math.sin(math.pi * x) / (math.pi * x)

    return sinc(x) * sinc(x / 3) if -3 <= x < 3 else 0.0


def pillow_line(line, factor, kernel, reach):
    """One line as Pillow resamples it: weights of 22 binary places, the window cut off at the ends."""
    result = []
    for position in range(len(line) // factor):
        centre = (position + 0.5) * factor
        first = max(int(centre - reach * factor + 0.5), 0)
        last = min(int(centre + reach * factor + 0.5), len(line))
        weights = [kernel((place - centre + 0.5) / factor) for place in range(first, last)]
        whole = [math.floor(weight / sum(weights) * 2**22 + 0.5) for weight in weights]
        total = sum(weight * int(line[first + place]) for place, weight in enumerate(whole))
        result.append(min(max((total + 2**21) >> 22, 0), 255))
    return result


def matlab_line(line, factor):
    """One line as MATLAB's `contributions` and `imresize` compute it, with indices from 1."""
    scale, length = 1 / factor, len(line)
    width = 4 / scale
    mirrored = [*range(1, length + 1), *range(length, 0, -1)]
    result = []
    for x in range(1, length // factor + 1):
        u = x / scale + 0.5 * (1 - 1 / scale)
        left = math.floor(u - width / 2)
        indices = [left + place for place in range(math.ceil(width) + 2)]
        weights = [scale * cubic(scale * (u - index)) for index in indices]
        total = sum(
            weight / sum(weights) * float(line[mirrored[(index - 1) % len(mirrored)] - 1])
            for weight, index in zip(weights, indices, strict=True)
        )
        result.append(min(max(math.floor(total + 0.5), 0), 255))
    return result


def both_ways(image, line, rows_first):
    """Resample all lines of an image in one direction, then in the other."""
    for axis in (0, 1) if rows_first else (1, 0):
        image = np.apply_along_axis(line, axis, image).astype(np.uint8)
    return image


@pytest.mark.parametrize(("factor", "size"), [(2, (12, 18)), (3, (15, 12)), (4, (16, 24)), (8, (16, 8))])
def test_bicubic_is_pillows(factor, size):
    image = noise(*size)
    expected = both_ways(image, lambda line: pillow_line(line, factor, cubic, 2), rows_first=False)
    np.testing.assert_array_equal(downscaled(image, factor, "bicubic_pil"), expected)


@pytest.mark.parametrize(("factor", "size"), [(2, (12, 18)), (3, (15, 21)), (4, (16, 24))])
def test_lanczos_is_pillows(factor, size):
    image = noise(*size)
    expected = both_ways(image, lambda line: pillow_line(line, factor, lanczos, 3), rows_first=False)
    np.testing.assert_array_equal(downscaled(image, factor, "lanczos"), expected)


@pytest.mark.parametrize(
    ("factor", "size"), [(2, (12, 18)), (3, (15, 12)), (4, (16, 24)), (8, (32, 16)), (4, (4, 8)), (5, (5, 5))]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_bicubic_is_matlabs(factor, size, channels):
    image = noise(*size, channels)
    expected = both_ways(image, lambda line: matlab_line(line, factor), rows_first=True)
    np.testing.assert_array_equal(downscaled(image, factor, "bicubic_matlab"), expected)


def test_matlab_by_hand():
    # Keys' kernel, a = -1/2, at 1/4, 3/4, 5/4 and 7/4, halved: its sum is 1.
    np.testing.assert_array_equal(taps(2), np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256)
    # A step from 0 to 200 behind the fourth pixel. The first block's weights reach one pixel beyond it, the second's three;
    # the others are their mirror images.
    line = np.repeat([0, 200], 4).astype(np.uint8)
    bright = (-3, 29 - 9 - 3, 256 - 17, 256 + 3)
    expected = [max(0, math.floor(200 * weight / 256 + 0.5)) for weight in bright]
    assert expected == [0, 13, 187, 202]
    result = downscaled(np.broadcast_to(line[None, :, None], (2, 8, 1)).copy(), 2, "bicubic_matlab")
    np.testing.assert_array_equal(result[0, :, 0], expected)


def test_the_two_bicubics_differ_at_the_edges_and_by_rounding_only():
    image = noise(48, 48, 1)
    pillow, matlab = (downscaled(image, 4, f"bicubic_{tool}").astype(int) for tool in ("pil", "matlab"))
    assert abs(pillow - matlab)[2:-2, 2:-2].max() <= 1
    assert abs(pillow - matlab).max() > 1


def test_area_is_the_mean_of_blocks_with_halves_rounded_up():
    image = np.array([[[1], [2], [255]], [[2], [1], [255]], [[9], [9], [9]]], np.uint8)
    np.testing.assert_array_equal(downscaled(image, 2, "area"), [[[2]]])  # 6 / 4 = 1.5; the last row and column are cut
    picture = noise(9, 15)
    blocks = picture.reshape(3, 3, 5, 3, 3).mean((1, 3))
    np.testing.assert_array_equal(downscaled(picture, 3, "area"), np.floor(blocks + 0.5))


def test_area_leaves_no_fringe_of_transparent_pixels():
    image = np.zeros((2, 4, 4), np.uint8)
    image[:, 1] = (200, 100, 50, 255)  # the left block: half of it transparent black
    image[0, 2] = (255, 255, 255, 0)  # the right block: nothing but transparent pixels
    np.testing.assert_array_equal(downscaled(image, 2, "area"), [[[200, 100, 50, 128], [0, 0, 0, 0]]])


@pytest.mark.parametrize("kernel", ["bicubic_pil", "bicubic_matlab", "area", "lanczos"])
def test_the_picture_is_cut_to_a_multiple_first_as_modcrop_does(kernel):
    image = noise(14, 19)
    cut = Modcrop(ModcropOptions(multiple=4))(image, np.random.default_rng(0))
    np.testing.assert_array_equal(cut, image[:12, :16])
    np.testing.assert_array_equal(downscaled(image, 4, kernel), downscaled(cut, 4, kernel))


@pytest.mark.parametrize("kernel", ["bicubic_pil", "bicubic_matlab", "area", "lanczos"])
def test_one_colour_stays_what_it_is(kernel):
    image = np.full((12, 12, 3), (3, 128, 254), np.uint8)
    np.testing.assert_array_equal(downscaled(image, 3, kernel), image[:4, :4])


def test_too_small_a_picture_says_so():
    with pytest.raises(RunFailed, match=r"'downscale' needs images of at least 4 x 4 pixels. Received: 3 x 9"):
        downscaled(noise(3, 9), 4, "area")
    with pytest.raises(RunFailed, match=r"'modcrop' needs images of at least 5 x 5 pixels. Received: 9 x 4"):
        Modcrop(ModcropOptions(multiple=5))(noise(9, 4), np.random.default_rng(0))
