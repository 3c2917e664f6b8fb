"""Whether samples differ from each other: MS-SSIM between pairs of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gantk import EvaluationData, RunFailed
from gantk_metrics.ms_ssim import WEIGHTS, multi_scale_similarity, smallest_side
from gantk_metrics.options import SampleSimilarityOptions
from gantk_metrics.sample_metric import SampleMetric
from gantk_metrics.sampled_pictures import Comparison

_PAIRS_AT_ONCE = 64


class SampleSimilarity(SampleMetric[SampleSimilarityOptions]):
    """The mean MS-SSIM of pairs of samples (Odena 2017, section 4.2; Karras 2018, section 5).

    Samples 1 and 2 are a pair, 3 and 4, and so on. Near 1 all are alike. Neither end is better: the value to be near to
    is that of real pictures, which stands beside it.
    """

    name = "sample_similarity"
    values = ("sample_similarity",)

    def measure(self, pictures: Comparison, data: EvaluationData) -> tuple[dict[str, float], dict[str, Any]]:
        """Return the mean over pairs."""
        names = pictures.samples.names
        pairs = len(names) // 2
        similarities = []
        scales = 0
        for start in range(0, pairs, _PAIRS_AT_ONCE):
            some = [pictures.samples.read(name) for name in names[2 * start : 2 * min(pairs, start + _PAIRS_AT_ONCE)]]
            images = np.stack(some)
            scales = scales or self._scales(images.shape[1:3])
            similarities.append(multi_scale_similarity(images[0::2], images[1::2], scales))
        values = np.concatenate(similarities)
        return {self.name: float(values.mean())}, {
            "pairs": pairs,
            "scales": scales,
            "weights": "of the paper" if scales == len(WEIGHTS) else "of its first scales, divided by their sum",
            "reading": "1: all alike; compare with real pictures",
        }

    def _scales(self, size: tuple[int, ...]) -> int:
        fitting = [scales for scales in range(1, len(WEIGHTS) + 1) if smallest_side(scales) <= min(size)]
        wanted = self.options.scales or max(fitting, default=1)
        if wanted not in fitting:
            raise RunFailed(
                f"{self.name}: `scales: {wanted}` needs pictures with sides of at least {smallest_side(wanted)} pixels. "
                f"Received: {size[1]} × {size[0]}",
                hint=f"Choose fewer: {{type: {self.name}, scales: {fitting[-1]}}}." if fitting else "",
            )
        return wanted
