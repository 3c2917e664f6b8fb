import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics.domain_classifier import DomainClassifier
from gantk_metrics.options import DomainClassifierOptions
from gantk_metrics.ruined_pictures import ruined


class PlainAndStriped:
    """A: a flat picture with noise. B: the same with vertical stripes."""

    seed = 3

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        return ("image",)

    def images(self, split: str, domain: str, field: str = "image", limit: int | None = None) -> np.ndarray:
        random = np.random.default_rng([split == "train", domain == "A"])
        images = random.normal(0, 0.1, (24, 16, 16, 3)).astype(np.float32)
        return stripe(images) if domain == "B" else images


def stripe(images: np.ndarray) -> np.ndarray:
    return images + np.where(np.arange(16) % 4 < 2, 0.5, -0.5).astype(np.float32)[:, None]


class Perfect:
    directions = ("AtoB",)

    def __call__(self, direction: str, images: np.ndarray) -> np.ndarray:
        return stripe(images)


class Copy:
    directions = ("AtoB", "BtoA")

    def __call__(self, direction: str, images: np.ndarray) -> np.ndarray:
        return images


def test_translations_are_told_from_copies() -> None:
    metric = DomainClassifier(DomainClassifierOptions(steps=120, filters=8))
    metric.prepare(PlainAndStriped())
    perfect = metric.evaluate(Perfect(), PlainAndStriped())
    assert perfect.protocol["classifier_accuracy_on_real"] == 1.0
    assert perfect.protocol["classifier_accuracy_on_ruined"] > 0.8
    assert perfect.values == {"taken_for_b": 1.0, "taken_for_neither_a_to_b": 0.0}
    assert metric.evaluate(Copy(), PlainAndStriped()).values == {
        "taken_for_b": 0.0,
        "taken_for_neither_a_to_b": 0.0,
        "taken_for_a": 0.0,
        "taken_for_neither_b_to_a": 0.0,
    }
    noise = metric.evaluate(Noise(), PlainAndStriped())
    assert noise.values == {"taken_for_b": 0.0, "taken_for_neither_a_to_b": 1.0}
    assert noise.better == {"taken_for_b": "higher", "taken_for_neither_a_to_b": "lower"}


class Noise:
    directions = ("AtoB",)

    def __call__(self, direction: str, images: np.ndarray) -> np.ndarray:
        return np.random.default_rng(9).uniform(-1, 1, images.shape).astype(np.float32)


def test_ruined_pictures_are_in_range_and_differ_from_their_models() -> None:
    images = PlainAndStriped().images("train", "B")
    made = ruined(images, np.random.default_rng(0))
    assert (made.shape, made.dtype) == (images.shape, np.float32)
    assert np.abs(made).max() <= 1
    assert np.array_equal(made, ruined(images, np.random.default_rng(0)))
    alike = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(images, made, strict=True)]
    assert max(alike) < 0.95


def test_aligned_samples_and_one_direction(held: type) -> None:
    images = {domain: PlainAndStriped().images("train", domain) for domain in ("A", "B")}
    data = held(AB_A=images["A"], AB_B=images["B"])
    metric = DomainClassifier(DomainClassifierOptions(steps=1, filters=4))
    metric.prepare(data)
    assert set(metric.evaluate(Perfect(), data).values) == {"taken_for_b", "taken_for_neither_a_to_b"}


def test_domains_of_different_shapes_are_refused(held: type) -> None:
    data = held(A=np.zeros((2, 8, 8, 3), np.float32), B=np.zeros((2, 8, 8, 1), np.float32))
    with pytest.raises(RunFailed, match=r"must have one shape. Received: \(8, 8, 3\) and \(8, 8, 1\)"):
        DomainClassifier(DomainClassifierOptions()).prepare(data)


class Broken:
    directions = ("BtoA",)

    def __call__(self, direction: str, images: np.ndarray) -> np.ndarray:
        return np.full_like(images, np.nan)


def test_pictures_that_are_not_finite_are_taken_for_nothing() -> None:
    metric = DomainClassifier(DomainClassifierOptions(steps=1, filters=4))
    metric.prepare(PlainAndStriped())
    assert np.isnan(metric.evaluate(Broken(), PlainAndStriped()).values["taken_for_a"])


def test_evaluating_before_preparing_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="before prepare"):
        DomainClassifier(DomainClassifierOptions()).evaluate(Copy(), PlainAndStriped())
