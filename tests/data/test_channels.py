import numpy as np
import pytest

from gantk.data.channels import with_channels

WHITE = (255, 255, 255)


def pixel(*values):
    return np.array(values, np.uint8).reshape(1, 1, -1)


@pytest.mark.parametrize(
    ("image", "channels", "expected"),
    [
        (pixel(7), 1, [7]),
        (pixel(7), 3, [7, 7, 7]),
        (pixel(7), 4, [7, 7, 7, 255]),
        (pixel(10, 20, 30), 4, [10, 20, 30, 255]),
        # 0.299 · 10 + 0.587 · 20 + 0.114 · 30 = 18.15
        (pixel(10, 20, 30), 1, [18]),
        # alpha 51 is a fifth: 10 / 5 + 255 · 4 / 5 = 206, and so on
        (pixel(10, 20, 30, 51), 3, [206, 208, 210]),
        (pixel(10, 20, 30, 0), 3, [255, 255, 255]),
        (pixel(10, 20, 30, 255), 3, [10, 20, 30]),
        (pixel(100, 51), 3, [224, 224, 224]),
        (pixel(100, 51), 1, [224]),
        (pixel(100, 51), 4, [100, 100, 100, 51]),
        (pixel(100, 51), None, [100, 100, 100, 51]),
        (pixel(1, 2, 3, 4), None, [1, 2, 3, 4]),
        (pixel(9), None, [9]),
    ],
)
def test_conversion_worked_out_by_hand(image, channels, expected):
    converted = with_channels(image, channels, WHITE)
    assert converted.dtype == np.uint8
    assert converted[0, 0].tolist() == expected


def test_transparency_shows_the_background_that_was_asked_for():
    assert with_channels(pixel(10, 20, 30, 0), 3, (1, 2, 3))[0, 0].tolist() == [1, 2, 3]
