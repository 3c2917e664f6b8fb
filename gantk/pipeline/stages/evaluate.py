"""The stage `evaluate`: the trained model beside its baselines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gantk.engine.periodic_evaluation import metric_labels
from gantk.pipeline.stage_context import StageContext
from gantk.pipeline.stages.options import EvaluateOptions
from gantk.protocols import Artifact, Translator

if TYPE_CHECKING:
    from gantk.artifacts import Bundle
    from gantk.data import PreparedDataset


class EvaluateStage:
    """Compute the metrics of the trained model and of the baselines on the same prepared pictures."""

    def __init__(self, options: EvaluateOptions) -> None:
        self.options = options

    def run(self, context: StageContext) -> Mapping[str, Artifact]:
        """Write `evaluation.json` into the stage's folder, and what was measured into the model."""
        from gantk.artifacts import load_bundle
        from gantk.data import PreparedDataset
        from gantk.engine.backend import choose_backend

        choose_backend(
            context.runtime.backend, threads=context.runtime.threads, deterministic=context.runtime.deterministic
        )
        from gantk.evaluation import PreparedEvaluationData, evaluate

        bundle = load_bundle(context.artifact("model").path)
        dataset = PreparedDataset.open(context.artifact("dataset").path)
        candidates: dict[str, Translator] = {"trained": bundle}
        for name in dict.fromkeys(self.options.baselines):
            candidates[name] = self._baseline(name, bundle, dataset, context.seed)
        data = PreparedEvaluationData(dataset, context.seed)
        entries = evaluate(self.options.metrics, candidates, data, context.directory)
        # The digest of the model is of its networks alone, so no stage runs again for this.
        bundle.record_metrics(metrics_of_model(entries))
        digest = hashlib.sha256((context.directory / "evaluation.json").read_bytes()).hexdigest()
        return {"evaluation": Artifact(context.directory, digest)}

    def _baseline(self, name: str, bundle: Bundle, dataset: PreparedDataset, seed: int) -> Translator:
        from gantk.evaluation import (
            BicubicTranslator,
            ColourLookupTranslator,
            IdentityTranslator,
            TrainingMeanTranslator,
            TrainingPairs,
        )

        if name == "untrained":
            return untrained_translator(bundle, seed)
        if name in ("identity", "bicubic"):
            enlarge = IdentityTranslator if name == "identity" else BicubicTranslator
            return enlarge(
                bundle.directions, {direction: record.scale for direction, record in bundle.metadata.networks.items()}
            )
        pairs = TrainingPairs(dataset, self.options.baseline_split, baseline=name)
        if name == "training_mean":
            return TrainingMeanTranslator(pairs, bundle.directions)
        return ColourLookupTranslator(pairs, bundle.directions)


def metrics_of_model(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a model says of itself after an evaluation.

    Args:
        entries: What `gantk.evaluation.evaluate` returned.

    Returns:
        By metric, a second one of the same name as `name-2`: `values`, `units`, `better` and `protocol` of the trained
        model, and under `baselines` the values of every other candidate.
    """
    trained = [index for index, entry in enumerate(entries) if entry["candidate"] == "trained"]
    labels = metric_labels([entries[index]["name"] for index in trained])
    return {
        label: {
            **{key: entries[first][key] for key in ("values", "units", "better", "protocol")},
            "baselines": {entry["candidate"]: entry["values"] for entry in entries[first + 1 : end]},
        }
        for label, (first, end) in zip(labels, pairwise([*trained, len(entries)]), strict=True)
    }


def untrained_translator(bundle: Bundle, seed: int) -> Translator:
    """Build the bundle's networks with weights as before any training."""
    from gantk.engine.building import set_seeds
    from gantk.evaluation import NetworkTranslator

    set_seeds(seed)
    components = {direction: bundle.component(direction) for direction in bundle.directions}
    networks = {
        direction: components[direction].create(
            input_shape=(None, None, record.input_channels), output_channels=record.output_channels
        )
        for direction, record in bundle.metadata.networks.items()
    }
    return NetworkTranslator(networks, components)
