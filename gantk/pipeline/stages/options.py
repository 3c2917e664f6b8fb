"""Options of the built-in stages. Imports no framework."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from gantk.config.components import MetricChoice, ModelChoice, TransformChoice
from gantk.data.options import PreparationOptions
from gantk.engine.options import TrainingOptions
from gantk.engine.periodic_evaluation import metric_labels
from gantk.specs import Options


class PrepareOptions(PreparationOptions):
    """Options of the stage `prepare`."""


class PreviewOptions(Options):
    """Which samples the sample grids show."""

    split: str = "test"
    "The split they are taken from; `train` where the data has no such split."
    samples: int = Field(4, ge=1, le=64)
    "How many samples of each domain, the same ones in every grid."


class PeriodicEvaluationOptions(Options):
    """When the model is measured during training, and which weights are kept."""

    metrics: list[MetricChoice] = Field(min_length=1)
    "What to measure. The values are called `metric.value`, such as `cycle_error.cycle_error_a`."
    every_epochs: int = Field(1, ge=1)
    "Measure after every this many epochs, after the last, and once before the first step."
    keep_best: str | None = None
    "Keep the checkpoint that is best by this value, `metric.value` or `value` alone; higher or lower as the metric says."
    use: Literal["best", "last"] = "best"
    "The weights that the trained model has: those of the best evaluation (where `keep_best` is set), or the last."
    split: str | None = None
    "Used where a metric asks for the split `test`; by default `valid` where the data has it, since weights chosen by test pictures look better on them than they are."
    limit: int | None = Field(None, ge=1)
    "Measure at most this many pictures of that split."

    @field_validator("keep_best")
    @classmethod
    def _best_is_of_a_metric(cls, value: str | None, info: ValidationInfo) -> str | None:
        label, dot, _ = (value or "").rpartition(".")
        labels = metric_labels([metric.name for metric in info.data.get("metrics", [])])
        if dot and labels and label not in labels:
            raise ValueError(f"expected a value of one of the metrics {', '.join(labels)}. Received: {value!r}")
        return value


class TrainOptions(TrainingOptions):
    """Options of the stage `train`."""

    model: ModelChoice
    "The adversarial model."
    transforms: list[TransformChoice] = Field(default_factory=list)
    "Transforms of each training sample, in order; alike for the two sides of a pair."
    field_transforms: dict[Literal["A", "B", "image"], list[TransformChoice]] = Field(default_factory=dict)
    """Random changes of one field alone, before `transforms`: `{A: [colour_jitter]}` changes the colours of the inputs
    and not those of the targets. Sample grids show the fields without them."""
    split: str = "train"
    "The split to train on."
    preview: PreviewOptions = PreviewOptions()
    "Which samples the sample grids show."
    evaluate: PeriodicEvaluationOptions | None = None
    "Measure the model during training, and keep the best weights."
    licence: str = ""
    "Under what terms the trained model may be used, such as `CC BY 4.0`; it stands in the model and on the run's page."


class EvaluateOptions(Options):
    """Options of the stage `evaluate`."""

    metrics: list[MetricChoice] = Field(min_length=1)
    "What to measure."
    baselines: tuple[Literal["untrained", "identity", "bicubic", "training_mean", "colour_lookup"], ...] = (
        "untrained",
        "identity",
    )
    """What is measured beside the trained model. `untrained`: its networks before training. `identity`: giving back the
    input. `bicubic`: the input enlarged by Pillow, where the model enlarges. Of aligned data also `training_mean`: the
    mean training target, whatever the input; `colour_lookup`: each pixel by its colour alone, learnt from the training
    pairs."""
    baseline_split: str = "train"
    "The split that `training_mean` and `colour_lookup` learn from."


class TranslateOptions(Options):
    """Options of the stage `translate`."""

    direction: Literal["AtoB", "BtoA"] | None = None
    "Which way to translate; by default AtoB, or the only one the model has."
    split: str = "test"
    "Translate the prepared pictures of this split, where `inputs` names nothing else."
    limit: int | None = Field(32, ge=1)
    "Translate at most this many prepared pictures."
    inputs: list[str] = Field(default_factory=list)
    "Files, folders or archives to translate in place of prepared pictures; when one is new or changed, all are translated anew."


class ReportOptions(Options):
    """Options of the stage `report`."""

    title: str = ""
    "Heading of the page; by default the pipeline's name."
