"""Options of the built-in stages. Imports no framework."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gantk.config.components import MetricChoice, ModelChoice, TransformChoice
from gantk.data.options import PreparationOptions
from gantk.engine.options import TrainingOptions
from gantk.specs import Options


class PrepareOptions(PreparationOptions):
    """Options of the stage `prepare`."""


class PreviewOptions(Options):
    """Which samples the sample grids show."""

    split: str = "test"
    "The split they are taken from; `train` where the data has no such split."
    samples: int = Field(4, ge=1, le=64)
    "How many samples of each domain, the same ones in every grid."


class TrainOptions(TrainingOptions):
    """Options of the stage `train`."""

    model: ModelChoice
    "The adversarial model."
    transforms: list[TransformChoice] = Field(default_factory=list)
    "Transforms of each training sample, in order."
    split: str = "train"
    "The split to train on."
    preview: PreviewOptions = PreviewOptions()
    "Which samples the sample grids show."


class EvaluateOptions(Options):
    """Options of the stage `evaluate`."""

    metrics: list[MetricChoice] = Field(min_length=1)
    "What to measure."
    baselines: tuple[Literal["untrained", "identity"], ...] = ("untrained", "identity")
    "What is measured beside the trained model: its networks before training, and giving back the input."


class TranslateOptions(Options):
    """Options of the stage `translate`."""

    direction: Literal["AtoB", "BtoA"] = "AtoB"
    "Which way to translate."
    split: str = "test"
    "Translate the prepared pictures of this split, where `inputs` names nothing else."
    limit: int | None = Field(32, ge=1)
    "Translate at most this many prepared pictures."
    inputs: list[str] = Field(default_factory=list)
    "Files, folders or archives to translate in place of prepared pictures; `--from translate` looks at them again."


class ReportOptions(Options):
    """Options of the stage `report`."""

    title: str = ""
    "Heading of the page; by default the pipeline's name."
