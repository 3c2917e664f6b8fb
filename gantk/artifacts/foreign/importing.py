"""Trained weights of another project as a model of gantk's: options found, every weight placed, nothing left over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from gantk.artifacts.bundle import Bundle, save_bundle
from gantk.artifacts.foreign.reading import ForeignWeights
from gantk.artifacts.metadata import DIRECTION_PATTERN
from gantk.config.components import Component
from gantk.errors import PluginError, RunFailed, UsageError
from gantk.registry import Registry, default_registry, load_factory
from gantk.specs import Options, WeightMapSpec

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from gantk.protocols import ForeignNetwork, WeightMap, WeightPlan

_MOST_LISTED = 40


@dataclass(frozen=True)
class ImportedNetwork:
    """A network with the weights of another project.

    Args:
        network: It has its weights.
        component: The generator it was built from.
        foreign: Where the weights come from.
        spec: How they were mapped.
        address: The name of the weight map, as a user writes it.
        assumed: Options that the file does not tell and the user did not give, where the weight map chose.
        unused: Foreign weights that were left out: name → why.
        registry: Where the plugins' versions are looked up.
    """

    network: keras.Model
    component: Component
    foreign: ForeignWeights
    spec: WeightMapSpec
    address: str
    assumed: Mapping[str, Any]
    unused: Mapping[str, str]
    registry: Registry

    def summary(self) -> str:
        """Return what a user should know of the import, in some lines."""
        from gantk.artifacts.weights import read_weights

        count = sum(array.size for array in read_weights(self.network).values())
        part = f", part {self.foreign.key!r}" if self.foreign.key else ""
        lines = [f"{self.foreign.path}: {self.foreign.format}{part}, {len(self.foreign.arrays)} tensors"]
        given = ", ".join(f"{key}={_shown(value)}" for key, value in self.component.options.model_dump().items())
        lines.append(f"{self.component.name}, {count:,} parameters: {given}")
        if self.assumed:
            told = ", ".join(f"{key}={_shown(value)}" for key, value in self.assumed.items())
            lines.append(f"assumed, since the file does not tell: {told} (--option says otherwise)")
        reasons: dict[str, int] = {}
        for reason in self.unused.values():
            reasons[reason] = reasons.get(reason, 0) + 1
        lines += [f"left out: {count} tensors, {reason}" for reason, count in reasons.items()]
        return "\n".join(lines)

    def save(
        self, path: Path, *, direction: str = "AtoB", domain_names: Mapping[str, str] | None = None, licence: str = ""
    ) -> Bundle:
        """Save it as a model that `gantk translate` uses.

        Args:
            path: Where to write.
            direction: What the network does.
            domain_names: What the domains show: `{"A": "horse", "B": "zebra"}`.
            licence: Under what terms the weights may be used.

        Raises:
            UsageError: A direction that is not a name.
            RunFailed: The disk is full.
        """
        if not re.fullmatch(DIRECTION_PATTERN, direction):
            raise UsageError(f"--direction must be a name, such as AtoB. Received: {direction!r}")
        origin = {
            "file": self.foreign.path.name,
            "sha256": self.foreign.sha256,
            "format": self.foreign.format,
            "key": self.foreign.key,
            "as": self.address,
        }
        return save_bundle(
            path,
            networks={direction: self.network},
            components={direction: self.component},
            model=self.spec.name.partition("/")[0],
            domain_names=domain_names,
            training={"imported": {key: value for key, value in origin.items() if value}},
            licence=licence,
            registry=self.registry,
        )


def import_network(
    foreign: ForeignWeights,
    weight_map: str,
    *,
    options: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
) -> ImportedNetwork:
    """Build the generator that foreign weights belong to, and give it the weights.

    Args:
        foreign: The weights.
        weight_map: Whose network they are of, such as `cyclegan/resnet`.
        options: Options of the generator that the weights cannot tell.
        registry: Where plugins are looked up; by default the registry of the process.

    Raises:
        UsageError: The weights are of another network, or `options` contradict them or are not valid; all
            contradictions at once.
        RunFailed: Weights are missing, unknown, of another shape or type, or not finite; all of them by name.
        PluginError: There is no such weight map, or its plugin does not fit its generator.
    """
    registry = registry or default_registry()
    spec = registry.find("weight_map", weight_map)
    assert isinstance(spec, WeightMapSpec)
    mapper: WeightMap = load_factory(spec)(spec.options())
    generator = registry.find("generator", spec.generator)
    shapes = foreign.shapes
    try:
        found = mapper.recognise(shapes)
    except UsageError as error:
        raise UsageError(f"{foreign.path}: {error.message}", hint=error.hint) from error
    chosen = _joined_options(generator.options, found, dict(options or {}), registry, foreign.path)
    component = Component(spec.generator, generator, chosen)
    plan = mapper.plan(shapes, chosen)
    _refuse_differences(foreign, plan)
    network: keras.Model = component.create(
        input_shape=(None, None, found.input_channels), output_channels=found.output_channels
    )
    _assign(network, foreign, plan, weight_map)
    assumed = {key: value for key, value in found.assumed.items() if key not in (options or {})}
    unused = {name: reason for name, reason in plan.unused.items() if name in shapes}
    return ImportedNetwork(network, component, foreign, spec, weight_map, assumed, unused, registry)


def _joined_options(
    model: type[Options], found: ForeignNetwork, given: Mapping[str, Any], registry: Registry, path: Path
) -> Options:
    def validated(options: Mapping[str, Any]) -> Options:
        return model.model_validate(options, context={"registry": registry})

    certain = validated(found.options)
    try:
        joined = validated({**found.assumed, **found.options, **given})
    except ValidationError as error:
        problems = [
            f"  {'.'.join(map(str, problem['loc'])) or 'options'}: {problem['msg']}. Received: {_shown(problem['input'])}"
            for problem in error.errors()
        ]
        raise UsageError(
            "\n".join(["--option must be an option of the network:", *problems]),
            hint=f"Its options: {', '.join(model.model_fields)}.",
        ) from error
    contradictions = [
        f"  {key}: {_shown(getattr(certain, key))} by the weights. Received: {_shown(getattr(joined, key))}"
        for key in found.options
        if getattr(joined, key) != getattr(certain, key)
    ]
    if contradictions:
        raise UsageError(
            "\n".join([f"{path}: --option contradicts the names and shapes of the weights:", *contradictions]),
            hint="Leave these options out: they are found.",
        )
    return joined


def _refuse_differences(foreign: ForeignWeights, plan: WeightPlan) -> None:
    """Compare names, shapes and numbers before a network is built: what hostile shapes describe can be of any size."""
    planned = {weight.source: weight for weight in plan.weights}
    differences = [f"missing: {name}, {weight.shape}" for name, weight in planned.items() if name not in foreign.arrays]
    differences += [
        f"unknown: {name}, {array.shape}"
        for name, array in foreign.arrays.items()
        if name not in planned and name not in plan.unused
    ]
    for name, weight in planned.items():
        array = foreign.arrays.get(name)
        if array is None:
            continue
        if array.shape != weight.shape:
            differences.append(f"other shape: {name}, {array.shape} in place of {weight.shape}")
        elif not np.issubdtype(array.dtype, np.floating):
            differences.append(f"other type: {name}, {array.dtype} in place of a float")
        elif not np.isfinite(_as_float32(array)).all():
            differences.append(f"not finite: {name}")
    if differences:
        raise _unfit(foreign, differences)


def _as_float32(array: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)


def _assign(network: keras.Model, foreign: ForeignWeights, plan: WeightPlan, weight_map: str) -> None:
    variables = {variable.path: variable for variable in network.weights}
    targets = [*(weight.target for weight in plan.weights), *plan.constants]
    if len(variables) != len(network.weights) or sorted(targets) != sorted(variables):
        differing = sorted(set(targets) ^ set(variables)) or ["one twice"]
        raise _defect(weight_map, "place every weight of its generator once", ", ".join(differing[:_MOST_LISTED]))
    arrays = {path: np.full(variables[path].shape, value, "float32") for path, value in plan.constants.items()}
    for weight in plan.weights:
        source = _as_float32(foreign.arrays[weight.source])
        array = source if weight.transform is None else weight.transform(source)
        wanted = tuple(variables[weight.target].shape)
        if array.shape != wanted:
            raise _defect(weight_map, f"give {weight.target} the shape {wanted}", f"{array.shape} of {weight.source}")
        arrays[weight.target] = np.ascontiguousarray(array)
    for path, variable in variables.items():
        variable.assign(arrays[path])


def _defect(weight_map: str, expectation: str, received: str) -> PluginError:
    return PluginError(
        f"weight map {weight_map!r} must {expectation}. Received: {received}",
        hint="This is a defect of the plugin that provides it.",
    )


def _unfit(foreign: ForeignWeights, differences: list[str]) -> RunFailed:
    more = len(differences) - _MOST_LISTED
    lines = [f"  {difference}" for difference in differences[:_MOST_LISTED]]
    return RunFailed(
        "\n".join(
            [
                f"{foreign.path}: the weights must be those of the network that their names tell of. Received:",
                *lines,
                *([f"  and {more} more"] if more > 0 else []),
            ]
        ),
        hint="`gantk plugins list --kind weight_map` shows the networks whose weights can be read.",
    )


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
