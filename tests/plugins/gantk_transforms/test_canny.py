"""Edges: where they lie, how strong a step must be, what hangs together; and against Canny's definitions in float64."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from gantk import RunFailed
from gantk_transforms.canny import Canny
from gantk_transforms.options import CannyOptions

RANDOM = np.random.default_rng(0)


def edges(image, **options):
    """Return where the edges are, height × width, bool."""
    found = Canny(CannyOptions(**options))(np.asarray(image, np.uint8), RANDOM)
    assert found.shape == (*np.shape(image)[:2], options.get("channels", 3))
    assert set(np.unique(found)) <= {0, 255}
    assert (found == found[..., :1]).all()
    return found[..., 0] == (0 if options.get("invert", True) else 255)


def step(height=40, width=40, before=0, after=255):
    image = np.full((height, width, 3), before, np.uint8)
    image[:, width // 2 :] = after
    return image


def test_a_step_is_one_straight_line_of_one_pixel():
    found = edges(step(25, 31))
    assert found[:, 14].all()  # the last pixel before the step at 15
    assert found.sum() == 25


@pytest.mark.parametrize("sigma", [0, 0.3, 1, 2, 7.5])
def test_thresholds_are_the_contrast_of_a_step_whatever_the_smoothing(sigma):
    # 0.2 of 255 is 51.
    assert edges(step(after=52), sigma=sigma, low=0.2, high=0.2).sum() == 40
    assert edges(step(after=50), sigma=sigma, low=0.2, high=0.2).sum() == 0


def test_darker_to_brighter_is_an_edge_as_brighter_to_darker():
    np.testing.assert_array_equal(edges(step(before=200, after=20)).sum(1), 1)


def test_a_weak_edge_is_kept_where_it_continues_a_strong_one():
    image = np.zeros((60, 40, 3), np.uint8)
    image[:, 20:] = np.linspace(120, 40, 60)[:, None, None]  # contrast from 0.47 down to 0.16
    kept = edges(image, low=0.15, high=0.3)
    assert kept[:, 20].all()
    assert not edges(image[33:], low=0.15, high=0.3).any()  # 0.3 is 76.5, in row 32
    assert edges(image, low=0.25, high=0.3)[:, 20].sum() == pytest.approx(42, abs=1)  # 0.25 is 63.75, in row 41


def test_a_disc_has_a_closed_thin_outline():
    rows, columns = np.mgrid[:61, :61]
    inside = (rows - 30) ** 2 + (columns - 30) ** 2 <= 20**2
    found = edges(np.repeat((inside * 200).astype(np.uint8)[..., None], 3, axis=2), sigma=1)
    distances = np.hypot(rows - 30, columns - 30)[found]
    assert (abs(distances - 20) < 1.5).all()
    # A closed line: what is inside cannot be reached from the corner through pixels side by side.
    assert not reached_from_corner(~found)[30, 30]
    assert not (found[1:, 1:] & found[:-1, 1:] & found[1:, :-1] & found[:-1, :-1]).any()


def reached_from_corner(free):
    reached = np.zeros_like(free)
    reached[0, 0] = True
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= free
        if (grown == reached).all():
            return reached
        reached = grown


def gradient(grey, sigma):
    """Gaussian and Sobel in float64, in fractions of the steepest that a step from 0 to 255 can be."""
    radius = math.ceil(4 * sigma)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    image = np.pad(grey.astype(np.float64), radius, mode="edge")
    for axis in (0, 1):
        image = np.apply_along_axis(np.convolve, axis, image, taps, mode="valid")
    image = np.pad(image, 1, mode="edge")
    smooth_rows = image[:-2] + 2 * image[1:-1] + image[2:]
    smooth_columns = image[:, :-2] + 2 * image[:, 1:-1] + image[:, 2:]
    scale = 4 * 255 * (taps[radius] + taps[radius + 1])
    return (smooth_rows[:, 2:] - smooth_rows[:, :-2]) / scale, (smooth_columns[2:] - smooth_columns[:-2]) / scale


def components(found):
    """Yield the pixels of each 8-connected line."""
    left = {(int(row), int(column)) for row, column in zip(*np.nonzero(found), strict=True)}
    while left:
        front = [left.pop()]
        line = list(front)
        while front:
            row, column = front.pop()
            near = [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            near = [place for place in near if place in left]
            left.difference_update(near)
            front += near
            line += near
        yield line


@pytest.mark.parametrize(("sigma", "low", "high"), [(1.0, 0.1, 0.2), (2.0, 0.05, 0.12)])
def test_edges_are_what_the_definitions_say(sigma, low, high):
    blocks = np.random.default_rng(4).integers(0, 256, (6, 8))
    grey = np.kron(blocks, np.ones((11, 9))).astype(np.uint8)
    grey = (0.7 * grey + 0.3 * np.add.outer(np.arange(66), np.arange(72))).astype(np.uint8)
    found = edges(grey[..., None], sigma=sigma, low=low, high=high)
    across, down = gradient(grey, sigma)
    strength = np.hypot(across, down)
    slack = 1e-3

    # Both neighbours in the direction of the gradient, to the nearest of eight.
    sector = np.rint(np.arctan2(down, across) / (math.pi / 4)).astype(int)
    padded = np.pad(strength, 1)
    rows, columns = np.mgrid[1:67, 1:73]
    offsets = {0: (0, 1), 1: (1, 1), 2: (1, 0), 3: (1, -1)}
    ahead, behind = np.zeros_like(strength), np.zeros_like(strength)
    for number, (i, j) in offsets.items():
        here = sector % 4 == number
        ahead[here] = padded[rows + i, columns + j][here]
        behind[here] = padded[rows - i, columns - j][here]
    neighbour = np.maximum(ahead, behind)
    # Where the direction lies between two of the eight, rounding decides which.
    angle = np.arctan2(down, across) / (math.pi / 4)
    clear = abs(abs(angle - np.rint(angle)) - 0.5) > 0.02

    assert found.sum() > 300
    assert (strength[found] > low - slack).all()
    assert (strength >= neighbour - slack)[found & clear].all()
    for line in components(found):
        assert max(strength[place] for place in line) > high - slack
    certain = clear & (strength > neighbour + slack) & (strength > high + slack)
    assert certain.sum() > 100
    assert found[certain].all()


def test_lines_are_black_on_white_or_white_on_black_in_one_or_three_channels():
    image = step()
    dark = Canny(CannyOptions())(image, RANDOM)
    light = Canny(CannyOptions(invert=False, channels=1))(image, RANDOM)
    assert (dark.shape, light.shape) == ((40, 40, 3), (40, 40, 1))
    assert (dark[0, 0, 0], light[0, 0, 0]) == (255, 0)
    np.testing.assert_array_equal(light, 255 - dark[..., :1])


def test_grey_is_luma_and_transparent_parts_are_white():
    colour = np.zeros((20, 20, 3), np.uint8)
    colour[:, 10:] = (0, 0, 255)  # blue: luma 0.114
    assert edges(colour, low=0.11, high=0.11).any()
    assert not edges(colour, low=0.12, high=0.12).any()
    transparent = np.zeros((20, 20, 4), np.uint8)
    transparent[..., 3] = 255
    assert not edges(transparent).any()
    transparent[:, 10:, 3] = 0
    assert edges(transparent)[:, 9].all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 1), (2, 2, 4), (7, 5, 3), (33, 64, 1)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_pictures_have_no_edges(shape, value):
    assert not edges(np.full(shape, value), sigma=10, low=1e-4, high=1e-4).any()


def test_the_steepest_there_is_does_not_overflow():
    for sigma in (0, 0.2, 1, 5):
        assert edges(step(), sigma=sigma, low=0.98, high=0.98).sum() == 40
    # The top of so wide a Gaussian is flat in 16 bits: the line may be doubled, but it is there.
    assert edges(step(), sigma=50, low=0.9, high=0.9)[:, 17:22].any(1).all()


def test_noise_does_not_decide_anything():
    image = np.random.default_rng(1).integers(0, 256, (31, 17, 3), dtype=np.uint8)
    canny = Canny(CannyOptions(sigma=1))
    np.testing.assert_array_equal(canny(image, np.random.default_rng(1)), canny(image, np.random.default_rng(2)))


def test_floating_point_pictures_are_refused():
    with pytest.raises(RunFailed, match="'canny' takes 8-bit images"):
        Canny(CannyOptions())(step().astype(np.float32), RANDOM)


def test_thresholds_the_wrong_way_round_are_refused():
    with pytest.raises(ValidationError, match=r"needs low <= high. Received: low=0.3, high=0.2"):
        CannyOptions(low=0.3)
