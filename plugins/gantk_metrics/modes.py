"""Which classes of labelled data a sampler has found, by a classifier of real pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, RunFailed
from gantk_metrics.class_entropy import class_divergence, entropy_score
from gantk_metrics.label_classifier import LabelClassifier
from gantk_metrics.options import ModesOptions
from gantk_metrics.ruined_pictures import DESCRIPTION, ruined
from gantk_metrics.sample_metric import SampleMetric
from gantk_metrics.sampled_pictures import Comparison, real_pictures

_AT_ONCE = 256


class Modes(SampleMetric[ModesOptions]):
    """How many classes are found, how evenly, and how many samples are of none (after Metz 2017, section 3.3.1).

    Values:
        `modes_found`: classes whose share of the samples is at least `least_share` of their share of the real pictures;
        only samples that the classifier is sure of count for a class.
        `modes_divergence`: KL of the classes of these samples to those of the real pictures' labels, in nats; 0 where they
        are alike.
        `modes_unsure`: the share of samples that the classifier is not sure of, or is sure to be no picture of a class.
        `modes_score`: exp(E KL(p(y|x) ‖ p(y))) of the classifier: the Inception score's formula.
        `modes_as_asked`: of a sampler that takes labels, the share of samples taken for the class that was asked for.
    """

    name = "modes"
    values = ("modes_found", "modes_divergence", "modes_unsure", "modes_score")
    better: ClassVar[Mapping[str, str]] = {
        "modes_found": "higher",
        "modes_divergence": "lower",
        "modes_unsure": "lower",
        "modes_score": "higher",
        "modes_as_asked": "higher",
    }
    units: ClassVar[Mapping[str, str]] = {
        "modes_found": "classes",
        "modes_divergence": "nats",
        "modes_unsure": "share",
        "modes_as_asked": "share",
    }

    def __init__(self, options: ModesOptions) -> None:
        super().__init__(options)
        self._classifier: LabelClassifier | None = None
        self._accuracy: dict[str, float] = {}

    def prepare(self, data: EvaluationData) -> None:
        """Train the classifier on labelled real pictures, and check it on those of the other split.

        Raises:
            RunFailed: The data has no labels, or no pictures in a split.
        """
        options = self.options
        unseen = real_pictures(self.name, options, data)
        if len(data.classes) < 2:
            raise RunFailed(
                f"{self.name}: modes are classes, and the data must have labels of at least 2. "
                f"Received: {', '.join(data.classes) or 'data without classes'}",
                hint="Give the source labels (`labels: folders` of a folder with a sub-folder for each class).",
            )
        self._classifier = LabelClassifier(
            data.images(options.train_split, "image"),
            data.labels(options.train_split, "image"),
            len(data.classes),
            filters=options.filters,
            steps=options.steps,
            batch_size=options.batch_size,
            seed=data.seed,
        )
        right = sure = rejected = 0
        random = np.random.default_rng([data.seed, 1])
        labels = data.labels(options.split, "image", options.limit)
        for start in range(0, len(unseen), _AT_ONCE):
            images = _unit_range([unseen.read(name) for name in unseen.names[start : start + _AT_ONCE]])
            answers = self._answers(images)
            right += int(np.sum(answers == labels[start : start + _AT_ONCE]))
            sure += int(np.sum(answers >= 0))
            rejected += int(np.sum(self._answers(ruined(images, random)) < 0))
        self._accuracy = {
            "sure_and_right_of_real": round(right / len(unseen), 4),
            "sure_of_real": round(sure / len(unseen), 4),
            "rejected_of_ruined": round(rejected / len(unseen), 4),
        }

    def measure(self, pictures: Comparison, data: EvaluationData) -> tuple[dict[str, float], dict[str, Any]]:
        """Count the classes of samples."""
        if self._classifier is None:
            raise RuntimeError("Modes.evaluate was called before prepare.")
        names = pictures.samples.names
        rows = [
            self._classifier.probabilities(
                _unit_range([pictures.samples.read(name) for name in names[start : start + _AT_ONCE]])
            )
            for start in range(0, len(names), _AT_ONCE)
        ]
        probabilities = np.concatenate(rows)
        answers = _sure_answers(probabilities, self.options.sure)
        found = np.bincount(answers[answers >= 0], minlength=len(data.classes))
        expected = np.bincount(
            data.labels(self.options.split, "image", self.options.limit), minlength=len(data.classes)
        )
        values = {
            "modes_found": float(np.sum(classes_found(found, len(answers), expected, self.options.least_share))),
            "modes_divergence": class_divergence(found, expected),
            "modes_unsure": float(np.mean(answers < 0)),
            "modes_score": entropy_score(_among_classes(probabilities)),
        }
        if pictures.samples.labels is not None:
            numbers = np.array([data.classes.index(name) for name in pictures.samples.sampler.classes])
            values["modes_as_asked"] = float(np.mean(answers == numbers[pictures.samples.labels]))
        return values, {
            "classes": len(data.classes),
            "samples_by_class": dict(zip(data.classes, map(int, found), strict=True)),
            "reference": {**pictures.reals.description, "count": len(pictures.reals)},
            "sure": f"a probability of at least {self.options.sure}",
            "found": f"a share of at least {self.options.least_share} of the share among the real pictures",
            "classifier": f"strided convolutions, {self.options.steps} steps on real {self.options.train_split} pictures; one "
            f"more answer for {DESCRIPTION}",
            "classifier_on_unseen": self._accuracy,
        }

    def _answers(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        assert self._classifier is not None
        return _sure_answers(self._classifier.probabilities(images), self.options.sure)


def classes_found(
    counts: NDArray[np.int64], samples: int, expected: NDArray[np.int64], least_share: float
) -> NDArray[np.bool_]:
    """Return which classes are found.

    Args:
        counts: Samples taken for each class.
        samples: All samples, also those of no class.
        expected: Real pictures of each class; a class without any cannot be found.
        least_share: Which part of its share among real pictures a class must have among samples.
    """
    shares: NDArray[np.float64] = expected / expected.sum()
    return (expected > 0) & (counts > 0) & (counts >= least_share * shares * samples)


def _sure_answers(probabilities: NDArray[np.float64], sure: float) -> NDArray[np.int64]:
    """Return the class of each row, -1 where the classifier is not sure or the answer is none of the classes."""
    answers = probabilities.argmax(axis=1)
    known = (probabilities.max(axis=1) >= sure) & (answers < probabilities.shape[1] - 1)
    return np.where(known, answers, -1)


def _among_classes(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of classes, the last answer left out."""
    # Where that has all of the probability, all classes are alike.
    shares = probabilities[:, :-1] + 1e-12
    return shares / shares.sum(axis=1, keepdims=True)


def _unit_range(pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    return np.stack(pictures).astype(np.float32) / np.float32(127.5) - np.float32(1)
