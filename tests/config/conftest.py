"""A registry with one small plugin, so that what is tested here does not change with the built-in ones."""

from typing import Literal

import pytest
from pydantic import Field, model_validator

from gantk.config.components import (
    AdversarialLossChoice,
    GeneratorChoice,
    ModelChoice,
    PairwiseLossChoice,
    SourceChoice,
    TransformChoice,
)
from gantk.hookspecs import hookimpl
from gantk.registry import Registry
from gantk.specs import (
    GeneratorSpec,
    Layout,
    LossSpec,
    ModelSpec,
    Options,
    SourceOptions,
    SourceSpec,
    StageSpec,
    TransformSpec,
)


class ResNetOptions(Options):
    blocks: int = Field(9, ge=0)
    "Residual blocks."
    dropout: float | None = Field(None, ge=0, lt=1)
    upsampling: Literal["transposed", "resize"] = "transposed"


class FolderOptions(SourceOptions):
    path: str
    "The folder."
    paired: bool = False

    @property
    def layout(self) -> Layout:
        return "aligned" if self.paired else "unpaired"


class ResizeOptions(Options):
    size: int | tuple[int, int] = Field(256)
    "Pixels: one number for a square, or height and width."


class ScheduleOptions(Options):
    type: Literal["constant", "linear"] = "constant"
    decay: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _decay_has_a_length(self):
        if self.type == "linear" and self.decay == 0:
            raise ValueError("a linear schedule needs `decay` > 0. Received: decay=0")
        return self


class OptimizerOptions(Options):
    learning_rate: float = Field(2e-4, gt=0)


class CycleGANOptions(Options):
    generator: GeneratorChoice = Field("resnet", validate_default=True)
    adversarial_loss: AdversarialLossChoice = Field("lsgan", validate_default=True)
    cycle_loss: PairwiseLossChoice = Field("l1", validate_default=True)
    second_generator: GeneratorChoice | None = None
    cycle_weight: float = Field(10.0, ge=0)


class PrepareOptions(Options):
    source: SourceChoice
    "Where the raw samples come from."
    transforms: tuple[TransformChoice, ...] = ()
    encoding: Literal["png", "jpeg"] = "png"


class TrainOptions(Options):
    model: ModelChoice
    "The adversarial model."
    transforms: list[TransformChoice] = Field(default_factory=list)
    epochs: int = Field(1, ge=1)
    jit: Literal["auto"] | bool = "auto"
    schedule: ScheduleOptions = ScheduleOptions()
    optimizers: dict[str, OptimizerOptions] = Field(default_factory=dict)
    note: str = ""
    limits: list[float] = Field(default_factory=list)


class TranslateOptions(Options):
    direction: Literal["AtoB", "BtoA"] = "AtoB"


class SmallPlugin:
    @hookimpl
    def gantk_generators(self):
        return [
            GeneratorSpec(name="resnet", factory="builtins:dict", summary="Residual.", options=ResNetOptions),
            GeneratorSpec(name="unet", factory="builtins:dict", summary="With skips."),
        ]

    @hookimpl
    def gantk_losses(self):
        return [
            LossSpec(name="lsgan", factory="builtins:dict", summary="Least squares.", reference="Mao 2017"),
            LossSpec(name="hinge", factory="builtins:dict", summary="Hinge."),
            LossSpec(name="l1", factory="builtins:dict", summary="Absolute difference.", role="pairwise"),
        ]

    @hookimpl
    def gantk_transforms(self):
        return [
            TransformSpec(name="resize", factory="builtins:dict", summary="Resize.", options=ResizeOptions),
            TransformSpec(name="flip", factory="builtins:dict", summary="Flip."),
            TransformSpec(name="normalise", factory="builtins:dict", summary="To [-1, 1].", at_preparation=False),
        ]

    @hookimpl
    def gantk_models(self):
        return [
            ModelSpec(
                name="cyclegan", factory="builtins:dict", summary="Cycles.", options=CycleGANOptions, layout="unpaired"
            ),
            ModelSpec(name="pix2pix", factory="builtins:dict", summary="Pairs.", layout="aligned"),
        ]

    @hookimpl
    def gantk_sources(self):
        return [SourceSpec(name="folder", factory="builtins:dict", summary="A folder.", options=FolderOptions)]

    @hookimpl
    def gantk_stages(self):
        return [
            StageSpec(
                name="prepare",
                factory="builtins:dict",
                summary="Prepare.",
                options=PrepareOptions,
                produces=("dataset",),
            ),
            StageSpec(
                name="train",
                factory="builtins:dict",
                summary="Train.",
                options=TrainOptions,
                consumes=("dataset",),
                produces=("model",),
            ),
            StageSpec(
                name="translate",
                factory="builtins:dict",
                summary="Translate.",
                options=TranslateOptions,
                consumes=("dataset", "model"),
            ),
            StageSpec(name="report", factory="builtins:dict", summary="Report."),
        ]


class ThirdParty:
    @hookimpl
    def gantk_generators(self):
        return [GeneratorSpec(name="big", factory="builtins:dict", summary="Big.", options=ResNetOptions)]


@pytest.fixture
def registry():
    return Registry({"small": SmallPlugin()}, third_party={"acme": ThirdParty()})


GOOD = """\
name: horse2zebra
description: "Horses to zebras: and back"
seed: 7
runtime: {backend: jax, threads: 2}
stages:
  prepare:
    source: {type: folder, path: data/horses}
    transforms: [{type: resize, size: 64}, flip]
  train:
    model:
      type: cyclegan
      generator: {type: resnet, blocks: 4, dropout: 1e-4}
    transforms: [flip, normalise]
    epochs: 10
    optimizers:
      generators: {learning_rate: 1e-4}
    note: no
  forwards: {type: translate}
  report:
profiles:
  paper:
    stages:
      prepare: {source: {path: data/all}}
      train: {epochs: 200, note: null, transforms: [normalise]}
  long:
    extends: paper
    stages: {train: {epochs: 400}}
"""


@pytest.fixture
def good():
    return GOOD


@pytest.fixture
def write(tmp_path):
    """Write a pipeline file and return its path."""

    def write_file(text, name="pipeline.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_file
