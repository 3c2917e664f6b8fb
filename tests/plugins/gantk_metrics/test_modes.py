"""Classes that samples show, by a classifier that learns real pictures."""

from __future__ import annotations

import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics.gaussian_modes import GaussianModes, nearest_centres
from gantk_metrics.modes import Modes, classes_found
from gantk_metrics.options import GaussianModesOptions, ModesOptions, SampleSimilarityOptions
from gantk_metrics.sample_similarity import SampleSimilarity

CLASSES = ("bar", "block", "line")


def shapes(labels: list[int], seed: int) -> np.ndarray:
    """Upright bars, blocks and lying lines on black, 16 × 16."""
    random = np.random.default_rng(seed)
    images = np.full((len(labels), 16, 16, 1), -1.0, np.float32)
    sizes = ((9, 2), (5, 5), (2, 9))
    for image, label in zip(images, labels, strict=True):
        height, width = sizes[label]
        row, column = random.integers(0, 17 - height), random.integers(0, 17 - width)
        image[row : row + height, column : column + width] = 1.0
    return images


def labels_of(count: int) -> list[int]:
    return [number % 3 for number in range(count)]


@pytest.fixture(scope="module")
def learnt(single: type) -> tuple[Modes, object]:
    train, test = labels_of(150), labels_of(60)
    data = single(CLASSES, {"train": train, "test": test}, train=shapes(train, 0), test=shapes(test, 1))
    metric = Modes(ModesOptions(steps=200, batch_size=32, filters=8, sure=0.6))
    metric.prepare(data)
    return metric, data


def test_all_classes_are_found_in_real_pictures(learnt: tuple[Modes, object], sampling: type) -> None:
    metric, data = learnt
    result = metric.evaluate(sampling(shapes(labels_of(60), 2)), data)
    assert result.values["modes_found"] == 3
    assert result.values["modes_divergence"] < 0.05
    assert result.values["modes_unsure"] < 0.2
    assert 2.5 < result.values["modes_score"] <= 3
    assert result.protocol["classifier_on_unseen"]["sure_and_right_of_real"] > 0.8
    assert result.protocol["classifier_on_unseen"]["rejected_of_ruined"] > 0.8
    assert sum(result.protocol["samples_by_class"].values()) <= 60
    assert "modes_as_asked" not in result.values
    assert metric.evaluate(sampling(shapes(labels_of(60), 2)), data).values == result.values


def test_a_lost_class_and_a_collapse_are_seen(learnt: tuple[Modes, object], sampling: type) -> None:
    metric, data = learnt
    two = metric.evaluate(sampling(shapes([0, 1] * 30, 3)), data)
    assert two.values["modes_found"] == 2
    assert two.values["modes_divergence"] == pytest.approx(np.log(3 / 2), abs=0.1)
    one = metric.evaluate(sampling(np.repeat(shapes([2], 4), 60, axis=0)), data)
    assert one.values["modes_found"] == 1
    assert one.values["modes_divergence"] == pytest.approx(np.log(3))
    assert one.values["modes_score"] == pytest.approx(1)


def test_noise_is_no_class(learnt: tuple[Modes, object], sampling: type) -> None:
    metric, data = learnt
    noise = np.random.default_rng(0).normal(0, 0.5, (60, 16, 16, 1)).clip(-1, 1).astype("float32")
    result = metric.evaluate(sampling(noise), data)
    assert result.values["modes_found"] == 0
    assert result.values["modes_unsure"] > 0.9


def test_of_labels_it_is_told_how_many_were_kept_to(learnt: tuple[Modes, object], sampling: type) -> None:
    metric, data = learnt

    class Obedient(sampling):
        def sample(self, count, *, seed, first=0, labels=None):
            return shapes([2 - label for label in labels], 6 + first)

    # The model numbers its classes the other way round.
    obedient = Obedient(shapes(labels_of(3), 5), classes=CLASSES[::-1])
    assert metric.evaluate(obedient, data).values["modes_as_asked"] > 0.6
    deaf = sampling(np.repeat(shapes([0], 7), 60, axis=0), classes=CLASSES)
    assert metric.evaluate(deaf, data).values["modes_as_asked"] < 0.5


def test_data_without_labels_is_refused(sampling: type, single: type) -> None:
    images = shapes([0, 1], 0)
    with pytest.raises(RunFailed, match="modes are classes, and the data must have labels") as raised:
        Modes(ModesOptions()).prepare(single(train=images, test=images))
    assert "labels: folders" in raised.value.hint


def test_a_class_is_found_from_a_part_of_its_share() -> None:
    # Of 1,000 samples a tenth of a half is 50, a tenth of a quarter 25; a class without real pictures cannot be found.
    counts, expected = np.array([50, 24, 25, 9]), np.array([2, 1, 1, 0])
    assert classes_found(counts, 1000, expected, 0.1).tolist() == [True, False, True, False]
    assert not classes_found(np.zeros(4, int), 0, expected, 0.1).any()


def test_points_and_their_centres() -> None:
    points = np.array([[-0.8, -0.8], [-0.79, -0.4], [0.01, 0.0], [0.21, 0.8], [3.0, 0.8]])
    centres, distance = nearest_centres(points, 5, 0.4)
    assert centres.tolist() == [0, 1, 12, 19, 24]
    np.testing.assert_allclose(distance, [0, 0.01, 0.01, 0.19, 2.2], atol=1e-12)


def test_the_grid_and_a_collapse_of_it(single: type, sampling: type) -> None:
    axis = (np.arange(5) - 2) * 0.4
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(25, 2)
    points = np.repeat(grid, 8, axis=0) + np.random.default_rng(0).normal(0, 0.01, (200, 2))
    images = points.reshape(200, 1, 2, 1).astype("float32")
    data = single(test=images)
    metric = GaussianModes(GaussianModesOptions())
    found = metric.evaluate(sampling(images), data)
    assert found.values["gaussian_modes_found"] == 25
    # Of a Gaussian in the plane exp(-9/2) lies beyond three deviations: 1.1 %.
    assert found.values["gaussian_modes_good"] > 0.95
    assert found.values["gaussian_modes_divergence"] == pytest.approx(0, abs=0.01)
    collapsed = metric.evaluate(sampling(images[:16].repeat(10, axis=0).repeat(2, axis=0)), data)
    assert collapsed.values["gaussian_modes_found"] == 2
    between = metric.evaluate(sampling(images * 0 + 0.2), data)
    assert between.values["gaussian_modes_found"] == 0
    assert between.values["gaussian_modes_good"] == 0
    assert np.isnan(between.values["gaussian_modes_divergence"])


def test_pictures_are_no_points(single: type, sampling: type) -> None:
    images = shapes([0, 1], 0)
    with pytest.raises(RunFailed, match="samples must be points: images of 1 × 2 pixels with one channel"):
        GaussianModes(GaussianModesOptions()).evaluate(sampling(images), single(test=images))


def test_similarity_between_samples(single: type, sampling: type) -> None:
    images = np.random.default_rng(0).uniform(-1, 1, (9, 32, 32, 3)).astype("float32")
    data = single(test=images)
    metric = SampleSimilarity(SampleSimilarityOptions())
    result = metric.evaluate(sampling(images), data)
    assert result.values["sample_similarity"] < 0.2
    assert (result.protocol["pairs"], result.protocol["scales"]) == (4, 2)
    assert result.better == {}
    alike = metric.evaluate(sampling(images[:1].repeat(9, axis=0)), data)
    assert alike.values["sample_similarity"] == pytest.approx(1)
    with pytest.raises(
        RunFailed, match=r"`scales: 3` needs pictures with sides of at least 41 pixels. Received: 32 × 32"
    ):
        SampleSimilarity(SampleSimilarityOptions(scales=3)).evaluate(sampling(images), data)
    tiny = np.zeros((4, 8, 8, 1), np.float32)
    with pytest.raises(RunFailed, match="`scales: 1` needs pictures with sides of at least 11"):
        metric.evaluate(sampling(tiny), single(test=tiny))
