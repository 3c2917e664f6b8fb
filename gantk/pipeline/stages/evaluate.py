"""The stage `evaluate`: the trained model beside its baselines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gantk.pipeline.stage_context import StageContext
from gantk.pipeline.stages.options import EvaluateOptions
from gantk.protocols import Artifact, Translator

if TYPE_CHECKING:
    from gantk.artifacts import Bundle


class EvaluateStage:
    """Compute the metrics of the trained model and of the baselines on the same prepared pictures."""

    def __init__(self, options: EvaluateOptions) -> None:
        self.options = options

    def run(self, context: StageContext) -> Mapping[str, Artifact]:
        """Write `evaluation.json` into the stage's folder."""
        from gantk.artifacts import load_bundle
        from gantk.data import PreparedDataset
        from gantk.engine.backend import choose_backend

        choose_backend(
            context.runtime.backend, threads=context.runtime.threads, deterministic=context.runtime.deterministic
        )
        from gantk.evaluation import IdentityTranslator, PreparedEvaluationData, evaluate

        bundle = load_bundle(context.artifact("model").path)
        candidates: dict[str, Translator] = {"trained": bundle}
        if "untrained" in self.options.baselines:
            candidates["untrained"] = untrained_translator(bundle, context.seed)
        if "identity" in self.options.baselines:
            candidates["identity"] = IdentityTranslator(bundle.directions)
        data = PreparedEvaluationData(PreparedDataset.open(context.artifact("dataset").path), context.seed)
        evaluate(self.options.metrics, candidates, data, context.directory)
        digest = hashlib.sha256((context.directory / "evaluation.json").read_bytes()).hexdigest()
        return {"evaluation": Artifact(context.directory, digest)}


def untrained_translator(bundle: Bundle, seed: int) -> Translator:
    """Build the bundle's networks with weights as before any training."""
    from gantk.engine.building import set_seeds
    from gantk.evaluation import NetworkTranslator

    set_seeds(seed)
    networks = {}
    for direction, record in bundle.metadata.networks.items():
        networks[direction] = bundle.component(direction).create(
            input_shape=(None, None, record.input_channels), output_channels=record.output_channels
        )
    return NetworkTranslator(networks)
