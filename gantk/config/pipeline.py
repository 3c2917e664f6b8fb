"""The pipeline file as frozen models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gantk.config.components import CHOICE_KEY, Component, StageChoice
from gantk.specs import Options, Spec

STAGE_NAME = r"^[a-z][a-z0-9_-]*$"
"""A stage's name is the name of its folder in the run directory, on file systems with and without case."""
RESERVED_STAGE_NAMES = frozenset({"logs"})
"""Folders of the run directory that belong to no stage."""


class RuntimeOptions(Options):
    """The machine's side of a run: it changes speed, not what is computed."""

    backend: Literal["auto", "tensorflow", "jax"] = "auto"
    "The Keras backend; `auto` takes KERAS_BACKEND where it is set, else the first one installed, TensorFlow before JAX."
    threads: int | None = Field(None, ge=1, strict=True)
    "CPU threads to compute with; by default one for every core that the process may use."
    deterministic: bool = False
    "Only kernels that give the same bits at every run, on GPUs too, which can be slower."


STAGE: TypeAdapter[Component] = TypeAdapter(StageChoice)
"""Validates one stage by itself."""


@dataclass(frozen=True)
class StageConfig:
    """One stage of a pipeline.

    Args:
        name: Its key in the file, and its folder in the run directory.
        component: What it runs, of kind `stage`.
    """

    name: str
    component: Component

    @property
    def type(self) -> str:
        """The stage's type, as the pipeline names it."""
        return self.component.name

    @property
    def spec(self) -> Spec:
        """The record of the stage's type: a `StageSpec`."""
        return self.component.spec

    @property
    def options(self) -> Options:
        """The validated options."""
        return self.component.options


class Stages:
    """Annotation of the field `stages`: every value is a component of kind `stage`, its `type` by default the key."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        values = core_schema.dict_schema(
            keys_schema=core_schema.no_info_after_validator_function(_stage_name, core_schema.str_schema()),
            values_schema=handler.generate_schema(StageChoice),
            min_length=1,
        )
        schema = core_schema.no_info_before_validator_function(_with_types, values)
        return core_schema.no_info_after_validator_function(
            lambda stages: {name: StageConfig(name, component) for name, component in stages.items()},
            schema,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda stages: {name: stage.component.to_plain() for name, stage in stages.items()}
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {CHOICE_KEY: "stages"}


def stage_value(name: str, value: Any) -> Any:
    """Return what validates as the stage called `name`: nothing at all, or a mapping without `type`, means `name`."""
    if value is None:
        return {"type": name}
    if isinstance(value, Mapping) and "type" not in value:
        return {"type": name, **value}
    return value.component if isinstance(value, StageConfig) else value


def _with_types(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: stage_value(name, stage) for name, stage in value.items()}


def _stage_name(name: str) -> str:
    if not re.match(STAGE_NAME, name) or name.endswith("\n"):
        raise PydanticCustomError(
            "stage_name", "a stage name of lower case letters, digits, '_' and '-', starting with a letter"
        )
    if name in RESERVED_STAGE_NAMES:
        raise PydanticCustomError("stage_name", "another stage name: the run directory has a folder of this name")
    return name


class Pipeline(Options):
    """A validated pipeline.

    Example:
        ```python
        pipeline = load_pipeline("pipelines/horse2zebra.yaml", overrides=["stages.train.epochs=3"])
        pipeline.stages["train"].options.epochs  # 3
        ```
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    "Names the pipeline's runs: letters, digits, '.', '_' and '-'."
    description: str = ""
    "What the pipeline does, for its page."
    seed: int = Field(0, ge=0, lt=2**63, strict=True)
    "Everything random in the run follows from it."
    profile: str | None = None
    "The profile that was applied; resolved pipelines record it, and it cannot be chosen here."
    runtime: RuntimeOptions = RuntimeOptions()
    "Backend and threads."
    plugins: tuple[str, ...] = ()
    "Plugins to load for this pipeline beside the installed ones: `module`, `./file.py` (relative to this file) or `no:name`."
    stages: Annotated[dict[str, StageConfig], Stages()]
    "The stages by name, run in file order. `type` defaults to the name."
