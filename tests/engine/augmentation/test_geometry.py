"""ADA's geometric changes against the paper's resampling in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from keras import ops

from gantk.engine.augmentation import geometry
from gantk.engine.augmentation.wavelet import MARGIN, SYM6, doubling_matrix, halving_matrix

FILTER = np.array(SYM6)


def one(value):
    return ops.convert_to_tensor(np.array([value], "f4"))


def doubled(signal):
    """As the paper's code: zeros between the samples, 6 and 5 more around, convolution with twice the filter."""
    stuffed = np.zeros((2 * signal.shape[0], *signal.shape[1:]))
    stuffed[::2] = signal
    padded = np.pad(stuffed, [(6, 5)] + [(0, 0)] * (signal.ndim - 1))
    kernel = FILTER / FILTER.sum() * 2
    return np.apply_along_axis(lambda line: np.convolve(line, kernel, mode="valid"), 0, padded)


def halved(signal):
    """As the paper's code: correlation with the filter, every second result."""
    kernel = FILTER / FILTER.sum()
    return np.apply_along_axis(lambda line: np.correlate(line, kernel, mode="valid"), 0, signal)[::2]


def reference(image, backward, margin):
    """Warp one picture in float64: mirrored around, doubled, looked up bilinearly, halved.

    Args:
        image: height × width × channels.
        backward: From (rows, columns) of the new picture, in pixels from the centre, to those of the old one.
        margin: How many pixels are mirrored around.
    """
    height, width = image.shape[:2]
    around = np.pad(image.astype("f8"), [(margin, margin), (margin, margin), (0, 0)], mode="reflect")
    fine = doubled(doubled(around).swapaxes(0, 1)).swapaxes(0, 1)
    delay = np.arange(12) @ FILTER / FILTER.sum() - 5
    rows = (np.arange(-MARGIN, 2 * height + MARGIN) - delay) / 2
    columns = (np.arange(-MARGIN, 2 * width + MARGIN) - delay) / 2
    center = (height - 1) / 2, (width - 1) / 2
    grid = np.meshgrid(rows - center[0], columns - center[1], indexing="ij")
    old = backward(*grid)
    places = [2 * (place + middle + margin) + delay for place, middle in zip(old, center, strict=True)]
    top, left = (np.floor(place).astype(int) for place in places)
    down, right = ((place - whole)[..., None] for place, whole in zip(places, (top, left), strict=True))
    found = (1 - down) * ((1 - right) * fine[top, left] + right * fine[top, left + 1])
    found = found + down * ((1 - right) * fine[top + 1, left] + right * fine[top + 1, left + 1])
    return halved(halved(found).swapaxes(0, 1)).swapaxes(0, 1)


def warped(image, placement):
    return ops.convert_to_numpy(geometry.warp(image[None].astype("f4"), placement))[0]


def test_the_filter_is_the_least_asymmetric_wavelet_with_six_vanishing_moments():
    assert FILTER.sum() == pytest.approx(math.sqrt(2), abs=1e-12)
    for shift in range(6):
        assert FILTER[2 * shift :] @ FILTER[: 12 - 2 * shift] == pytest.approx(float(shift == 0), abs=1e-11)
    taps = np.arange(12.0)
    for moment in range(6):
        assert ((-1) ** taps * taps**moment) @ FILTER == pytest.approx(0, abs=1e-8)
    assert abs(((-1) ** taps * taps**6) @ FILTER) > 1


def test_doubling_and_halving_are_the_papers():
    signal = np.random.default_rng(0).standard_normal(14)
    mirrored = np.pad(signal, 6, mode="reflect")
    fine = doubled(mirrored)
    np.testing.assert_allclose(doubling_matrix(14) @ signal, fine[12:-12], atol=1e-6)
    np.testing.assert_allclose(halving_matrix(14) @ fine[12 - MARGIN : -12 + MARGIN], signal, atol=1e-6)
    assert halving_matrix(14).shape == (14, 28 + 2 * MARGIN)


CASES = {
    "turn": [("turn", 0.5)],
    "scale": [("scale", 1.3, 1.3)],
    "shrink": [("scale", 0.85, 0.85)],
    "stretch": [("scale", 0.8, 1.25)],
    "shift": [("shift", 1.37, -2.6)],
    "turn of a stretched one": [("scale", 0.9, 1.1), ("turn", 1.2), ("shift", 0.5, 0.0)],
}


def forward_matrix(steps):
    """The 3 × 3 map from old to new places, by the steps in turn; rows run down, so a turn is clockwise in (row, column)."""
    matrix = np.eye(3)
    for name, *values in steps:
        step = np.eye(3)
        if name == "turn":
            cosine, sine = math.cos(values[0]), math.sin(values[0])
            step[:2, :2] = [[cosine, -sine], [sine, cosine]]
        elif name == "scale":
            step[0, 0], step[1, 1] = values
        else:
            step[:2, 2] = values
        matrix = step @ matrix
    return matrix


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("size", [(24, 24), (20, 31)])
def test_warping_is_the_papers(case, size):
    image = np.random.default_rng(1).uniform(-1, 1, (*size, 2)).astype("f4")
    placement = geometry.Placement()
    for name, *values in CASES[case]:
        getattr(placement, name)(*(one(value) for value in values))
    backward = np.linalg.inv(forward_matrix(CASES[case]))
    found = warped(image, placement)
    margin = min(size) - 1
    expected = reference(
        image,
        lambda rows, columns: [line[0] * rows + line[1] * columns + line[2] for line in backward[:2]],
        margin,
    )
    # Where only the picture itself is looked at the two are the same; in the mirrored parts the filter is mirrored, too.
    rows, columns = np.meshgrid(*(np.arange(length) - (length - 1) / 2 for length in size), indexing="ij")
    old = [line[0] * rows + line[1] * columns + line[2] for line in backward[:2]]
    inside = np.all([np.abs(place) < (length - 1) / 2 - 5 for place, length in zip(old, size, strict=True)], axis=0)
    assert inside.sum() > 60
    np.testing.assert_allclose(found[inside], expected[inside], atol=3e-5)
    assert np.abs(found - expected).max() < 1.5
    assert np.abs(found - image).max() > 0.1


def test_a_quarter_turn_is_counter_clockwise():
    y, x = np.mgrid[0:24, 0:24] / 23.0
    image = np.stack([np.cos(3 * y) + x, np.sin(2 * x) - y], axis=-1)
    placement = geometry.Placement()
    placement.turn(one(math.pi / 2))
    found = warped(image, placement)
    np.testing.assert_allclose(found[5:-5, 5:-5], np.rot90(image)[5:-5, 5:-5], atol=1e-3)
    np.testing.assert_allclose(found, np.rot90(image), atol=0.05)


def test_whole_pixel_shifts_are_exact():
    image = np.random.default_rng(2).uniform(-1, 1, (20, 20, 3))
    placement = geometry.Placement()
    placement.shift(one(2.0), one(-3.0))
    found = warped(image, placement)
    np.testing.assert_allclose(found[8:-6, 6:-9], image[6:-8, 9:-6], atol=1e-5)


def test_what_comes_in_is_the_mirrored_picture():
    """A slope that comes back as a roof: brightness 0 … 1 downwards, shifted down by five rows."""
    image = np.repeat(np.linspace(0, 1, 20)[:, None, None], 20, axis=1)
    placement = geometry.Placement()
    placement.shift(one(5.0), one(0.0))
    found = warped(image, placement)[:, 10, 0]
    np.testing.assert_allclose(found[:2], np.arange(5, 3, -1) / 19, atol=1e-3)
    np.testing.assert_allclose(found[2:], np.abs(np.arange(-3, 15)) / 19, atol=0.02)


def test_a_sample_that_does_not_move_is_the_same_bit_for_bit():
    images = np.random.default_rng(3).uniform(-1, 1, (2, 12, 12, 3)).astype("f4")
    placement = geometry.Placement()
    placement.turn(ops.convert_to_tensor(np.array([0.0, 0.3], "f4")))
    found = ops.convert_to_numpy(geometry.warp(images, placement))
    np.testing.assert_array_equal(found[0], images[0])
    assert (found[1] != images[1]).any()


def test_the_drawn_changes_are_the_papers():
    """Every sample's map is that of its numbers: scale, turn, stretch, turn, shift."""
    random = np.random.default_rng(4)
    batch, probability, size = 200, 0.5, (16, 24)
    uniform = random.uniform(0, 1, (7, batch)).astype("f4")
    normal = random.standard_normal((4, batch)).astype("f4")
    placement = geometry.Placement()
    placement.draw(size, uniform, normal, probability)
    matrix = np.array([[ops.convert_to_numpy(entry) for entry in row] for row in placement.matrix])
    offset = np.array([ops.convert_to_numpy(entry) for entry in placement.offset])
    turn_probability = 1 - math.sqrt(1 - probability)
    turned = 0
    for sample in range(batch):
        gate, angle = uniform[:5, sample], (2 * uniform[5:, sample] - 1) * math.pi
        scale = 2 ** (0.2 * normal[0, sample]) if gate[0] < probability else 1
        stretch = 2 ** (0.2 * normal[1, sample]) if gate[1] < probability else 1
        shift = normal[2:, sample] * np.array(size) / 8 if gate[2] < probability else (0, 0)
        angles = [angle[which] if gate[3 + which] < turn_probability else 0 for which in (0, 1)]
        turned += any(angles)
        steps = [
            ("scale", scale, scale),
            ("turn", angles[0]),
            ("scale", 1 / stretch, stretch),
            ("turn", angles[1]),
            ("shift", *shift),
        ]
        backward = np.linalg.inv(forward_matrix(steps))
        np.testing.assert_allclose(matrix[..., sample], backward[:2, :2], atol=1e-5)
        np.testing.assert_allclose(offset[..., sample], backward[:2, 2], atol=1e-4)
    # A turn at all comes with probability ½; four deviations are ±0.14.
    assert turned / batch == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 2)])
def test_the_smallest_pictures(size):
    images = np.random.default_rng(5).uniform(-1, 1, (1, *size, 3)).astype("f4")
    placement = geometry.Placement()
    placement.turn(one(0.7))
    found = ops.convert_to_numpy(geometry.warp(images, placement))
    assert found.shape == images.shape
    assert np.isfinite(found).all()
