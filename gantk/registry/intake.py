"""Taking in one plugin: its hooks are checked and called, and its records checked, all or nothing."""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass

import pluggy

import gantk.hookspecs
from gantk.registry.failures import BrokenPlugin, isolated
from gantk.specs import (
    DiscriminatorSpec,
    FeatureNetworkSpec,
    GeneratorSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    SourceSpec,
    Spec,
    StageSpec,
    TransformSpec,
    WeightMapSpec,
)

REGISTERING_HOOKS: dict[str, type[Spec]] = {
    "gantk_generators": GeneratorSpec,
    "gantk_discriminators": DiscriminatorSpec,
    "gantk_losses": LossSpec,
    "gantk_transforms": TransformSpec,
    "gantk_models": ModelSpec,
    "gantk_sources": SourceSpec,
    "gantk_metrics": MetricSpec,
    "gantk_feature_networks": FeatureNetworkSpec,
    "gantk_stages": StageSpec,
    "gantk_weight_maps": WeightMapSpec,
}
"""The record that every registering hook returns a list of."""

NOTICES = ("gantk_before_run", "gantk_after_stage", "gantk_on_stage_error", "gantk_after_run")
"""The lifecycle notices; what a listener returns is ignored."""


@dataclass(frozen=True)
class Contribution:
    """What a sound plugin brings."""

    records: tuple[Spec, ...]
    hooks: tuple[str, ...]
    listeners: tuple[str, ...]


def take_in(plugin: object, name: str) -> Contribution:
    """Check a plugin against the contract and collect what it registers.

    Args:
        plugin: A module, or any object with hook implementations as attributes.
        name: The plugin's name.

    Raises:
        BrokenPlugin: The plugin breaks the contract or raises; nothing of it is kept.
    """
    # A manager of its own: pluggy leaves a plugin half registered when a later hook is refused.
    manager = pluggy.PluginManager("gantk")
    manager.add_hookspecs(gantk.hookspecs)
    with isolated():
        manager.register(plugin, name)
        callers = manager.get_hookcallers(plugin) or []
    _refuse_misspelt(callers)
    _refuse_unmarked(plugin, {caller.name for caller in callers})

    records: list[Spec] = []
    for caller in callers:
        for implementation in caller.get_hookimpls():
            if implementation.wrapper or implementation.hookwrapper:
                raise BrokenPlugin(f"{caller.name} must be a plain hook. Received: a hook wrapper")
            if caller.name in REGISTERING_HOOKS:
                with isolated(f"{caller.name} raised"):
                    result = implementation.function()
                records += _checked(caller.name, result)
    _refuse_doubles(records)
    implemented = {caller.name for caller in callers}
    return Contribution(
        tuple(records),
        tuple(hook for hook in REGISTERING_HOOKS if hook in implemented),
        tuple(hook for hook in NOTICES if hook in implemented),
    )


def _refuse_misspelt(callers: list[pluggy.HookCaller]) -> None:
    known = [hook.removeprefix("gantk_") for hook in (*REGISTERING_HOOKS, *NOTICES)]
    # Not `check_pending()` alone: it stops at the first misspelt hook, and there may be several.
    complaints = []
    for caller in callers:
        if not caller.has_spec() and not all(implementation.optionalhook for implementation in caller.get_hookimpls()):
            # Without the prefix, which would make every name look near.
            near = difflib.get_close_matches(caller.name.removeprefix("gantk_"), known, n=1)
            complaints.append(f"{caller.name!r}" + (f" (did you mean 'gantk_{near[0]}'?)" if near else ""))
    if complaints:
        raise BrokenPlugin(
            f"it implements {'hooks' if len(complaints) > 1 else 'a hook'} that gantk does not have: "
            f"{', '.join(complaints)}"
        )


def _refuse_unmarked(plugin: object, implemented: set[str]) -> None:
    unmarked = [
        hook
        for hook in (*REGISTERING_HOOKS, *NOTICES)
        if hook not in implemented and inspect.isroutine(inspect.getattr_static(plugin, hook, None))
    ]
    if unmarked:
        raise BrokenPlugin(f"{', '.join(unmarked)} must be marked with @gantk.hookimpl")


def _checked(hook: str, result: object) -> list[Spec]:
    expected = REGISTERING_HOOKS[hook]
    if not isinstance(result, list):
        raise BrokenPlugin(f"{hook} must return a list of {expected.__name__}. Received: {type(result).__name__}")
    for index, record in enumerate(result):
        if not isinstance(record, expected):
            raise BrokenPlugin(
                f"{hook} must return a list of {expected.__name__}. Received at index {index}: {type(record).__name__}"
            )
    return result


def _refuse_doubles(records: list[Spec]) -> None:
    seen: set[tuple[str, str]] = set()
    for record in records:
        if (record.kind, record.name) in seen:
            raise BrokenPlugin(f"it registers the {record.kind} {record.name!r} twice")
        seen.add((record.kind, record.name))
