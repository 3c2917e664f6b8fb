import numpy as np
import pytest

from gantk import RunFailed
from gantk_transforms.options import ResizeOptions
from gantk_transforms.resize import Resize

RANDOM = np.random.default_rng(0)


def grey(rows):
    return np.array(rows, np.uint8)[..., None]


def test_box_filter_takes_the_mean_of_each_block():
    image = grey([[0, 4, 100, 100], [8, 12, 100, 104], [1, 1, 200, 200], [1, 1, 200, 240]])
    result = Resize(ResizeOptions(size=2, filter="box"))(image, RANDOM)
    # (0+4+8+12)/4 = 6, (100+100+100+104)/4 = 101, 1, (200*3+240)/4 = 210
    np.testing.assert_array_equal(result, grey([[6, 101], [1, 210]]))


def test_bilinear_is_widened_when_it_shrinks():
    # A triangle of two source pixels each way at x = 1: weights 1/8, 3/8, 3/8, 1/8.
    result = Resize(ResizeOptions(size=(1, 2), filter="bilinear"))(grey([[0, 80, 160, 240]]), RANDOM)
    # Left: centre 1, pixels at 0.5, 1.5, 2.5 weigh 0.75, 0.75, 0.25: (0 + 60 + 40) / 1.75 = 57.14
    np.testing.assert_array_equal(result, grey([[57, 183]]))


def test_nearest_repeats_pixels():
    result = Resize(ResizeOptions(size=(2, 4), filter="nearest"))(grey([[7, 9]]), RANDOM)
    np.testing.assert_array_equal(result, grey([[7, 7, 9, 9], [7, 7, 9, 9]]))


@pytest.mark.parametrize("filter_name", ["lanczos", "bicubic", "bilinear", "box", "nearest"])
def test_a_flat_image_stays_flat(filter_name):
    image = np.full((13, 7, 3), 201, np.uint8)
    result = Resize(ResizeOptions(size=(5, 17), filter=filter_name))(image, RANDOM)
    assert result.shape == (5, 17, 3)
    assert (result == 201).all()


def test_cover_cuts_both_sides_equally():
    image = grey([[1, 2, 10, 20, 3, 4], [1, 2, 10, 20, 3, 4]])
    result = Resize(ResizeOptions(size=2, mode="cover"))(image, RANDOM)
    np.testing.assert_array_equal(result, grey([[10, 20], [10, 20]]))


def test_cover_of_a_tall_image_halved():
    image = grey([[99, 99], [99, 99], [4, 4], [8, 8], [99, 99], [99, 99]])
    result = Resize(ResizeOptions(size=1, mode="cover", filter="box"))(image, RANDOM)
    np.testing.assert_array_equal(result, grey([[6]]))


@pytest.mark.parametrize(
    ("mode", "size", "expected"),
    [
        ("exact", (10, 12), (10, 12)),
        ("cover", (10, 12), (10, 12)),
        ("contain", (10, 10), (10, 5)),
        ("contain", (100, 30), (60, 30)),
        ("shorter", 10, (20, 10)),
        ("shorter", 7, (14, 7)),
    ],
)
def test_shapes_of_the_modes(mode, size, expected):
    image = np.zeros((40, 20, 3), np.uint8)
    assert Resize(ResizeOptions(size=size, mode=mode))(image, RANDOM).shape == (*expected, 3)


def test_a_thin_image_keeps_one_pixel():
    result = Resize(ResizeOptions(size=10, mode="contain"))(np.zeros((1000, 3, 3), np.uint8), RANDOM)
    assert result.shape == (10, 1, 3)


def test_transparent_pixels_leave_no_fringe():
    image = np.array([[[200, 10, 10, 255], [0, 255, 0, 0]]], np.uint8)
    result = Resize(ResizeOptions(size=1, filter="box"))(image, RANDOM)
    assert result[0, 0, 3] in (127, 128)
    np.testing.assert_allclose(result[0, 0, :3], [200, 10, 10], atol=2)


def test_float_images_are_refused_with_the_way_out():
    with pytest.raises(RunFailed, match=r"(?s)uint8.*Received: float32.*behind all other transforms"):
        Resize(ResizeOptions(size=4))(np.zeros((8, 8, 3), np.float32), RANDOM)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 2), (0, 8, 3), (8, 8, 5)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(RunFailed, match="Received: shape"):
        Resize(ResizeOptions(size=4))(np.zeros(shape, np.uint8), RANDOM)
