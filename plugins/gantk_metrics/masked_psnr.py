"""PSNR against a known truth, inside and outside a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, MetricResult, RunFailed, Translator
from gantk_metrics.options import MaskedPSNROptions
from gantk_metrics.picture_rows import picture_rows
from gantk_metrics.psnr import IDENTICAL


def masked_psnr(truth: NDArray[Any], prediction: NDArray[Any], weight: NDArray[Any]) -> float:
    """Return the PSNR over the pixels that a weight chooses.

    Args:
        truth: In [-1, 1], batch × height × width × channels.
        prediction: Of the same shape.
        weight: In [0, 1], batch × height × width × 1: how much each pixel counts.

    Returns:
        10 log10(255² / MSE) in dB, the MSE being one weighted mean over the whole set, in 8-bit levels; at most 100.

    Raises:
        ValueError: The weight is zero everywhere.
    """
    weight = np.asarray(weight, np.float64)
    total = weight.sum() * truth.shape[-1]
    if total == 0:
        raise ValueError("masked_psnr needs a weight that is not zero everywhere.")
    squared = ((np.asarray(truth, np.float64) - prediction) * 127.5) ** 2
    mean_squared_error = float((squared * weight).sum() / total)
    if mean_squared_error == 0:
        return IDENTICAL
    return min(IDENTICAL, 10 * np.log10(255.0**2 / mean_squared_error))


class MaskedPSNR:
    """PSNR against the truth outside the mask (is the background kept?) and inside it (is the object right?)."""

    def __init__(self, options: MaskedPSNROptions) -> None:
        self.options = options

    def prepare(self, data: EvaluationData) -> None:
        """Nothing is shared between candidates."""

    def evaluate(self, translator: Translator, data: EvaluationData) -> MetricResult:
        """Measure every direction on aligned samples."""
        split, limit = self.options.split, self.options.limit
        inside = (data.images(split, "AB", "mask", limit=limit)[..., :1] + 1) / 2
        for side, weight in (("inside", inside), ("outside", inside == 0)):
            if not np.any(weight):
                raise RunFailed(
                    f"masked_psnr measures inside and outside of the masks of {split}/AB, and both need pixels. "
                    f"Received: masks of {len(inside)} samples with no pixel {side}",
                    hint="Are the masks black outside and white inside the object? Without any, take the metric `psnr`.",
                )
        truth = {domain: data.images(split, "AB", domain, limit=limit) for domain in ("A", "B")}
        values: dict[str, float] = {}
        pictures: dict[str, Any] = {}
        for direction in translator.directions:
            source, target = direction.split("to")
            output = translator(direction, truth[source])
            name = f"{source}_to_{target}".lower()
            values[f"outside_{name}"] = masked_psnr(truth[target], output, inside == 0)
            values[f"inside_{name}"] = masked_psnr(truth[target], output, inside)
            pictures[f"{direction}: input, output, truth"] = picture_rows(truth[source], output, truth[target])
        return MetricResult(
            values=values,
            units=dict.fromkeys(values, "dB"),
            better=dict.fromkeys(values, "higher"),
            protocol={
                "split": split,
                "samples": len(inside),
                "truth": "the same scene drawn in the other domain",
                "inside": "pixels weighted by the mask, so that a soft edge counts in part",
                "outside": "pixels that the mask does not touch at all",
                "mse": "one mean over all pixels of the set",
                "identical": f"{IDENTICAL:g} dB stands for no difference at all",
            },
            pictures=pictures,
        )
