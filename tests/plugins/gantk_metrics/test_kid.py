import numpy as np
import pytest

from gantk_metrics.kid import KID, maximum_mean_discrepancy
from gantk_metrics.options import KIDOptions
from gantk_metrics.set_metric import Summarised


def test_two_by_two_rows_by_hand() -> None:
    # d = 2, k(x, y) = (x·y / 2 + 1)³. Within the first: k = (0/2 + 1)³ = 1. Within the second: (4/2 + 1)³ = 27.
    first, second = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[2.0, 0.0], [2.0, 2.0]])
    # Across: (2/2 + 1)³ = 8 twice, (0 + 1)³ = 1, (2/2 + 1)³ = 8, so 8, 8, 1, 8.
    assert maximum_mean_discrepancy(first, second) == pytest.approx(1 + 27 - 2 * (8 + 8 + 1 + 8) / 4, rel=1e-14)


def test_against_loops_over_pairs() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(5, 7)), random.normal(0.5, 1, size=(4, 7))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 7 + 1) ** 3)

    def within(rows: np.ndarray) -> float:
        pairs = [(i, j) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return sum(kernel(rows[i], rows[j]) for i, j in pairs) / len(pairs)

    across = sum(kernel(x, y) for x in first for y in second) / 20
    expected = within(first) + within(second) - 2 * across
    assert maximum_mean_discrepancy(first, second) == pytest.approx(expected, rel=1e-12)


def test_it_is_unbiased() -> None:
    # Of one distribution the estimates average to zero, from as few as 3 rows; the biased one would be far above.
    random = np.random.default_rng(1)
    estimates = [maximum_mean_discrepancy(random.normal(size=(3, 4)), random.normal(size=(3, 4))) for _ in range(4000)]
    assert abs(np.mean(estimates)) < 4 * np.std(estimates) / np.sqrt(len(estimates))


@pytest.fixture
def metric(vgg16_file: str) -> KID:
    return KID(KIDOptions(features={"type": "vgg16", "path": vgg16_file, "size": 32}, subset_size=4, subsets=30))


def summarised(rows: np.ndarray) -> Summarised:
    return Summarised(rows.astype("float32"), len(rows), {})


def test_few_pictures_give_one_estimate(metric: KID) -> None:
    rows = np.random.default_rng(2).normal(size=(9, 8)).astype("float32")
    values, notes = metric.distances(summarised(rows[:4]), summarised(rows[4:]), seed=0)
    assert values == {"kid": pytest.approx(maximum_mean_discrepancy(rows[:4], rows[4:]), rel=1e-6)}
    assert "all pictures, once" in notes["estimator"]


def test_more_pictures_give_the_mean_over_subsets(metric: KID) -> None:
    random = np.random.default_rng(3)
    first, second = summarised(random.normal(size=(40, 8))), summarised(random.normal(1, 1, size=(50, 8)))
    values, notes = metric.distances(first, second, seed=0)
    assert metric.distances(first, second, seed=0)[0] == values, "the same seed draws the same subsets"
    whole = maximum_mean_discrepancy(first.summary, second.summary)
    assert values["kid"] == pytest.approx(whole, abs=4 * values["kid_deviation"] / np.sqrt(30))
    assert values["kid_deviation"] > 0
    assert "30 subsets of 4 pictures" in notes["estimator"]


def test_translations_have_a_value_and_a_deviation(metric: KID, held: type, translating: type) -> None:
    images = np.random.default_rng(4).uniform(-1, 1, (6, 32, 32, 3)).astype("float32")
    result = metric.evaluate(translating(lambda given: given), held(A=images, B=images[::-1]))
    assert list(result.values) == ["kid_a_to_b", "kid_a_to_b_deviation"]
    assert result.better == {"kid_a_to_b": "lower"}
