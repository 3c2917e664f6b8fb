"""Cycle error: what a translation there and back loses."""

from __future__ import annotations

import numpy as np

from gantk import EvaluationData, MetricResult, Translator
from gantk_metrics.options import CycleErrorOptions
from gantk_metrics.picture_levels import domain_images

_THERE_AND_BACK = {"A": ("AtoB", "BtoA"), "B": ("BtoA", "AtoB")}


class CycleError:
    """Mean of |F(G(x)) - x| over all pixels, in 8-bit levels (0 … 255).

    A generator that only copies has a perfect cycle: read this beside a metric of the translation.
    """

    def __init__(self, options: CycleErrorOptions) -> None:
        self.options = options

    def prepare(self, data: EvaluationData) -> None:
        """Nothing is shared between candidates."""

    def evaluate(self, translator: Translator, data: EvaluationData) -> MetricResult:
        """Measure both domains, where the translator has both directions; else there is no cycle and no value."""
        values = {}
        counts = {}
        for domain, (there, back) in _THERE_AND_BACK.items():
            if not {there, back} <= set(translator.directions):
                continue
            real, _ = domain_images(data, self.options.split, domain, self.options.limit)
            returned = translator(back, translator(there, real))
            values[f"cycle_error_{domain.lower()}"] = float(np.mean(np.abs(returned.astype(np.float64) - real)) * 127.5)
            counts[domain] = len(real)
        return MetricResult(
            values=values,
            units=dict.fromkeys(values, "levels"),
            better=dict.fromkeys(values, "lower"),
            protocol={
                "split": self.options.split,
                "samples": counts,
                "range": "8-bit levels, 0 to 255",
                **({} if values else {"no_value": "a cycle needs both directions"}),
            },
        )
