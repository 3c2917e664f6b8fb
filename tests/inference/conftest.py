from __future__ import annotations

import importlib.util
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from gantk.artifacts import Bundle, load_bundle, save_bundle
from gantk.config.components import Component
from gantk.registry import Registry

PLUGIN_FILE = Path(__file__).parents[1] / "artifacts" / "tiny_generators.py"
ENLARGING_PLUGIN_FILE = Path(__file__).with_name("enlarging_generators.py")


@pytest.fixture(scope="session")
def registry() -> Registry:
    if "tiny_generators" not in sys.modules:
        spec = importlib.util.spec_from_file_location("tiny_generators", PLUGIN_FILE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["tiny_generators"] = module
        spec.loader.exec_module(module)
    return Registry({"tiny": sys.modules["tiny_generators"]})


@pytest.fixture(scope="session")
def bundle(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Bundle]:
    """Return a model by the name of its generator: `AtoB` is that generator, `BtoA` the negative."""
    folder = tmp_path_factory.mktemp("models")
    made: dict[Any, Bundle] = {}

    def make(name: str = "identity", channels: int = 3, output_channels: int = 0, multiple: int = 4) -> Bundle:
        key = (name, channels, output_channels, multiple)
        if key not in made:
            networks, components = {}, {}
            for direction, generator in {"AtoB": name, "BtoA": "negative"}.items():
                spec = registry.find("generator", generator)
                component = Component(generator, spec, spec.options.model_validate({"multiple": multiple}))
                networks[direction] = component.create(
                    input_shape=(None, None, channels), output_channels=output_channels or channels
                )
                components[direction] = component
            path = folder / f"{len(made)}.gantk"
            save_bundle(path, networks=networks, components=components, model=name, registry=registry)
            made[key] = load_bundle(path, registry=registry)
        return made[key]

    return make


@pytest.fixture(scope="session")
def enlarging_registry() -> Registry:
    if "enlarging_generators" not in sys.modules:
        spec = importlib.util.spec_from_file_location("enlarging_generators", ENLARGING_PLUGIN_FILE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["enlarging_generators"] = module
        spec.loader.exec_module(module)
    return Registry({"enlarging": sys.modules["enlarging_generators"]})


@pytest.fixture(scope="session")
def model(enlarging_registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Bundle]:
    """Return a model for super-resolution by the name and the options of its generator."""
    folder = tmp_path_factory.mktemp("enlarging_models")
    made: dict[str, Bundle] = {}

    def make(name: str = "enlarging", channels: int = 3, output_channels: int = 0, **options: Any) -> Bundle:
        key = json.dumps([name, channels, output_channels, options], sort_keys=True)
        if key not in made:
            keras.utils.set_random_seed(1)
            spec = enlarging_registry.find("generator", name)
            component = Component(name, spec, spec.options.model_validate(options))
            network = component.create(input_shape=(None, None, channels), output_channels=output_channels or channels)
            path = folder / f"{len(made)}.gantk"
            save_bundle(
                path,
                networks={"AtoB": network},
                components={"AtoB": component},
                model=name,
                registry=enlarging_registry,
            )
            made[key] = load_bundle(path, registry=enlarging_registry)
        return made[key]

    return make


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """Return the bytes of a picture file, of random pixels unless an array is given."""

    def encode(form: str = "PNG", pixels: Any = None, *, mode: str = "", seed: int = 0, **options: Any) -> bytes:
        if pixels is None:
            pixels = np.random.default_rng(seed).integers(0, 256, (13, 18, 3), dtype=np.uint8)
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        stream = io.BytesIO()
        (image.convert(mode) if mode else image).save(stream, form, **options)
        return stream.getvalue()

    return encode
