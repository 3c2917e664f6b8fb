"""Which plugins there are, what they provide, and how to get at it.

`default_registry()` is the registry of this process. Tests build `Registry({...})` by hand.
"""

from __future__ import annotations

from gantk.registry.environment import configure
from gantk.registry.factories import load_factory
from gantk.registry.lookup import Registry
from gantk.registry.names import nearest_names
from gantk.registry.plugin_info import PluginInfo
from gantk.registry.process import default_registry

__all__ = ["PluginInfo", "Registry", "configure", "default_registry", "load_factory", "nearest_names"]
