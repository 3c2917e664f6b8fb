from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gantk.config.components import Component
from gantk.registry import Registry

PLUGIN_FILE = Path(__file__).with_name("tiny_generators.py")


@pytest.fixture(scope="session")
def tiny_generators() -> ModuleType:
    """The test plugin, importable by the name its factories give."""
    if "tiny_generators" not in sys.modules:
        spec = importlib.util.spec_from_file_location("tiny_generators", PLUGIN_FILE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["tiny_generators"] = module
        spec.loader.exec_module(module)
    return sys.modules["tiny_generators"]


@pytest.fixture(scope="session")
def registry(tiny_generators: ModuleType) -> Registry:
    return Registry({"tiny": tiny_generators})


@pytest.fixture(scope="session")
def component(registry: Registry) -> Callable[..., Component]:
    def make(name: str, **options: Any) -> Component:
        spec = registry.find("generator", name)
        return Component(name, spec, spec.options.model_validate(options))

    return make
