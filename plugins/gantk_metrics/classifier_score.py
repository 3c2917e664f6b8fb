"""The formula of the Inception score with another classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from gantk_metrics.entropy_metric import EntropyMetric
from gantk_metrics.feature_network import PooledNetwork, load_features
from gantk_metrics.options import ClassifierScoreOptions


class ClassifierScore(EntropyMetric[ClassifierScoreOptions]):
    """The score by a feature network that classifies; it compares with no Inception score."""

    name = "classifier_score"
    values = ("classifier_score",)
    better: ClassVar[Mapping[str, str]] = {"classifier_score": "higher"}

    def load(self) -> PooledNetwork:
        """Build the network up to its logits."""
        return load_features(self.options.features)
