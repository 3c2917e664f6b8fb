"""ADA: whole-pixel moves and colours against the paper's matrices, and how the probability follows r_t."""

from __future__ import annotations

import math

import numpy as np
import pytest
from augmented_model import augmentation
from keras import ops

from gantk.engine.augmentation import blitting, color


def pictures(batch=4, height=8, width=8, channels=3, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (batch, height, width, channels)).astype("f4")


def test_at_probability_zero_nothing_changes_bit_for_bit():
    images = pictures(channels=6)
    np.testing.assert_array_equal(ops.convert_to_numpy(augmentation({"type": "ada"})(images, judged=3)), images)


def test_at_probability_one_every_sample_changes():
    images = pictures(batch=16)
    for policy in (["geometric"], ["color"], ["blit", "geometric", "color"]):
        changed = ops.convert_to_numpy(augmentation({"type": "ada", "probability": 1.0, "policy": policy})(images))
        assert (np.abs(changed - images).max(axis=(1, 2, 3)) > 1e-3).all(), policy
        assert np.isfinite(changed).all()


def test_the_probability_is_that_of_each_change():
    """Of 4000 samples at p = 0.3, a share of p · ½ is flipped; six deviations are ±0.034."""
    images = np.tile(np.array([[[[0.0], [1.0]]]], "f4"), (4000, 1, 1, 1))
    uniform = np.random.default_rng(0).uniform(0, 1, (7, 4000)).astype("f4")
    turned = ops.convert_to_numpy(blitting.flip_and_turn(images, uniform, 0.3))
    # A picture that is not square is turned by 180° at most: 2 · ½p (1 - ½p) for an odd number of mirrorings.
    assert np.mean(turned[:, 0, 0, 0] == 1.0) == pytest.approx(2 * 0.15 * 0.85, abs=0.042)


def gates(*rows, batch):
    """Numbers for `flip_and_turn`: a gate or value by row; gates of 0 are open for any p above it."""
    uniform = np.ones((7, batch), "f4") * 0.999
    for row, values in rows:
        uniform[row] = values
    return uniform


def test_flip_and_quarter_turns():
    images = pictures(batch=8)
    # The first four are flipped; the turns are 0, 90, 180 and 270°.
    uniform = gates((0, 0.0), (1, [0.9] * 4 + [0.1] * 4), (2, 0.0), (3, [0.1, 0.3, 0.6, 0.9] * 2), batch=8)
    found = ops.convert_to_numpy(blitting.flip_and_turn(images, uniform, 0.5))
    for sample in range(8):
        flipped = images[sample, :, ::-1] if sample < 4 else images[sample]
        np.testing.assert_array_equal(found[sample], np.rot90(flipped, sample % 4))


def test_whole_pixel_shifts_mirror_at_the_outermost_pixels():
    images = pictures(batch=3, height=16, width=24)
    uniform = gates((4, [0.0, 0.0, 0.9]), (5, [1.0, 0.25, 1.0]), (6, [0.0, 0.9, 0.0]), batch=3)
    down, right = blitting.whole_pixel_shifts((16, 24), uniform, 0.5)
    # (2 u - 1) · size / 8, rounded: 2, -1 and no shift; -3, 2.4 → 2 and no shift.
    assert ops.convert_to_numpy(down).tolist() == [2, -1, 0]
    assert ops.convert_to_numpy(right).tolist() == [-3, 2, 0]
    found = ops.convert_to_numpy(blitting.shift(images, down, right))
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="reflect")
    for sample, (rows, columns) in enumerate([(2, -3), (-1, 2), (0, 0)]):
        expected = padded[sample, 3 - rows : 19 - rows, 3 - columns : 27 - columns]
        np.testing.assert_array_equal(found[sample], expected)


def paper_matrix(uniform, normal, probability):
    """The 4 × 4 matrix of appendix B for one sample, float64."""
    axis = np.array([1, 1, 1, 0]) / math.sqrt(3)
    outer = np.outer(axis, axis)
    matrix = np.eye(4)
    if uniform[0] < probability:
        move = np.eye(4)
        move[:3, 3] = normal[0] * 0.2
        matrix = move @ matrix
    if uniform[1] < probability:
        matrix = np.diag([*[2 ** (normal[1] * 0.5)] * 3, 1]) @ matrix
    if uniform[2] < probability:
        matrix = (np.eye(4) - 2 * outer * math.floor(uniform[5] * 2)) @ matrix
    if uniform[3] < probability:
        angle = (2 * uniform[6] - 1) * math.pi
        x, y, z = axis[:3]
        cross = np.zeros((4, 4))
        cross[:3, :3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
        turn = np.eye(4) + math.sin(angle) * cross
        turn[:3, :3] += (1 - math.cos(angle)) * (cross @ cross)[:3, :3]
        matrix = turn @ matrix
    if uniform[4] < probability:
        matrix = (outer + (np.diag([1, 1, 1, 1]) - outer) * 2 ** normal[2]) @ matrix
    return matrix


def test_colours_are_those_of_the_papers_matrix():
    batch, probability = 40, 0.6
    images = pictures(batch=batch)
    random = np.random.default_rng(5)
    uniform = random.uniform(0, 1, (7, batch)).astype("f4")
    normal = random.standard_normal((3, batch)).astype("f4")
    found = ops.convert_to_numpy(color.change_colors(images, uniform, normal, probability))
    for sample in range(batch):
        matrix = paper_matrix(uniform[:, sample].astype("f8"), normal[:, sample].astype("f8"), probability)
        # The last row scales the homogeneous coordinate, which the paper's code leaves out.
        expected = images[sample].astype("f8") @ matrix[:3, :3].T + matrix[:3, 3]
        np.testing.assert_allclose(found[sample], expected, atol=2e-5)


def test_hue_keeps_luma_and_the_distance_from_gray():
    images = pictures()
    angles = np.array([0.4, -2.0, 3.0, 1.0], "f4")
    found = ops.convert_to_numpy(color.turn_hue(images, angles)).astype("f8")
    np.testing.assert_allclose(found.mean(-1), images.mean(-1), atol=1e-6)
    spread = [np.linalg.norm(array - array.mean(-1, keepdims=True), axis=-1) for array in (found, images.astype("f8"))]
    np.testing.assert_allclose(*spread, atol=1e-5)


def test_a_third_of_a_turn_takes_red_to_green_to_blue():
    basis = np.eye(3, dtype="f4").reshape(3, 1, 1, 3)
    found = ops.convert_to_numpy(color.turn_hue(basis, np.full(3, 2 * math.pi / 3, "f4")))
    np.testing.assert_allclose(found.reshape(3, 3), np.roll(np.eye(3), 1, axis=1), atol=1e-6)


def test_gray_pictures_have_no_hue_or_saturation():
    images = pictures(channels=1)
    uniform = np.zeros((7, 4), "f4")
    uniform[:3] = 0.9
    found = ops.convert_to_numpy(color.change_colors(images, uniform, np.ones((3, 4), "f4"), 0.5))
    np.testing.assert_allclose(found, images, atol=1e-6)


def test_geometry_moves_the_condition_alike_and_colours_only_the_judged():
    images = pictures(batch=6)
    twice = np.concatenate([images, images], axis=-1)
    moved = ops.convert_to_numpy(
        augmentation({"type": "ada", "probability": 1.0, "policy": ["blit", "geometric"]})(twice, judged=3)
    )
    np.testing.assert_array_equal(moved[..., :3], moved[..., 3:])
    colored = ops.convert_to_numpy(
        augmentation({"type": "ada", "probability": 1.0, "policy": ["color"]})(twice, judged=3)
    )
    np.testing.assert_array_equal(colored[..., :3], images)
    assert (colored[..., 3:] != images).all(axis=-1).mean() > 0.9


def observed(layer, *values, boundary=0.0):
    for logits in values:
        layer.observe(ops.convert_to_tensor(np.array(logits, "f4").reshape(4, 1, 1, 1)), boundary=boundary)
    return float(layer.probability)


def test_the_probability_follows_the_signs():
    """Batches of 4, adjusted after every second: 8 pictures of 100 for the whole way are 0.08."""
    layer = augmentation({"type": "ada", "target": 0.6, "interval": 2, "speed_kimg": 0.1, "probability": 0.5})
    sure, doubtful, mixed = [2, 1, 5, 0.1], [-1, 1, -2, -3], [1, 1, 1, -1]
    assert observed(layer, sure) == 0.5
    assert observed(layer, sure) == pytest.approx(0.58)
    # r_t is the mean over both batches: (1 - ½) / 2 = ¼, below the target.
    assert observed(layer, sure, doubtful) == pytest.approx(0.50)
    assert observed(layer, mixed, mixed) == pytest.approx(0.42)
    # The mean sign is (1 + ½) / 2 = ¾, above it.
    assert observed(layer, mixed, sure) == pytest.approx(0.50)


def test_a_mean_sign_at_the_target_changes_nothing():
    layer = augmentation({"type": "ada", "target": 0.5, "interval": 1, "speed_kimg": 0.1, "probability": 0.5})
    assert observed(layer, [1, 1, 1, -1]) == 0.5


def test_it_stays_between_zero_and_one():
    options = {"type": "ada", "interval": 1, "speed_kimg": 0.005}
    assert observed(augmentation(options), [-1] * 4) == 0.0
    layer = augmentation(options)
    assert observed(layer, [1] * 4) == pytest.approx(0.8)
    assert observed(layer, [1] * 4) == 1.0


def test_least_squares_logits_are_judged_by_their_own_boundary():
    """Logits of 0.3 say "generated" where the labels are 0 and 1."""
    options = {"type": "ada", "interval": 1, "speed_kimg": 0.1, "probability": 0.5}
    assert observed(augmentation(options), [0.3] * 4) == pytest.approx(0.54)
    assert observed(augmentation(options), [0.3] * 4, boundary=0.5) == pytest.approx(0.46)


def test_diffaugment_observes_nothing_and_is_certain():
    layer = augmentation({"type": "diffaugment"})
    assert observed(layer, [1] * 4) == 1.0
