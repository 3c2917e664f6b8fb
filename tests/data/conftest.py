from pathlib import Path

import pytest

from gantk.config.components import SourceChoice, TransformChoice
from gantk.registry import configure, process

PLUGIN = Path(__file__).with_name("tiny_data.py")


@pytest.fixture(autouse=True)
def tiny_plugin(monkeypatch):
    """The tests' own plugin, in this process and in every one it starts."""
    monkeypatch.setenv("GANTK_PLUGINS", "[]")
    monkeypatch.setattr(process, "_registry", None)
    configure([str(PLUGIN)])


def _component(choice, plain):
    from pydantic import TypeAdapter

    return TypeAdapter(choice).validate_python(plain)


@pytest.fixture
def source():
    return lambda name="made", **options: _component(SourceChoice, {"type": f"tiny_data/{name}", **options})


@pytest.fixture
def transform():
    return lambda name, **options: _component(TransformChoice, {"type": f"tiny_data/{name}", **options})
