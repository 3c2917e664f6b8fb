from __future__ import annotations

import numpy as np
import pytest

from gantk_quadrupeds.scene import describe_scene, render_pair, render_scene

SCENES = range(24)


@pytest.fixture(scope="module")
def pairs():
    return [render_pair(11, index, 64) for index in SCENES]


def test_shapes_and_types(pairs):
    for horse, zebra, mask in pairs:
        assert horse.shape == zebra.shape == (64, 64, 3)
        assert mask.shape == (64, 64, 1)
        assert horse.dtype == zebra.dtype == mask.dtype == np.uint8
        assert horse.flags.c_contiguous
        assert mask.flags.c_contiguous


def test_a_scene_follows_from_seed_and_index_alone(pairs):
    for index in (0, 5):
        horse, mask = render_scene(11, index, 64, "horse")
        zebra, same_mask = render_scene(11, index, 64, "zebra")
        np.testing.assert_array_equal(horse, pairs[index][0])
        np.testing.assert_array_equal(zebra, pairs[index][1])
        np.testing.assert_array_equal(mask, pairs[index][2])
        np.testing.assert_array_equal(mask, same_mask)
    assert not np.array_equal(render_scene(12, 0, 64, "horse")[0], pairs[0][0])


def test_scenes_differ_from_each_other(pairs):
    for first in range(len(pairs)):
        for second in range(first):
            difference = np.abs(pairs[first][0].astype(int) - pairs[second][0].astype(int)).mean()
            assert difference > 5, (first, second)


@pytest.mark.parametrize("size", [32, 64, 100])
def test_background_is_identical_outside_the_mask(size):
    for index in SCENES:
        horse, zebra, mask = render_pair(3, index, size)
        outside = mask[..., 0] == 0
        np.testing.assert_array_equal(horse[outside], zebra[outside])
        inside = mask[..., 0] == 255
        assert np.abs(horse[inside].astype(int) - zebra[inside].astype(int)).mean() > 20


def test_the_mask_covers_a_sane_part_of_the_picture(pairs):
    areas = [float((mask > 127).mean()) for _, _, mask in pairs]
    assert min(areas) > 0.08
    assert max(areas) < 0.6
    assert 0.15 < np.mean(areas) < 0.4
    # Anti-aliased at the edge, and solid within.
    for _, _, mask in pairs:
        assert ((mask > 0) & (mask < 255)).any()
        assert (mask == 255).mean() > 0.05


def test_the_whole_nearest_animal_is_in_the_picture():
    for index in range(200):
        animal = describe_scene(4, index).animals[-1]
        bounds = animal.bounds
        assert animal.u + bounds.left * animal.scale > 0
        assert animal.u + bounds.right * animal.scale < 1
        assert animal.foot - bounds.top * animal.scale > 0
        assert animal.foot < 1


def _local_contrast(image, mask):
    """Mean absolute difference of brightness to the right-hand neighbour, both inside the animal."""
    grey = image.astype(float).mean(axis=2)
    inside = (mask[:, 1:, 0] == 255) & (mask[:, :-1, 0] == 255)
    return np.abs(np.diff(grey, axis=1))[inside].mean()


def test_a_zebra_has_more_contrast_within_its_body_than_a_horse(pairs):
    ratios = [_local_contrast(zebra, mask) / _local_contrast(horse, mask) for horse, zebra, mask in pairs]
    assert min(ratios) > 1.5
    assert np.median(ratios) > 3


def test_zebras_are_colourless_and_horses_mostly_brown(pairs):
    def redness(image, mask):
        inside = image[mask[..., 0] == 255].astype(float)
        return (inside[:, 0] - inside[:, 2]).mean()

    horses = [redness(horse, mask) for horse, _, mask in pairs]
    zebras = [redness(zebra, mask) for _, zebra, mask in pairs]
    assert np.mean(horses) > 2 * np.mean(zebras)
    assert np.mean(np.array(horses) > 25) > 0.6


def test_a_scene_is_the_same_at_every_size():
    for index in range(6):
        for species in ("horse", "zebra"):
            large, large_mask = render_scene(7, index, 256, species)
            small, small_mask = render_scene(7, index, 64, species)
            averaged = large.reshape(64, 4, 64, 4, 3).astype(float).mean(axis=(1, 3))
            averaged_mask = large_mask.reshape(64, 4, 64, 4).astype(float).mean(axis=(1, 3))
            assert np.abs(averaged_mask - small_mask[..., 0]).mean() < 4
            assert np.abs(averaged - small).mean() < 9
            # Another scene is much farther away.
            other, _ = render_scene(7, index + 1, 64, species)
            assert np.abs(averaged - other).mean() > 2 * np.abs(averaged - small).mean()


def test_without_variation_scenes_are_alike():
    varied = [render_scene(0, index, 32, "horse")[1].astype(float) for index in range(8)]
    plain = [render_scene(0, index, 32, "horse", variation=0.0)[1].astype(float) for index in range(8)]

    def spread(masks):
        # Animals face either way and walk, stand or graze even then.
        return np.mean([np.abs(first - second).mean() for first in masks for second in masks])

    assert spread(plain) < spread(varied)
    assert len({len(describe_scene(0, index, 0.0).animals) for index in range(40)}) == 1
    assert len({len(describe_scene(0, index).animals) for index in range(40)}) == 2


@pytest.mark.parametrize("wrong", [(-1, 0, 64, "horse"), (0, -1, 64, "horse"), (0, 0, 31, "horse"), (0, 0, 64, "cow")])
def test_scenes_that_do_not_exist_are_refused(wrong):
    with pytest.raises(ValueError, match=r"Received|non-negative"):
        render_scene(*wrong)


def test_animals_face_both_ways():
    facing = [describe_scene(0, index).animals[-1].left for index in range(100)]
    assert 30 < sum(facing) < 70
