"""A classifier of real samples judges translations."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, MetricResult, Translator
from gantk_metrics.options import DomainClassifierOptions


def build_classifier(filters: int, channels: int, seed: int) -> keras.Model:
    """Build a small convolutional classifier of images in [-1, 1] of any size.

    Returns:
        A model from batch × height × width × channels to one logit a sample: positive means domain `B`.
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
            keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds))),
        ]
    )


class DomainClassifier:
    """The share of translations taken for the target domain.

    The classifier sees real samples only, so it has not learnt any generator's traces. Its accuracy on real samples
    it has not seen stands beside the shares: where that is low, the shares say nothing.
    """

    def __init__(self, options: DomainClassifierOptions) -> None:
        self.options = options
        self._classifier: keras.Model | None = None
        self._accuracy = 0.0

    def prepare(self, data: EvaluationData) -> None:
        """Train the classifier on real samples and check it on unseen ones."""
        options = self.options
        real = {domain: data.images(options.train_split, domain) for domain in ("A", "B")}
        random = np.random.default_rng(data.seed)
        classifier = build_classifier(options.filters, real["A"].shape[-1], data.seed)
        classifier.compile(
            optimizer=keras.optimizers.Adam(1e-3), loss=keras.losses.BinaryCrossentropy(from_logits=True)
        )
        half = options.batch_size // 2
        labels = np.repeat(np.array([0, 1], np.float32), half)[:, None]
        for _ in range(options.steps):
            batch = np.concatenate([real[domain][random.integers(len(real[domain]), size=half)] for domain in real])
            mirrored = random.random(len(batch)) < 0.5
            batch[mirrored] = batch[mirrored, :, ::-1]
            classifier.train_on_batch(batch, labels)
        self._classifier = classifier
        correct = [
            np.mean((self._logits(data.images(options.test_split, domain)) > 0) == (domain == "B"))
            for domain in ("A", "B")
        ]
        self._accuracy = float(np.mean(correct))

    def evaluate(self, translator: Translator, data: EvaluationData) -> MetricResult:
        """Measure every direction on real samples of the test split; NaN where translations are not finite."""
        values = {}
        counts = {}
        for direction in translator.directions:
            source, target = direction.split("to")
            real = data.images(self.options.test_split, source, limit=self.options.limit)
            translated = translator(direction, real)
            taken_for_b = self._logits(translated) > 0
            # ReLU may turn NaN into 0, and the classifier would have an opinion on a picture that is none.
            share = np.mean(taken_for_b == (target == "B")) if np.all(np.isfinite(translated)) else np.nan
            values[f"taken_for_{target.lower()}"] = float(share)
            counts[source] = len(real)
        return MetricResult(
            values=values,
            units=dict.fromkeys(values, "share"),
            better=dict.fromkeys(values, "higher"),
            protocol={
                "split": self.options.test_split,
                "samples": counts,
                "classifier": f"3 strided convolutions, {self.options.steps} steps on real {self.options.train_split}",
                "classifier_accuracy_on_real": round(self._accuracy, 4),
            },
        )

    def _logits(self, images: NDArray[Any]) -> NDArray[Any]:
        if self._classifier is None:
            raise RuntimeError("DomainClassifier.evaluate was called before prepare.")
        return np.asarray(self._classifier.predict(images, batch_size=32, verbose=0))[:, 0]
