"""Aligned samples of different sizes, a few at a time: numbers of single pictures, batches, and failures."""

import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics import translated_pairs
from gantk_metrics.absolute_error import AbsoluteError
from gantk_metrics.options import PairOptions


def levels(number: float, *shape: int) -> np.ndarray:
    return np.full(shape, number / 127.5 - 1, np.float32)


class Photographs:
    """Samples made when they are asked for. Counts how many are held at once, at most."""

    seed = 0

    def __init__(self, *samples: tuple[str, np.ndarray, np.ndarray]) -> None:
        self._samples = samples

    def samples(self, split: str, domain: str, fields: tuple[str, ...], limit: int | None = None) -> list[dict]:
        assert (split, domain) == ("test", "AB")
        return [{"key": key, "A": low, "B": high} for key, low, high in self._samples[:limit]]


class Enlarging:
    """Enlarges twice and adds two levels; notes the shapes it was given."""

    directions = ("AtoB",)

    def __init__(self) -> None:
        self.given: list[tuple[int, ...]] = []

    def __call__(self, direction: str, images: np.ndarray) -> np.ndarray:
        self.given.append(images.shape)
        return images.repeat(2, axis=1).repeat(2, axis=2) + 2 / 127.5


def photographs() -> Photographs:
    return Photographs(
        ("test/wide.jpg", levels(100, 4, 6, 3), levels(101, 8, 12, 3)),
        ("test/wide too.jpg", levels(100, 4, 6, 3), levels(105, 8, 12, 3)),
        ("test/high.jpg", levels(100, 7, 3, 3), levels(92, 14, 6, 3)),
    )


def test_each_picture_has_its_number_and_counts_once() -> None:
    translator = Enlarging()
    result = AbsoluteError(PairOptions()).evaluate(translator, photographs())
    (numbers,) = result.per_picture
    assert (numbers.value, numbers.split, numbers.direction) == ("l1_a_to_b", "test", "AtoB")
    # Results are 102 everywhere.
    assert dict(numbers.numbers) == {"test/wide.jpg": 1.0, "test/wide too.jpg": 3.0, "test/high.jpg": 10.0}
    assert result.values == {"l1_a_to_b": pytest.approx(14 / 3)}
    assert result.protocol["AtoB"]["pairs"] == 3
    assert translator.given == [(2, 4, 6, 3), (1, 7, 3, 3)]


def test_a_batch_has_no_more_pixels_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translated_pairs, "BATCH_PIXELS", 8 * 12 + 50)
    translator = Enlarging()
    AbsoluteError(PairOptions()).evaluate(translator, photographs())
    assert [shape[0] for shape in translator.given] == [1, 1, 1]


def test_only_as_many_samples_as_the_limit_says() -> None:
    result = AbsoluteError(PairOptions(limit=2)).evaluate(Enlarging(), photographs())
    assert list(result.per_picture[0].numbers) == ["test/wide.jpg", "test/wide too.jpg"]


def test_a_picture_that_is_not_finite_leaves_no_numbers() -> None:
    class Broken(Enlarging):
        def __call__(self, direction: str, images: np.ndarray) -> np.ndarray:
            return super().__call__(direction, images) * (np.nan if images.shape[1] == 7 else 1)

    result = AbsoluteError(PairOptions()).evaluate(Broken(), photographs())
    assert np.isnan(result.values["l1_a_to_b"])
    assert result.per_picture == []
    assert "not finite" in result.protocol["AtoB"]["not_finite"]


def test_a_result_of_another_size_than_the_truth_is_told() -> None:
    data = Photographs(("one.png", levels(0, 4, 4, 3), levels(0, 12, 12, 3)))
    with pytest.raises(RunFailed, match=r"shape of the truth, \(1, 12, 12, 3\). Received: \(1, 8, 8, 3\) from AtoB"):
        AbsoluteError(PairOptions()).evaluate(Enlarging(), data)


def test_rows_are_of_small_pictures_only() -> None:
    small = AbsoluteError(PairOptions()).evaluate(Enlarging(), photographs())
    (rows,) = small.pictures.values()
    assert rows.shape == (2 * 8, 3 * 12, 3)
    large = Photographs(("large.png", levels(0, 300, 4, 3), levels(0, 600, 8, 3)))
    assert AbsoluteError(PairOptions()).evaluate(Enlarging(), large).pictures == {}
