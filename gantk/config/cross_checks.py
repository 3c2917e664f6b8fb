"""What no options model can see by itself: whether the stages of a pipeline fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from gantk.config.components import Component
from gantk.config.locations import choices_below, component_name
from gantk.config.nodes import Entry, Node, Path, Position, dotted
from gantk.config.pipeline import STAGE, stage_value
from gantk.config.problems import Problem, shown
from gantk.errors import PluginError
from gantk.specs import Layout, MetricSpec, ModelSpec, Options, SourceOptions, Spec, StageSpec, TransformSpec

DATASET = "dataset"
"""The artifact whose layout a model must fit."""

MODEL = "model"
"""The artifact that metrics measure."""

_MADE_IN_WORDS = {"samples": "makes images of latent vectors", "translations": "translates images"}


def cross_check(root: Node, registry: Any) -> Iterator[Problem]:
    """Yield what does not fit together in a merged pipeline, also where parts of it are invalid by themselves.

    Checked: a stage consumes only what an earlier one produces; a model trains on the layout that the
    source before it yields; a transform that leaves 8-bit images does not stand in the preparation; metrics and baselines
    are for what the model makes.

    Args:
        root: The merged pipeline.
        registry: Where the stages, sources, models and transforms are looked up.
    """
    stages = root.child("stages")
    if stages is None or not isinstance(stages.value, dict):
        return
    produced: dict[str, str] = {}
    complete = True
    data: _Data | None = None
    model: _Found | None = None
    for name, entry in stages.value.items():
        spec = _stage_spec(name, entry.node, registry)
        if spec is None:
            # An unknown stage might have produced anything: say nothing about what comes after it.
            complete = False
            continue
        if complete:
            yield from _consumption(name, entry, spec, produced, registry)
        produced.update(dict.fromkeys(spec.produces, name))
        stage = _valid_stage(name, entry.node, registry)
        components = _components(name, entry.node, stage, registry)
        if DATASET in spec.produces:
            data = _data(name, entry.node, spec, stage, components)
            yield from _preparation_transforms(root, components)
        if DATASET in spec.consumes and data is not None:
            yield from _layouts(root, components, data)
        if MODEL in spec.produces:
            models = [found for found in components.values() if isinstance(found.spec, ModelSpec)]
            model = models[0] if len(models) == 1 else None
        if MODEL in {*spec.produces, *spec.consumes} and model is not None:
            yield from _measured(root, components, model)
            yield from _baselines(root, name, stage, model)


@dataclass(frozen=True)
class _Found:
    """A component of a stage; its options are None where they are invalid."""

    name: str
    spec: Spec
    options: Options | None


@dataclass(frozen=True)
class _Data:
    """What a stage prepares.

    Args:
        layout: How its samples hang together.
        maker: What gives them this layout, as a message says it.
        hint: How other layouts can be had of it; empty where they cannot.
    """

    layout: Layout
    maker: str
    hint: str = ""


def components_below(value: Any, path: Path = ()) -> Iterator[tuple[Path, Component]]:
    """Yield every component in a component, model, list or mapping, with its path in the file, outermost first."""
    if isinstance(value, Component):
        yield path, value
        value = value.options
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from components_below(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from components_below(item, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from components_below(item, (*path, index))


def _stage_spec(name: str, node: Node, registry: Any) -> StageSpec | None:
    try:
        spec = registry.find("stage", component_name(node) or name)
    except PluginError:
        return None
    return spec if isinstance(spec, StageSpec) else None


def _valid_stage(name: str, node: Node, registry: Any) -> Component | None:
    try:
        return STAGE.validate_python(stage_value(name, node.plain()), context={"registry": registry})
    except ValidationError:
        return None


def _components(name: str, node: Node, stage: Component | None, registry: Any) -> dict[Path, _Found]:
    """Return the components of a stage: those it names and, where it is valid, those it has by default."""
    if stage is not None:
        below = components_below(stage, ("stages", name))
        return {path: _Found(found.name, found.spec, found.options) for path, found in below}
    context = {"registry": registry}
    components: dict[Path, _Found] = {}
    for path, value, choice in choices_below(name, node, registry):
        named = component_name(value) or ""
        try:
            spec = registry.find(choice.kind, named, role=choice.role)
        except PluginError:
            continue
        plain = value.plain() if isinstance(value.value, dict) else {}
        try:
            options = spec.options.model_validate({k: v for k, v in plain.items() if k != "type"}, context=context)
        except ValidationError:
            options = None
        components[path] = _Found(named, spec, options)
    return components


def _consumption(
    name: str, entry: Entry, spec: StageSpec, produced: Mapping[str, str], registry: Any
) -> Iterator[Problem]:
    for artifact in spec.consumes:
        if artifact in produced:
            continue
        makers = [
            maker
            for maker, other in registry.all("stage").items()
            if isinstance(other, StageSpec) and artifact in other.produces
        ]
        earlier = ", ".join(produced) if produced else "nothing"
        yield Problem(
            entry.key,
            ("stages", name),
            f"expected an earlier stage that produces {artifact!r}, which {spec.name!r} needs",
            f"{earlier} from the stages above" if produced else "no artifact from the stages above",
            f"Stages that produce it: {', '.join(makers)}." if makers else "",
        )


def _preparation_transforms(root: Node, components: Mapping[Path, _Found]) -> Iterator[Problem]:
    for path, component in components.items():
        if isinstance(component.spec, TransformSpec) and not component.spec.at_preparation:
            yield Problem(
                position_of(root, path),
                path,
                "expected a transform that keeps 8-bit images, as the preparation stores them",
                shown(component.name),
                "Move it to the transforms of the training stage.",
            )


def _data(
    name: str, node: Node, spec: StageSpec, stage: Component | None, components: Mapping[Path, _Found]
) -> _Data | None:
    """Return what a stage prepares; None where it cannot be told."""
    sources = ((path, found) for path, found in components.items() if found.spec.kind == "source")
    path, source = next(sources, ((), None))
    if source is None or not isinstance(source.options, SourceOptions):
        return None
    layout = source.options.layout
    derives = "derive" in spec.options.model_fields
    given = node.child("derive") if derives else None
    if given is None or given.value is None:
        hint = f"`derive` in stages.{name} makes aligned data out of single pictures."
        return _Data(
            layout,
            f"the source {source.name!r} ({dotted(path)}) yields",
            hint if derives and layout == "single" else "",
        )
    # Without valid options nobody knows what is derived.
    return None if stage is None else _Data(getattr(stage.options, "layout", layout), f"stages.{name}.derive makes")


def _layouts(root: Node, components: Mapping[Path, _Found], data: _Data) -> Iterator[Problem]:
    for path, component in components.items():
        if isinstance(component.spec, ModelSpec) and component.spec.layout != data.layout:
            yield Problem(
                position_of(root, path),
                path,
                f"expected a model for {data.layout} data, which {data.maker}",
                f"{component.name!r}, a model for {component.spec.layout} data",
                data.hint if component.spec.layout == "aligned" else "",
            )


def _measured(root: Node, components: Mapping[Path, _Found], model: _Found) -> Iterator[Problem]:
    assert isinstance(model.spec, ModelSpec)
    for path, component in components.items():
        if isinstance(component.spec, MetricSpec) and model.spec.made not in component.spec.measures:
            yield Problem(
                position_of(root, path),
                path,
                f"expected a metric of {model.spec.made}, since the model {model.name!r} {_MADE_IN_WORDS[model.spec.made]}",
                f"{component.name!r}, a metric of {' and '.join(component.spec.measures)}",
            )


def _baselines(root: Node, name: str, stage: Component | None, model: _Found) -> Iterator[Problem]:
    assert isinstance(model.spec, ModelSpec)
    there = getattr(stage.options, "baselines_of", {}).get(model.spec.made) if stage is not None else None
    chosen = getattr(stage.options, "baselines", None) if stage is not None else None
    for index, baseline in enumerate(chosen or ()):
        if there is not None and baseline not in there:
            path = ("stages", name, "baselines", index)
            yield Problem(
                position_of(root, path),
                path,
                f"expected {' or '.join(there)}, since the model {model.name!r} {_MADE_IN_WORDS[model.spec.made]}",
                shown(baseline),
            )


def position_of(root: Node, path: Path) -> Position:
    """Return where the value at a path is written: the name of a component, a scalar, or else its key."""
    node, key = root, root.position
    for step in path:
        child = node.child(step)
        if child is None:
            return key
        entry = node.value[step] if isinstance(node.value, dict) and isinstance(step, str) else None
        key = entry.key if isinstance(entry, Entry) else child.position
        node = child
    named = node.child("type")
    if named is not None:
        return named.position
    return key if isinstance(node.value, (dict, list)) else node.position
