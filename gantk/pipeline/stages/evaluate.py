"""The stage `evaluate`: the trained model beside its baselines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gantk.engine.periodic_evaluation import metric_labels
from gantk.errors import ConfigError
from gantk.pipeline.stage_context import StageContext
from gantk.pipeline.stages.options import EvaluateOptions
from gantk.protocols import Artifact, EvaluationData, Sampler, Translator
from gantk.specs import Made

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
        from gantk.evaluation import PreparedEvaluationData, evaluate, require_fitting_metrics

        bundle = load_bundle(context.artifact("model").path)
        made: Made = "samples" if samples_latents(bundle) else "translations"
        require_fitting_metrics(self.options.metrics, made)
        baselines = fitting_baselines(self.options.baselines, made)
        dataset = PreparedDataset.open(context.artifact("dataset").path)
        data = PreparedEvaluationData(dataset, context.seed)
        candidates: dict[str, Any] = {"trained": bundle}
        if made == "samples":
            candidates = dict(self._samplers(bundle, baselines, data))
        else:
            candidates |= {name: self._baseline(name, bundle, dataset, context.seed) for name in baselines}
        entries = evaluate(self.options.metrics, candidates, data, context.directory)
        # The digest of the model is of its networks alone, so no stage runs again for this.
        bundle.record_metrics(metrics_of_model(entries))
        digest = hashlib.sha256((context.directory / "evaluation.json").read_bytes()).hexdigest()
        return {"evaluation": Artifact(context.directory, digest)}

    def _samplers(self, bundle: Bundle, baselines: Sequence[str], data: EvaluationData) -> dict[str, Sampler]:
        from gantk.evaluation import RealSampler
        from gantk.inference.generation.sampler import BundleSampler

        trained = BundleSampler(bundle)
        samplers: dict[str, Sampler] = {"trained": trained}
        for name in baselines:
            if name == "real":
                samplers[name] = RealSampler(data, self.options.baseline_split)
            else:
                network = untrained_networks(bundle, data.seed)[trained.direction]
                samplers[name] = BundleSampler(bundle, trained.direction, network=network)
        return samplers

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


def samples_latents(bundle: Bundle) -> bool:
    """Tell whether a model makes images of latent vectors."""
    return any(record.latents is not None for record in bundle.metadata.networks.values())


def fitting_baselines(chosen: Sequence[str] | None, made: Made) -> tuple[str, ...]:
    """Return the baselines to measure, each once.

    Args:
        chosen: Those that were asked for; None for the default.
        made: What the model makes.

    Raises:
        ConfigError: There is no such baseline for what the model makes.
    """
    there = EvaluateOptions.baselines_of[made]
    if chosen is None:
        return there[:2]
    if unfit := [name for name in chosen if name not in there]:
        raise ConfigError(
            f"Beside a model that makes {made} `baselines` may name {', '.join(there)}.\nReceived: {', '.join(unfit)}"
        )
    return tuple(dict.fromkeys(chosen))


def untrained_translator(bundle: Bundle, seed: int) -> Translator:
    """Build the bundle's networks with weights as before any training."""
    from gantk.evaluation import NetworkTranslator

    components = {direction: bundle.component(direction) for direction in bundle.directions}
    return NetworkTranslator(untrained_networks(bundle, seed), components)


def untrained_networks(bundle: Bundle, seed: int) -> dict[str, Any]:
    """Build the bundle's networks, by direction, with weights as before any training."""
    from gantk.artifacts.bundle import network_arguments
    from gantk.engine.building import set_seeds

    set_seeds(seed)
    return {
        direction: bundle.component(direction).create(**network_arguments(record))
        for direction, record in bundle.metadata.networks.items()
    }
