"""The contract's own promises: public names, spec records, hook documentation."""

import ast
import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import gantk
from gantk import hookspecs
from gantk.specs import KINDS, FeatureNetworkOptions, FeatureNetworkSpec, LossSpec, ModelSpec, Options, Spec

PLUGINS = Path(__file__).parents[1] / "plugins"


def test_public_names_are_sorted_and_all_there() -> None:
    lower = [name for name in gantk.__all__ if not name.isupper()]
    assert lower == sorted(lower, key=lambda name: (name.islower(), name))
    assert sorted(gantk._HOME) == sorted(gantk.__all__)
    for name in gantk.__all__:
        if gantk._HOME[name] not in {"gantk.engine.image_pool", "gantk.engine.model"}:  # need a framework
            assert getattr(gantk, name) is not None


def test_importing_gantk_imports_no_framework() -> None:
    code = "import sys, gantk; print([m for m in ('tensorflow', 'jax', 'keras', 'apache_beam', 'pydantic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Generatr'"):
        _ = gantk.Generatr


@pytest.mark.parametrize("kind", KINDS)
def test_every_extension_point_has_a_hook_that_names_its_record(kind: str) -> None:
    plural = {"loss": "losses"}.get(kind, f"{kind}s")
    hook = getattr(hookspecs, f"gantk_{plural}")
    assert hook.__annotations__["return"] == f"list[{KINDS[kind].__name__}]"
    assert inspect.getdoc(hook)
    assert inspect.getdoc(KINDS[kind])


def test_records_are_frozen() -> None:
    spec = LossSpec(name="x", factory="a.b:c", summary="s")
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "y"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["Upper", "two words", "a/b", "", "-a", "a\n", 3])
def test_a_record_refuses_a_bad_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"LossSpec\.name must be .* Received: "):
        LossSpec(name=name, factory="a.b:c", summary="s")


@pytest.mark.parametrize("factory", ["a.b", "a.b.c", ":c", "a:b:c", len])
def test_a_record_refuses_a_bad_factory(factory: object) -> None:
    with pytest.raises(ValueError, match=r"factory must be a string 'package.module:attribute'"):
        ModelSpec(name="x", factory=factory, summary="s", layout="single")


def test_a_record_refuses_options_of_another_class() -> None:
    with pytest.raises(TypeError, match=r"options must be a subclass of gantk.Options. Received: <class 'dict'>"):
        Spec(name="x", factory="a:b", summary="s", options=dict)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [Options, FeatureNetworkOptions])
def test_a_feature_network_must_name_its_layers(options: type[Options]) -> None:
    with pytest.raises(TypeError, match=r"FeatureNetworkOptions that names its layers\. Received: "):
        FeatureNetworkSpec(name="x", factory="a:b", summary="s", options=options)


def test_options_refuse_unknown_keys() -> None:
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        Options.model_validate({"surprise": 1})


@pytest.mark.parametrize("path", sorted(PLUGINS.rglob("*.py")), ids=lambda path: str(path.relative_to(PLUGINS)))
def test_built_in_plugins_use_only_what_a_third_party_may_use(path: Path) -> None:
    package = path.relative_to(PLUGINS).parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            assert not [name for name in names if name.startswith("gantk.")], "import names from gantk itself"
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0].startswith("gantk"):
            assert node.module == "gantk" or node.module.split(".")[0] == package
            if node.module == "gantk":
                assert {alias.name for alias in node.names} <= set(gantk.__all__)
