"""Importing the factory of a record, at the moment it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from gantk.errors import PluginError
from gantk.registry.failures import BrokenPlugin, isolated
from gantk.registry.names import did_you_mean
from gantk.specs import Spec


def load_factory(spec: Spec) -> Callable[..., Any]:
    """Import the callable that `spec.factory` names.

    Raises:
        PluginError: The module cannot be imported, or has no such callable.
    """
    module_name, _, attribute = spec.factory.partition(":")
    owner = f"{spec.kind} {spec.name!r} cannot be built: its factory {spec.factory!r}"
    try:
        with isolated():
            module = importlib.import_module(module_name)
    except BrokenPlugin as failure:
        raise PluginError(
            f"{owner} cannot be imported. Received: {failure.reason}", hint=_what_to_do(failure.__cause__)
        ) from failure.__cause__
    factory = getattr(module, attribute, None)
    if factory is None:
        public = [name for name in vars(module) if not name.startswith("_")]
        raise PluginError(
            f"{owner} must name something in the module {module_name!r}. Received: no attribute {attribute!r}",
            hint=did_you_mean(attribute, public),
        )
    if not callable(factory):
        raise PluginError(f"{owner} must be callable. Received: {type(factory).__name__}")
    return factory


def _what_to_do(error: BaseException | None) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"Install what provides the module {error.name.partition('.')[0]!r}, or correct the plugin."
    return "GANTK_TRACEBACK=1 shows where it failed."
