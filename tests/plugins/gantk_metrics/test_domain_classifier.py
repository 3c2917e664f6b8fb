import numpy as np
import pytest

from gantk_metrics.domain_classifier import DomainClassifier
from gantk_metrics.options import DomainClassifierOptions


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
    metric = DomainClassifier(DomainClassifierOptions(steps=60, filters=4))
    metric.prepare(PlainAndStriped())
    perfect = metric.evaluate(Perfect(), PlainAndStriped())
    assert perfect.protocol["classifier_accuracy_on_real"] == 1.0
    assert perfect.values == {"taken_for_b": 1.0}
    assert metric.evaluate(Copy(), PlainAndStriped()).values == {"taken_for_b": 0.0, "taken_for_a": 0.0}


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
