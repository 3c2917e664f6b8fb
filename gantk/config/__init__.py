"""YAML pipelines: reading with positions, overlays, validation, schema.

Names are imported on first use, so that a plugin's options module loads only `gantk.config.components`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gantk.config.caution import cautions
    from gantk.config.components import Component
    from gantk.config.load import load_pipeline, profiles_of
    from gantk.config.pipeline import Pipeline, RuntimeOptions, StageConfig
    from gantk.config.resolved import resolved_yaml
    from gantk.config.schema import json_schema

_HOME = {
    "Component": "gantk.config.components",
    "Pipeline": "gantk.config.pipeline",
    "RuntimeOptions": "gantk.config.pipeline",
    "StageConfig": "gantk.config.pipeline",
    "cautions": "gantk.config.caution",
    "json_schema": "gantk.config.schema",
    "load_pipeline": "gantk.config.load",
    "profiles_of": "gantk.config.load",
    "resolved_yaml": "gantk.config.resolved",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gantk.config' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


__all__ = [
    "Component",
    "Pipeline",
    "RuntimeOptions",
    "StageConfig",
    "cautions",
    "json_schema",
    "load_pipeline",
    "profiles_of",
    "resolved_yaml",
]
