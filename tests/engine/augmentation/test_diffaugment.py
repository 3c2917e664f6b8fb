"""DiffAugment against the paper's definitions in float64."""

from __future__ import annotations

import numpy as np
import pytest
from augmented_model import augmentation
from keras import ops

from gantk.engine.augmentation import diffaugment


def pictures(batch=3, height=8, width=8, channels=3, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (batch, height, width, channels)).astype("f4")


def numbers(*rows):
    return ops.convert_to_tensor(np.array(rows, "f4"))


def test_color_is_brightness_then_saturation_then_contrast():
    images = pictures()
    uniform = np.array([[0.9, 0.5, 0.0], [0.25, 0.5, 0.999], [0.1, 0.5, 0.75]], "f4")
    found = ops.convert_to_numpy(diffaugment.color(images, numbers(*uniform)))
    expected = images.astype("f8")
    for sample in range(3):
        brightness, saturation, contrast = uniform[:, sample].astype("f8")
        bright = expected[sample] + brightness - 0.5
        gray = bright.mean(axis=-1, keepdims=True)
        saturated = (bright - gray) * (2 * saturation) + gray
        expected[sample] = (saturated - saturated.mean()) * (contrast + 0.5) + saturated.mean()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    # ½, ½, ½ changes nothing.
    np.testing.assert_allclose(found[1], images[1], atol=1e-6)


@pytest.mark.parametrize("size", [8, 16, 20])
def test_translation_by_known_shifts(size):
    """With 8 pixels shifts are -1, 0 or 1; the new pixel (i, j) is the old one at (i + a, j + b), else 0."""
    images = pictures(height=size, width=2 * size)
    most = int(size / 8 + 0.5), int(2 * size / 8 + 0.5)
    shifts = [(-most[0], most[1]), (0, 0), (most[0], -1)]
    # The middle of the stretch of [0, 1) that stands for a shift.
    uniform = [[(shift[axis] + most[axis] + 0.5) / (2 * most[axis] + 1) for shift in shifts] for axis in (0, 1)]
    found = ops.convert_to_numpy(diffaugment.translation(images, numbers(*uniform)))
    padded = np.pad(images, ((0, 0), (size, size), (2 * size, 2 * size), (0, 0)))
    for sample, (a, b) in enumerate(shifts):
        expected = padded[sample, size + a : 2 * size + a, 2 * size + b : 4 * size + b]
        np.testing.assert_array_equal(found[sample], expected)


def test_every_shift_of_the_paper_occurs_and_no_other():
    size, images = 16, np.ones((1, 16, 16, 1), "f4")
    sums = set()
    for number in np.linspace(0, 1, 101, endpoint=False):
        moved = ops.convert_to_numpy(diffaugment.translation(images, numbers([number], [0.5])))
        sums.add((int(moved.sum()), float(moved[0, 0, 0, 0])))
    # 0, 1 or 2 rows of zeros, at the top or at the bottom.
    assert sums == {(16 * (size - rows), top) for rows, top in [(0, 1), (1, 1), (2, 1), (1, 0), (2, 0)]}


@pytest.mark.parametrize(("size", "places"), [(8, 9), (6, 6), (5, 5)])
def test_cutout_mask(size, places):
    """A stretch of int(size / 2 + ½) around a centre from 0 to size - length mod 2, cut off at the edges."""
    length = int(size / 2 + 0.5)
    images = np.ones((places, size, size, 2), "f4")
    uniform = [(np.arange(places) + 0.5) / places, np.full(places, 0.5)]
    found = ops.convert_to_numpy(diffaugment.cutout(images, numbers(*uniform)))
    for sample in range(places):
        cut = [row for row in range(size) if sample - length // 2 <= row < sample - length // 2 + length]
        rows = [row for row in range(size) if (found[sample, row] == 0).any()]
        assert rows == cut
        assert (found[sample] == 0).sum() == len(cut) * length * 2


def test_all_of_it_keeps_shape_and_type_and_moves_the_condition_alike():
    layer = augmentation({"type": "diffaugment", "policy": ["translation", "cutout"]})
    images = pictures(channels=3)
    twice = np.concatenate([images, images], axis=-1)
    changed = ops.convert_to_numpy(layer(twice, judged=3))
    np.testing.assert_array_equal(changed[..., :3], changed[..., 3:])
    assert (changed != twice).any()
    half = layer(ops.cast(images, "bfloat16"))
    assert half.dtype == "bfloat16"
    assert tuple(half.shape) == images.shape


def test_colours_change_the_judged_channels_only():
    layer = augmentation({"type": "diffaugment", "policy": ["color"]})
    images = pictures(channels=4)
    changed = ops.convert_to_numpy(layer(images, judged=3))
    np.testing.assert_array_equal(changed[..., 0], images[..., 0])
    assert np.abs(changed[..., 1:] - images[..., 1:]).min(axis=(1, 2, 3)).max() > 0


def test_samples_are_changed_each_in_its_own_way_and_calls_too():
    layer = augmentation({"type": "diffaugment"})
    images = np.repeat(pictures(batch=1), 6, axis=0)
    first, second = ops.convert_to_numpy(layer(images)), ops.convert_to_numpy(layer(images))
    assert len({sample.tobytes() for sample in [*first, *second]}) == 12


def test_the_seed_decides():
    images = pictures()
    same, again, other = (
        ops.convert_to_numpy(augmentation({"type": "diffaugment"}, seed=seed)(images)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(same, again)
    assert (same != other).any()


def test_the_policy_is_an_order():
    """Zeros that a shift lets in are brightened only by colours that come after it."""
    images = np.zeros((8, 16, 16, 3), "f4")
    before = ops.convert_to_numpy(augmentation({"type": "diffaugment", "policy": ["color", "cutout"]})(images))
    after = ops.convert_to_numpy(augmentation({"type": "diffaugment", "policy": ["cutout", "color"]})(images))
    assert (before == 0).any()
    assert (after != 0).all()


def test_wrong_shapes_are_told():
    layer = augmentation({"type": "diffaugment"})
    with pytest.raises(ValueError, match=r"static shape.*Received: shape \(8, 8, 3\)"):
        layer(pictures()[0])
    with pytest.raises(ValueError, match=r"from 1 to 3, the number of channels\. Received: 4"):
        layer(pictures(), judged=4)
