"""What the Inception score and its likes share: a classifier's answers about samples."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from gantk import EvaluationData, RunFailed
from gantk_metrics.class_entropy import softmax, split_scores
from gantk_metrics.feature_network import PooledNetwork
from gantk_metrics.options import EntropyOptions
from gantk_metrics.picture_levels import PixelDigest
from gantk_metrics.sample_metric import SampleMetric
from gantk_metrics.sampled_pictures import Comparison

_ENOUGH = 50_000
"""Samples of the paper."""

Chosen = TypeVar("Chosen", bound=EntropyOptions)


class EntropyMetric(SampleMetric[Chosen]):
    """The score of Salimans 2016, section 4: mean over parts of the samples, and its deviation over them.

    Real pictures are not looked at; they only decide how many samples there are.
    """

    @abstractmethod
    def load(self) -> PooledNetwork:
        """Build the network, from pictures to logits."""

    @cached_property
    def network(self) -> PooledNetwork:
        """The network, built once."""
        return self.load()

    def prepare(self, data: EvaluationData) -> None:
        """Load the network."""
        _ = self.network

    def measure(self, pictures: Comparison, data: EvaluationData) -> tuple[dict[str, float], dict[str, Any]]:
        """Return the score, and its deviation over the parts.

        Raises:
            RunFailed: There are fewer samples than parts.
        """
        count, splits = len(pictures.samples.names), self.options.splits
        if count < splits:
            raise RunFailed(
                f"{self.name}: each of {splits} splits needs a sample. Received: {count} samples",
                hint="Set `samples`, or fewer `splits`.",
            )
        digest = PixelDigest()
        logits = self.network.features(pictures.samples, self.options.batch_size, digest)
        mean, deviation = split_scores(np.concatenate([softmax(rows) for rows in logits]), splits)
        notes = {
            "splits": f"{splits}; the value is the mean of their scores, the deviation that over them",
            "features": self.network.protocol,
            "digest": str(digest),
        }
        if count < _ENOUGH:
            notes["warning"] = f"{count} samples: with fewer than the paper's {_ENOUGH:,} the score is lower"
        return {self.name: mean, f"{self.name}_deviation": deviation}, notes
