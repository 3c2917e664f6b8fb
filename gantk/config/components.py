"""Where a pipeline names a plugin's thing: `{type: resnet, blocks: 6}` or just `resnet`.

An options model of one plugin holds things of another through the choices below:

```python
class CycleGANOptions(Options):
    generator: GeneratorChoice = Field("resnet", validate_default=True)
```

Validation looks the name up in the registry and validates the rest with the options model found
there, so that an error inside has its full path. The value is a `Component`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, create_model
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gantk.errors import PluginError
from gantk.registry import default_registry, load_factory
from gantk.specs import Options, Spec

CHOICE_KEY = "x-gantk-choice"
"""Stands in an options model's own JSON schema where a component of this kind may stand."""


@dataclass(frozen=True)
class Component:
    """A registered thing, chosen by name, with validated options.

    Args:
        name: The name as the pipeline gives it.
        spec: The record the name stands for.
        options: Validated options of the class `spec.options`.
    """

    name: str
    spec: Spec
    options: Options

    def create(self, *args: Any, **kwargs: Any) -> Any:
        """Import the factory and call it with the options first.

        Raises:
            PluginError: The factory cannot be imported, or its result lacks a method of its protocol.
        """
        made = load_factory(self.spec)(self.options, *args, **kwargs)
        lacking = [name for name in self.spec.required_methods if not callable(getattr(made, name, None))]
        if lacking:
            raise PluginError(
                f"{self.spec.kind} {self.name!r}: what its factory {self.spec.factory!r} returns must have the "
                f"{'method' if len(lacking) == 1 else 'methods'} {', '.join(lacking)}.\n"
                f"Received: {type(made).__module__}.{type(made).__qualname__}, without",
                hint="gantk/protocols.py says what each is given and returns.",
            )
        return made

    def to_plain(self) -> dict[str, Any]:
        """Return `{"type": name, **options}` as plain JSON values; validating it gives this component again."""
        return {"type": self.name, **self.options.model_dump(mode="json")}


@dataclass(frozen=True)
class Choice:
    """Annotation of a field that holds a `Component` of one kind.

    Args:
        kind: A key of `gantk.specs.KINDS`.
        role: The only role accepted, of a kind that has roles (`gantk.specs.ROLES`).
        beside: Options of whoever chooses that stand in the same mapping, such as the `size` that pictures are given
            to a feature network in. The component's options then have those, too.
    """

    kind: str
    role: str = ""
    beside: type[Options] | None = None

    def options_of(self, spec: Spec) -> type[Options]:
        """Return the model of what may stand beside `type` where this record is chosen.

        Raises:
            PluginError: The component has an option of the same name as one of `beside`.
        """
        return spec.options if self.beside is None else _joined(self.beside, spec.options)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.to_plain()),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        # Not a `$ref`: pydantic would look for it among its own definitions. `json_schema` puts one in its place.
        name = f"{self.kind}.{self.role}" if self.role else self.kind
        return {CHOICE_KEY: name if self.beside is None else f"{name}+{self.beside.__module__}:{self.beside.__name__}"}

    def _validate(self, value: Any, info: ValidationInfo) -> Component:
        if isinstance(value, Component) and value.spec.kind == self.kind and self._holds(value):
            return value
        if isinstance(value, str):
            name, options = value, {}
        elif isinstance(value, Mapping) and isinstance(value.get("type"), str):
            name = value["type"]
            options = {key: item for key, item in value.items() if key != "type"}
        else:
            raise PydanticCustomError(
                "component_form",
                "a {kind}: its name, or a mapping with its name under 'type' and its options beside it",
                {"kind": self.kind, "role": self.role},
            )
        registry = (info.context or {}).get("registry") or default_registry()
        try:
            spec = registry.find(self.kind, name, role=self.role)
            model = self.options_of(spec)
        except PluginError as error:
            raise PydanticCustomError(
                "component_unknown", "{message}", {"message": error.message, "hint": error.hint, "plugin_error": True}
            ) from error
        # Pydantic puts this field's path before the paths of a ValidationError that is raised here.
        return Component(name, spec, model.model_validate(options, context=info.context))

    def _holds(self, component: Component) -> bool:
        return self.beside is None or isinstance(component.options, self.beside)


@cache
def _joined(beside: type[Options], options: type[Options]) -> type[Options]:
    if same := beside.model_fields.keys() & options.model_fields.keys():
        raise PluginError(
            f"{options.__name__} must not have options that {beside.__name__} adds. Received: {', '.join(sorted(same))}"
        )
    return create_model(options.__name__, __base__=(beside, options), __module__=options.__module__)


GeneratorChoice = Annotated[Component, Choice("generator", role="translation")]
SynthesisGeneratorChoice = Annotated[Component, Choice("generator", role="synthesis")]
DiscriminatorChoice = Annotated[Component, Choice("discriminator")]
AdversarialLossChoice = Annotated[Component, Choice("loss", role="adversarial")]
PairwiseLossChoice = Annotated[Component, Choice("loss", role="pairwise")]
TransformChoice = Annotated[Component, Choice("transform")]
ModelChoice = Annotated[Component, Choice("model")]
FeatureNetworkChoice = Annotated[Component, Choice("feature_network")]
SourceChoice = Annotated[Component, Choice("source")]
MetricChoice = Annotated[Component, Choice("metric")]
StageChoice = Annotated[Component, Choice("stage")]

__all__ = [
    "AdversarialLossChoice",
    "Choice",
    "Component",
    "DiscriminatorChoice",
    "FeatureNetworkChoice",
    "GeneratorChoice",
    "MetricChoice",
    "ModelChoice",
    "PairwiseLossChoice",
    "SourceChoice",
    "StageChoice",
    "SynthesisGeneratorChoice",
    "TransformChoice",
]
