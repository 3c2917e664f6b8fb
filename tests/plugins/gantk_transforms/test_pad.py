"""The transform `pad`: margins by hand."""

import numpy as np
import pytest
from pydantic import ValidationError

from gantk import RunFailed
from gantk_transforms.options import PadOptions
from gantk_transforms.pad import Pad

IMAGE = np.array([[[1], [2]], [[3], [4]]], np.uint8)


def padded(image=IMAGE, **options):
    return Pad(PadOptions(**options))(image, np.random.default_rng(0))


def test_one_margin_in_one_colour():
    assert padded(margin=1, colour=9)[..., 0].tolist() == [[9, 9, 9, 9], [9, 1, 2, 9], [9, 3, 4, 9], [9, 9, 9, 9]]
    assert padded(np.zeros((28, 28, 1), np.uint8), margin=2).shape == (32, 32, 1)


def test_four_margins_are_top_bottom_left_right():
    assert padded(margin=[1, 0, 0, 2])[..., 0].tolist() == [[0, 0, 0, 0], [1, 2, 0, 0], [3, 4, 0, 0]]


def test_the_edge_is_repeated_or_the_image_mirrored():
    assert padded(margin=[2, 0, 1, 0], fill="edge")[..., 0].tolist() == [[1, 1, 2], [1, 1, 2], [1, 1, 2], [3, 3, 4]]
    assert padded(margin=[1, 0, 1, 0], fill="reflect")[..., 0].tolist() == [[4, 3, 4], [2, 1, 2], [4, 3, 4]]


def test_a_size_puts_the_image_in_the_centre():
    assert padded(size=[2, 5])[..., 0].tolist() == [[0, 1, 2, 0, 0], [0, 3, 4, 0, 0]]


def test_a_colour_for_each_channel_and_opaque_alpha():
    image = np.zeros((1, 1, 4), np.uint8)
    assert padded(image, margin=[0, 0, 1, 0], colour=[1, 2, 3]).tolist() == [[[1, 2, 3, 255], [0, 0, 0, 0]]]
    assert padded(image, margin=[0, 0, 1, 0], colour=7)[0, 0].tolist() == [7, 7, 7, 255]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 1}, "makes images larger, to 1 x 1. Received: 2 x 2"),
        ({"margin": 2, "fill": "reflect"}, "2 x 2 pixels and margins of 2, 2, 2, 2"),
        ({"margin": 1, "colour": [1, 2, 3]}, r"one for each of 1 channels. Received: \[1, 2, 3\]"),
    ],
)
def test_what_cannot_be_padded_is_told(options, message):
    with pytest.raises(RunFailed, match=message):
        padded(**options)


@pytest.mark.parametrize(
    "options", [{}, {"margin": 1, "size": 4}, {"margin": -1}, {"margin": [1, 2]}, {"margin": 1, "colour": 256}]
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ValidationError):
        PadOptions(**options)
