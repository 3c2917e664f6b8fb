"""Precision, recall, density and coverage on points of the plane, by hand and by loops."""

from __future__ import annotations

import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics.options import PrecisionRecallOptions
from gantk_metrics.precision_recall import PrecisionRecall, neighbour_distances, precision_recall


def test_points_on_a_line_by_hand() -> None:
    # Real points 0, 1, 3: with k = 1 they reach 1, 1 and 2. Generated ones 0.5, 10, 12: they reach 9.5, 2 and 2.
    real, generated = np.array([[0.0], [1.0], [3.0]]), np.array([[0.5], [10.0], [12.0]])
    np.testing.assert_allclose(neighbour_distances(real, 1), [1, 1, 4])
    np.testing.assert_allclose(neighbour_distances(generated, 1), [90.25, 4, 4])
    # 0.5 lies in the balls of 0 and 1, not within 2 of 3. Every real point is within 9.5 of 0.5.
    assert precision_recall(generated, real, 1) == {
        "precision": pytest.approx(1 / 3),
        "recall": 1.0,
        "density": pytest.approx(2 / 3),
        "coverage": pytest.approx(2 / 3),
    }


def by_loops(generated: np.ndarray, real: np.ndarray, k: int) -> dict[str, float]:
    def reach(points: np.ndarray) -> list[float]:
        return [
            sorted(np.linalg.norm(points[i] - points[j]) for j in range(len(points)) if j != i)[k - 1]
            for i in range(len(points))
        ]

    inside = [[np.linalg.norm(g - r) <= d for r, d in zip(real, reach(real), strict=True)] for g in generated]
    recalled = [any(np.linalg.norm(g - r) <= d for g, d in zip(generated, reach(generated), strict=True)) for r in real]
    return {
        "precision": float(np.mean([any(row) for row in inside])),
        "recall": float(np.mean(recalled)),
        "density": sum(map(sum, inside)) / (k * len(generated)),
        "coverage": float(np.mean([any(column) for column in zip(*inside, strict=True)])),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
def test_random_points_as_loops_find_them(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Large numbers common to all points, and a few rows at a time.
    monkeypatch.setattr("gantk_metrics.precision_recall._NUMBERS_AT_ONCE", 100)
    random = np.random.default_rng(k)
    generated, real = random.normal(1e4, 1, (23, 4)), random.normal(1e4 + 1, 1, (31, 4))
    assert precision_recall(generated, real, k) == pytest.approx(by_loops(generated, real, k))


def test_a_collapsed_set_is_precise_and_recalls_little() -> None:
    real = np.random.default_rng(0).normal(size=(200, 2))
    collapsed = np.random.default_rng(1).normal(0, 0.05, (200, 2))
    found = precision_recall(collapsed, real, 3)
    assert found["precision"] > 0.95
    assert found["recall"] < 0.05
    assert found["coverage"] < 0.1
    spread = precision_recall(np.random.default_rng(1).normal(0, 4, (200, 2)), real, 3)
    assert spread["precision"] < 0.5
    assert spread["recall"] > 0.8


def test_equal_points_have_no_distance() -> None:
    # All real points are doubled: their nearest neighbour reaches 0, and the same points lie in those balls.
    points = np.repeat(np.random.default_rng(2).normal(1e3, 1, (6, 5)), 2, axis=0)
    assert neighbour_distances(points, 1).tolist() == [0.0] * 12
    assert precision_recall(points, points, 1)["precision"] == 1.0


@pytest.fixture
def options(vgg16_file: str) -> PrecisionRecallOptions:
    return PrecisionRecallOptions(features={"type": "vgg16", "path": vgg16_file, "size": 32}, neighbours=2)


def pictures(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8) / np.float32(127.5) - 1


def test_samples_and_translations(
    options: PrecisionRecallOptions, single: type, sampling: type, held: type, translating: type
) -> None:
    real = pictures(8, 0)
    metric = PrecisionRecall(options)
    data = single(test=real)
    metric.prepare(data)
    same = metric.evaluate(sampling(real), data)
    assert same.values == {"precision": 1.0, "recall": 1.0, "density": pytest.approx(1.5, abs=0.5), "coverage": 1.0}
    assert same.better == dict.fromkeys(same.values, "higher")
    assert same.protocol["neighbours"] == 2
    assert same.protocol["pictures"]["samples"] == 8
    far = metric.evaluate(sampling(np.ones_like(real)), data)
    # Samples that are all alike reach nowhere.
    assert far.values["recall"] == 0.0
    translated = PrecisionRecall(options).evaluate(translating(lambda images: images), held(A=real, B=real))
    assert list(translated.values) == ["precision_a_to_b", "recall_a_to_b", "density_a_to_b", "coverage_a_to_b"]
    assert translated.better == dict.fromkeys(translated.values, "higher")
    broken = metric.evaluate(sampling(real * np.nan), data)
    assert all(np.isnan(value) for value in broken.values.values())
    assert set(broken.values) == {"precision", "recall", "density", "coverage"}


def test_too_few_pictures_for_the_neighbours(options: PrecisionRecallOptions, single: type, sampling: type) -> None:
    real = pictures(2, 0)
    with pytest.raises(RunFailed, match=r"2 neighbours need more pictures in each set. Received: 2"):
        PrecisionRecall(options).evaluate(sampling(real), single(test=real))
