"""Laplacian pyramids, patches and sliced distances against plain loops, and the metric on known sets."""

from __future__ import annotations

import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics.laplacian_pyramid import laplacian_pyramid, level_count
from gantk_metrics.options import SlicedWassersteinOptions
from gantk_metrics.sliced_wasserstein import SlicedWasserstein, normalised, random_patches, sliced_wasserstein

FILTER = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def mirrored(place: int, size: int) -> int:
    """Mirrored at the edge pixel, which is not doubled: -1 → 1, size → size - 2."""
    place = abs(place)
    return 2 * (size - 1) - place if place >= size else place


def blurred(image: np.ndarray) -> np.ndarray:
    height, width = image.shape
    result = np.zeros(image.shape)
    for row in range(height):
        for column in range(width):
            for i in range(5):
                for j in range(5):
                    value = image[mirrored(row + i - 2, height), mirrored(column + j - 2, width)]
                    result[row, column] += FILTER[i, j] * value
    return result


def test_the_pyramid_is_that_of_loops() -> None:
    images = np.random.default_rng(0).uniform(0, 255, (2, 8, 12, 2))
    fine, middle, coarse = laplacian_pyramid(images, 3)
    for number in range(2):
        for channel in range(2):
            levels = [images[number, :, :, channel]]
            for _ in range(2):
                levels.append(blurred(levels[-1])[::2, ::2])
            for band, level, smaller in ((fine, levels[0], levels[1]), (middle, levels[1], levels[2])):
                spread = np.zeros(level.shape)
                spread[::2, ::2] = smaller
                expected = level - 4 * blurred(spread)
                np.testing.assert_allclose(band[number, :, :, channel], expected, atol=1e-3)
            np.testing.assert_allclose(coarse[number, :, :, channel], levels[2], atol=1e-3)


@pytest.mark.parametrize(
    ("height", "width", "smallest", "count"),
    [
        (64, 64, 16, 3),
        (16, 16, 16, 1),
        (15, 99, 16, 0),
        (1024, 1024, 16, 7),
        (48, 24, 8, 2),
        (36, 36, 7, 3),
        (32, 64, 16, 2),
    ],
)
def test_levels_end_at_the_smallest_side_or_an_odd_one(height: int, width: int, smallest: int, count: int) -> None:
    assert level_count(height, width, smallest) == count


def test_patches_are_cut_everywhere_and_wholly_inside() -> None:
    rows, columns = np.meshgrid(np.arange(9), np.arange(8), indexing="ij")
    images = np.stack([np.stack([rows, columns], -1), np.stack([rows, columns], -1) + 100]).astype("float32")
    patches = random_patches(images, 200, np.random.default_rng(1))
    assert patches.shape == (400, 2, 7, 7)
    assert (patches[:200] < 100).all()
    assert (patches[200:] >= 100).all()
    assert {(int(patch[0, 0, 0]), int(patch[1, 0, 0])) for patch in patches[:200]} == {
        (row, column) for row in range(3) for column in range(2)
    }
    first = patches[0]
    np.testing.assert_array_equal(first[0] - first[0, 0, 0], rows[:7, :7])
    np.testing.assert_array_equal(first[1] - first[1, 0, 0], columns[:7, :7])


def test_each_channel_is_normalised_over_the_whole_set() -> None:
    patches = np.random.default_rng(2).normal([[[3.0]], [[-7.0]], [[5.0]]], [[[2.0]], [[0.1]], [[0.0]]], (50, 3, 7, 7))
    rows = normalised(patches.astype("float32")).reshape(50, 3, 49)
    np.testing.assert_allclose(rows.mean(axis=(0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(rows.std(axis=(0, 2)), [1, 1, 0], atol=1e-5)


def test_a_shifted_set_is_as_far_as_its_shift_projected() -> None:
    # On every line each point moves by the same, so the distance is the mean |shift · direction|.
    points = np.random.default_rng(3).normal(size=(40, 6)).astype("float32")
    shift = np.array([1.0, -2.0, 0.5, 0.0, 3.0, 1.0])
    found = sliced_wasserstein(points, (points + shift).astype("float32"), 300, np.random.default_rng(4))
    directions = np.random.default_rng(4).standard_normal((6, 300))
    directions /= np.linalg.norm(directions, axis=0)
    assert found == pytest.approx(np.abs(shift @ directions).mean(), rel=1e-5)
    # And E|s · u| over the sphere in 6 dimensions is |s| Γ(3) / (√π Γ(3.5)).
    assert found == pytest.approx(np.linalg.norm(shift) * 2 / (np.sqrt(np.pi) * 3.32335), rel=0.15)


def test_the_order_of_points_does_not_matter() -> None:
    points = np.random.default_rng(5).normal(size=(30, 4)).astype("float32")
    assert sliced_wasserstein(points, points[::-1].copy(), 64, np.random.default_rng(0)) == pytest.approx(0, abs=1e-6)


def test_projections_in_parts_are_all_projections(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(6)
    first, second = random.normal(size=(2, 50, 5)).astype("float32")
    whole = sliced_wasserstein(first, second, 33, np.random.default_rng(1))
    monkeypatch.setattr("gantk_metrics.sliced_wasserstein._PROJECTED_NUMBERS", 500)
    assert sliced_wasserstein(first, second, 33, np.random.default_rng(1)) == pytest.approx(whole, rel=1e-6)


def strokes(count: int, seed: int, size: int = 32, channels: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    images = np.full((count, size, size, channels), -1.0, np.float32)
    for image in images:
        row, column = random.integers(2, size - 12, 2)
        image[row : row + 10, column : column + 3] = random.uniform(0, 1)
    return images


@pytest.mark.parametrize("channels", [1, 3])
def test_like_samples_are_near_and_others_far(single: type, sampling: type, channels: int) -> None:
    data = single(test=strokes(60, 0, channels=channels))
    metric = SlicedWasserstein(SlicedWassersteinOptions(patches=32, projections=64))
    metric.prepare(data)
    like = metric.evaluate(sampling(strokes(60, 1, channels=channels)), data)
    turned = metric.evaluate(sampling(strokes(60, 1, channels=channels).swapaxes(1, 2)), data)
    assert list(like.values) == ["swd_32", "swd_16", "swd"]
    assert like.values["swd"] == pytest.approx((like.values["swd_32"] + like.values["swd_16"]) / 2)
    assert like.values["swd"] < 0.5 * turned.values["swd"]
    assert like.better == dict.fromkeys(like.values, "lower")
    assert like.protocol["pictures"] == {"samples": 60, "seed": 5}
    assert like.protocol["reference"]["split"] == "test"
    assert like.values == metric.evaluate(sampling(strokes(60, 1, channels=channels)), data).values


def test_two_folders_of_other_counts_and_of_other_sizes(picture_set: type) -> None:
    levels = ((strokes(9, 2) + 1) * 127.5).astype(np.uint8)
    metric = SlicedWasserstein(SlicedWassersteinOptions(patches=8, projections=16))
    first = picture_set(broken=None, **{f"a{number}": image for number, image in enumerate(levels[:5])})
    second = picture_set(**{f"b{number}": image for number, image in enumerate(levels)})
    result = metric.compare(first, second)
    assert np.isfinite(result.values["swd"])
    assert (result.protocol["first"]["count"], result.protocol["reference"]["count"]) == (5, 6)
    small = picture_set(**{f"b{number}": image[:16, :16] for number, image in enumerate(levels)})
    with pytest.raises(RunFailed, match="swd: both sets must have pictures of one size"):
        metric.compare(first, small)
    mixed = picture_set(a=levels[0], b=levels[0][:16])
    with pytest.raises(RunFailed, match="swd: pictures of one size are needed"):
        metric.compare(first, mixed)


def test_pictures_below_the_smallest_level_are_refused(single: type, sampling: type) -> None:
    images = strokes(4, 0, size=16)[:, :8, :8]
    data = single(test=images)
    with pytest.raises(RunFailed, match=r"sides of at least 16 pixels. Received: 8 × 8") as raised:
        SlicedWasserstein(SlicedWassersteinOptions()).evaluate(sampling(images), data)
    assert "smallest: 8" in raised.value.hint
    found = SlicedWasserstein(SlicedWassersteinOptions(smallest=8)).evaluate(sampling(images), data)
    assert list(found.values) == ["swd_8", "swd"]


def test_samples_that_are_not_finite_have_no_value(single: type, sampling: type) -> None:
    images = strokes(4, 0)
    result = SlicedWasserstein(SlicedWassersteinOptions()).evaluate(sampling(images * np.nan), single(test=images))
    assert list(result.values) == ["swd"]
    assert np.isnan(result.values["swd"])
    assert result.better == {"swd": "lower"}


def test_samples_that_are_all_of_one_colour_have_a_value(single: type, sampling: type) -> None:
    images = strokes(6, 0)
    result = SlicedWasserstein(SlicedWassersteinOptions(patches=8, projections=8)).evaluate(
        sampling(np.zeros_like(images)), single(test=images)
    )
    assert result.values["swd"] > 0
