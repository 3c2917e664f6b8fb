"""Options of the built-in stages. Imports no framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from gantk.config.components import MetricChoice, ModelChoice, TransformChoice
from gantk.data.options import PreparationOptions
from gantk.engine.game_combinations import combination_cautions, combination_refusal
from gantk.engine.options import TrainingOptions
from gantk.engine.periodic_evaluation import metric_labels
from gantk.specs import GrowingModelOptions, Made, Options


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

    @model_validator(mode="after")
    def _growing_models_say_it_themselves(self) -> TrainOptions:
        if isinstance(self.model.options, GrowingModelOptions):
            given = [name for name in ("epochs", "batch_size") if name in self.model_fields_set]
            if given:
                raise ValueError(
                    f"the model {self.model.name!r} trains in phases, which its own options describe (`gantk plugins show "
                    f"{self.model.name}`), and the train stage takes no {' and no '.join(given)} with it. Received: "
                    + ", ".join(f"{name}={getattr(self, name)}" for name in given)
                )
        return self

    @model_validator(mode="after")
    def _losses_fit_the_game(self) -> TrainOptions:
        if refusal := combination_refusal(self.model.options, self):
            raise ValueError(refusal)
        return self

    def cautions(self) -> list[str]:
        """Say what of the model, its losses and its penalties hardly goes together, and where the schedule ends too early."""
        return [*super().cautions(), *combination_cautions(self.model.options, self)]

    def schedule_cautions(self, steps_per_epoch: int | None) -> list[str]:
        """Say that the learning rate is zero at the end, if it is; nothing where phases decide the end."""
        return [] if isinstance(self.model.options, GrowingModelOptions) else super().schedule_cautions(steps_per_epoch)


class EvaluateOptions(Options):
    """Options of the stage `evaluate`."""

    metrics: list[MetricChoice] = Field(min_length=1)
    "What to measure."
    baselines: (
        tuple[Literal["untrained", "identity", "bicubic", "training_mean", "colour_lookup", "real"], ...] | None
    ) = None
    """What is measured beside the trained model; by default `untrained` and `identity`, of a model of latent vectors
    `untrained` and `real`. `untrained`: its networks before training. `identity`: giving back the input. `bicubic`: the
    input enlarged by Pillow, where the model enlarges. Of aligned data also `training_mean`: the mean training target,
    whatever the input; `colour_lookup`: each pixel by its colour alone, learnt from the training pairs. Of a model of
    latent vectors `real`: real pictures of `baseline_split` in place of samples, the floor of every metric."""
    baseline_split: str = "train"
    "The split that `training_mean` and `colour_lookup` learn from, and that the pictures of `real` are of."

    baselines_of: ClassVar[Mapping[Made, tuple[str, ...]]] = {
        "translations": ("untrained", "identity", "bicubic", "training_mean", "colour_lookup"),
        "samples": ("untrained", "real"),
    }
    "Which baselines there are for what a model makes; the first two are the default."


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


class GenerateOptions(Options):
    """Options of the stage `generate`."""

    count: int = Field(64, ge=1, le=10_000_000)
    "How many pictures."
    seed: int = Field(0, ge=0, lt=1 << 63)
    "Decides the pictures; those of a seed are numbered from 0."
    labels: str | None = None
    "Of a model with labels, the pictures' in turn: `3`, `0,1,2`, `cat,dog` or `all`; by default all."
    truncation: float | None = Field(None, gt=0)
    "Take only latent numbers of at most this magnitude: less variety for better pictures (Brock 2019, section 3.1)."
    direction: str | None = None
    "Of a model that has several; by default `sample`, or the only one."
    format: Literal["png", "jpeg", "webp", "tiff", "bmp"] = "png"
    "Of the files."
    shown: int = Field(100, ge=1, le=1000)
    "At most this many are on the run's page."


class ReportOptions(Options):
    """Options of the stage `report`."""

    title: str = ""
    "Heading of the page; by default the pipeline's name."
