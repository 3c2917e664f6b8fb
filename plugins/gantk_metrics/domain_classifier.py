"""A classifier of real samples judges translations."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, MetricResult, RunFailed, Translator
from gantk_metrics.options import DomainClassifierOptions
from gantk_metrics.picture_levels import domain_images
from gantk_metrics.ruined_pictures import DESCRIPTION, ruined

CLASSES = ("A", "B", "neither")
"""The classifier's answers, in the order of its logits."""

SURE = 0.95
"""Probability from which `neither` is the answer. Real pictures unlike those learnt get less, what is no picture gets more:
on maps of a region not learnt a quarter had over 0.3, and untrained networks' outputs all had over 0.999."""


def build_classifier(filters: int, channels: int, seed: int) -> keras.Model:
    """Build a small convolutional classifier of images in [-1, 1] of any size.

    Returns:
        A model from batch × height × width × channels to a logit for each of `CLASSES`.
    """
    seeds = iter(range(seed, seed + 8))

    def convolution(width: int) -> keras.layers.Layer:
        return keras.layers.Conv2D(
            width,
            3,
            strides=2,
            padding="same",
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed=next(seeds)),
        )

    return keras.Sequential(
        [
            keras.Input((None, None, channels)),
            convolution(filters),
            convolution(filters * 2),
            convolution(filters * 4),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(len(CLASSES), kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds))),
        ]
    )


class DomainClassifier:
    """The share of translations taken for the target domain.

    The classifier has three answers: both domains, learnt from real samples, and neither, learnt from ruined ones
    (noise, real pictures under noise or through random filters), so that whatever is no picture at all is not taken
    for the domain it resembles least badly. It has not seen any generator's output. Its accuracy on samples it has not
    seen stands beside the shares: where that is low, the shares say nothing.
    """

    def __init__(self, options: DomainClassifierOptions) -> None:
        self.options = options
        self._classifier: keras.Model | None = None
        self._accuracy: dict[str, float] = {}

    def prepare(self, data: EvaluationData) -> None:
        """Train the classifier on real and ruined samples, and check it on unseen ones."""
        options = self.options
        real = [domain_images(data, options.train_split, domain)[0] for domain in ("A", "B")]
        if real[0].shape[1:] != real[1].shape[1:]:
            raise RunFailed(
                f"domain_classifier: the pictures of both domains must have one shape. "
                f"Received: {real[0].shape[1:]} and {real[1].shape[1:]}",
                hint="Give both one size and as many channels in the transforms of the prepare stage.",
            )
        random = np.random.default_rng(data.seed)
        classifier = build_classifier(options.filters, real[0].shape[-1], data.seed)
        classifier.compile(
            optimizer=keras.optimizers.Adam(1e-3), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        third = options.batch_size // 3
        labels = np.repeat(np.arange(3), third)
        for _ in range(options.steps):
            batch = np.concatenate([images[random.integers(len(images), size=third)] for images in real])
            model = batch[random.integers(len(batch), size=third)]
            batch = np.concatenate([batch, ruined(model, random)])
            mirrored = random.random(len(batch)) < 0.5
            batch[mirrored] = batch[mirrored, :, ::-1]
            classifier.train_on_batch(batch, labels)
        self._classifier = classifier
        unseen = [domain_images(data, options.test_split, domain)[0] for domain in ("A", "B")]
        samples = [*unseen, ruined(np.concatenate(unseen), random)]
        self._accuracy = {
            name: round(float(np.mean(self._answers(images) == number)), 4)
            for number, (name, images) in enumerate(zip(CLASSES, samples, strict=True))
        }

    def evaluate(self, translator: Translator, data: EvaluationData) -> MetricResult:
        """Measure every direction on real samples of the test split; NaN where translations are not finite."""
        values = {}
        better = {}
        counts = {}
        for direction in translator.directions:
            source, target = direction.split("to")
            real, _ = domain_images(data, self.options.test_split, source, self.options.limit)
            translated = translator(direction, real)
            # ReLU may turn NaN into 0, and the classifier would have an opinion on a picture that is none.
            finite = bool(np.all(np.isfinite(translated)))
            answers = self._answers(translated)
            for name, answer, end in (("taken_for", target, "higher"), ("taken_for_neither", "neither", "lower")):
                value = f"{name}_{target}".lower() if answer == target else f"{name}_{source}_to_{target}".lower()
                values[value] = float(np.mean(answers == CLASSES.index(answer))) if finite else float("nan")
                better[value] = end
            counts[source] = len(real)
        return MetricResult(
            values=values,
            units=dict.fromkeys(values, "share"),
            better=better,
            protocol={
                "split": self.options.test_split,
                "samples": counts,
                "classifier": f"3 strided convolutions, {self.options.steps} steps on real {self.options.train_split} and "
                "ruined pictures",
                "neither": f"{DESCRIPTION}; the answer where its probability is at least {SURE}",
                "classifier_accuracy_on_real": round((self._accuracy["A"] + self._accuracy["B"]) / 2, 4),
                "classifier_accuracy_on_ruined": self._accuracy["neither"],
            },
        )

    def _answers(self, images: NDArray[Any]) -> NDArray[Any]:
        if self._classifier is None:
            raise RuntimeError("DomainClassifier.evaluate was called before prepare.")
        logits = np.asarray(self._classifier.predict(images, batch_size=32, verbose=0), np.float64)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        sure = weights[:, 2] >= SURE * weights.sum(axis=1)
        return np.where(sure, 2, logits[:, :2].argmax(axis=1))
