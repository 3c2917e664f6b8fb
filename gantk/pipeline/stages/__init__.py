"""The stages that come with gantk, registered through the same hook as a plugin's."""

from __future__ import annotations

from gantk.hookspecs import hookimpl
from gantk.pipeline.stages.options import (
    EvaluateOptions,
    GenerateOptions,
    PrepareOptions,
    ReportOptions,
    TrainOptions,
    TranslateOptions,
)
from gantk.specs import StageSpec


@hookimpl
def gantk_stages() -> list[StageSpec]:
    """Return prepare, train, evaluate, translate, generate and report."""
    return [
        StageSpec(
            name="prepare",
            factory="gantk.pipeline.stages.prepare:PrepareStage",
            summary="Read a source with Apache Beam, check and transform every sample, write shards.",
            options=PrepareOptions,
            produces=("dataset",),
            checks_itself=True,
        ),
        StageSpec(
            name="train",
            factory="gantk.pipeline.stages.train:TrainStage",
            summary="Train an adversarial model on prepared data with a compiled step.",
            options=TrainOptions,
            consumes=("dataset",),
            produces=("model",),
            resumable=True,
            may_change=frozenset(
                {
                    "epochs",
                    "optimizers",
                    "schedule",
                    "checkpoint",
                    "log_every",
                    "check_numerics_every",
                    "sample_every_epochs",
                    "preview",
                    "evaluate",
                    "licence",
                }
            ),
        ),
        StageSpec(
            name="evaluate",
            factory="gantk.pipeline.stages.evaluate:EvaluateStage",
            summary="Measure the trained model beside the untrained one and doing nothing.",
            options=EvaluateOptions,
            consumes=("dataset", "model"),
            produces=("evaluation",),
        ),
        StageSpec(
            name="translate",
            factory="gantk.pipeline.stages.translate:TranslateStage",
            summary="Translate pictures with the trained model: the test pictures, or files and folders.",
            options=TranslateOptions,
            consumes=("dataset", "model"),
            produces=("translations",),
            resumable=True,
            reads=frozenset({"inputs"}),
        ),
        StageSpec(
            name="generate",
            factory="gantk.pipeline.stages.generate:GenerateStage",
            summary="Make pictures with a trained model of latent vectors.",
            options=GenerateOptions,
            consumes=("model",),
            produces=("generated",),
            resumable=True,
        ),
        StageSpec(
            name="report",
            factory="gantk.pipeline.stages.report:ReportStage",
            summary="Write the run's page: one HTML file with samples, curves, metrics and settings.",
            options=ReportOptions,
            produces=("report",),
            checks_itself=True,
        ),
    ]
