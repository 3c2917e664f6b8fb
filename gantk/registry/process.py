"""The one registry of a process, built when first asked for."""

from __future__ import annotations

import threading

from gantk.errors import PluginError
from gantk.registry import environment
from gantk.registry.lookup import Registry

_lock = threading.RLock()
_registry: Registry | None = None
_building = False


def default_registry(*, strict: bool | None = None) -> Registry:
    """Return the registry of this process: the installed plugins and those that `-p` asked for.

    It is built at the first call, from the environment variables of `gantk.registry.environment`, so a worker
    process started from this one sees the same plugins.

    Args:
        strict: Whether a broken plugin is an error; by default as `GANTK_STRICT_PLUGINS` says. False lets pass even one
            that was asked for by name, to show what is wrong with it.

    Raises:
        PluginError: A plugin that was asked for by name does not exist or is broken; or, when strict, any is broken.
    """
    global _registry, _building
    with _lock:
        if _building:
            raise PluginError(
                "the registry must not be used while plugins are being loaded. "
                "Received: a call from the import of a plugin",
                hint="Build options and look names up inside functions, not at the top of the plugin's module.",
            )
        if _registry is None:
            _building = True
            try:
                _registry = Registry.discover(environment.requested_plugins(), passes_on=True)
            finally:
                _building = False
        if strict is not False:
            _registry.refuse_broken_requests()
        if environment.is_strict() if strict is None else strict:
            _registry.refuse_broken()
        return _registry


def forget_default_registry() -> None:
    """Let the next `default_registry()` build a new one."""
    global _registry
    with _lock:
        _registry = None
