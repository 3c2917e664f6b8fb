"""Weight maps of any plugin: what the importer holds them to, and the model it writes."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_files import state_dict, write_zip

import gantk
from gantk.artifacts import load_bundle
from gantk.artifacts.foreign import ForeignWeights, ImportedNetwork, import_network, parse_options, read_foreign_weights
from gantk.errors import PluginError, RunFailed, UsageError
from gantk.registry import Registry


class ScaleOptions(gantk.GeneratorOptions):
    gain: float = 1.0
    "Factor of the result."
    biased: bool = True
    "Add an offset."


def scale(options: ScaleOptions, *, input_shape: Any, output_channels: int) -> Any:
    from keras import layers, models

    image = layers.Input(input_shape)
    x = layers.Conv2D(output_channels, 1, use_bias=options.biased, name="mix")(image)
    return models.Model(image, layers.Rescaling(options.gain, name="gain")(x))


class ScaleMap:
    """`net.w`, output × input channels, and `net.b`."""

    weights: tuple[gantk.MappedWeight, ...] = ()

    def __init__(self, options: gantk.Options) -> None:
        pass

    def recognise(self, shapes: Mapping[str, tuple[int, ...]]) -> gantk.ForeignNetwork:
        if "net.w" not in shapes:
            raise UsageError("a scaling network has net.w. Received: none", hint="Look again.")
        outputs, inputs = shapes["net.w"]
        return gantk.ForeignNetwork({"biased": True}, inputs, outputs, {"gain": 0.5})

    def plan(self, shapes: Mapping[str, tuple[int, ...]], options: gantk.Options) -> gantk.WeightPlan:
        outputs, inputs = shapes["net.w"]
        kernel = gantk.MappedWeight("net.w", (outputs, inputs), "mix/kernel", lambda w: w.T[None, None])
        if "net.b" not in shapes:
            return gantk.WeightPlan([kernel], {"net.seed": "a seed"}, {"mix/bias": 0.25})
        return gantk.WeightPlan([kernel, gantk.MappedWeight("net.b", (outputs,), "mix/bias")], {"net.seed": "a seed"})


class Defective(ScaleMap):
    def plan(self, shapes: Mapping[str, tuple[int, ...]], options: gantk.Options) -> gantk.WeightPlan:
        return gantk.WeightPlan(self.weights)


PLUGIN = types.SimpleNamespace(
    gantk_generators=gantk.hookimpl(
        lambda: [
            gantk.GeneratorSpec(name="scale", factory=f"{__name__}:scale", options=ScaleOptions, summary="Scales."),
        ]
    ),
    gantk_weight_maps=gantk.hookimpl(
        lambda: [
            gantk.WeightMapSpec(
                name=f"made/{name}", factory=f"{__name__}:{factory}", generator="acme/scale", summary="Made up."
            )
            for name, factory in (("scale", "ScaleMap"), ("defective", "Defective"))
        ]
    ),
)
PLUGIN.gantk_generators.__name__ = "gantk_generators"
PLUGIN.gantk_weight_maps.__name__ = "gantk_weight_maps"

WEIGHTS = {"net.w": np.array([[1, 2, 3], [4, 5, 6]], "float32"), "net.b": np.array([0.5, -0.5], "float32")}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    import sys

    # The factories are named by this module, which pytest imports without putting it where modules are looked up.
    module = types.ModuleType(__name__)
    module.__dict__.update(scale=scale, ScaleMap=ScaleMap, Defective=Defective)
    monkeypatch.setitem(sys.modules, __name__, module)
    return Registry(third_party={"acme": PLUGIN})


@pytest.fixture
def importing(registry: Registry) -> Callable[..., ImportedNetwork]:
    def run(arrays: Mapping[str, Any] = WEIGHTS, name: str = "acme/made/scale", **options: Any) -> ImportedNetwork:
        foreign = ForeignWeights(Path("net.pth"), "made up", "", dict(arrays), "0" * 64)
        return import_network(foreign, name, options=options, registry=registry)

    return run


def test_a_third_partys_weight_map(importing: Callable[..., ImportedNetwork]) -> None:
    found = importing({**WEIGHTS, "net.seed": np.array(3)})
    # 0.5 · (1 + 2·2 + 3·3 + 0.5), 0.5 · (4 + 2·5 + 3·6 - 0.5)
    result = np.asarray(found.network(np.array([1, 2, 3], "float32").reshape(1, 1, 1, 3)))
    assert result.ravel().tolist() == [7.25, 15.75]
    assert found.unused == {"net.seed": "a seed"}
    assert "left out: 1 tensors, a seed" in found.summary()
    assert "acme/scale, 8 parameters: gain=0.5, biased=true" in found.summary()


def test_an_option_in_place_of_an_assumption_and_a_constant(importing: Callable[..., ImportedNetwork]) -> None:
    found = importing({"net.w": WEIGHTS["net.w"]}, gain=2)
    result = np.asarray(found.network(np.array([1, 2, 3], "float32").reshape(1, 1, 1, 3)))
    assert result.ravel().tolist() == [2 * 14.25, 2 * 32.25]
    assert found.assumed == {}


def test_the_model_says_where_it_comes_from(tmp_path: Path, registry: Registry) -> None:
    path = write_zip(tmp_path / "latest_net_G.pth", {"state_dict": state_dict(WEIGHTS)})
    foreign = read_foreign_weights(path)
    found = import_network(foreign, "acme/made/scale", registry=registry)
    names = {"A": "horse", "B": "zebra"}
    found.save(tmp_path / "out" / "net.gantk", direction="BtoA", domain_names=names, licence="CC0-1.0")
    bundle = load_bundle(tmp_path / "out" / "net.gantk", registry=registry)
    assert (bundle.metadata.model, bundle.metadata.licence) == ("made", "CC0-1.0")
    assert bundle.metadata.domain_names == {"A": "horse", "B": "zebra"}
    assert bundle.metadata.training == {
        "imported": {
            "file": "latest_net_G.pth",
            "sha256": foreign.sha256,
            "format": "PyTorch zip checkpoint",
            "key": "state_dict",
            "as": "acme/made/scale",
        }
    }
    assert bundle.directions == ("BtoA",)
    assert bundle.metadata.networks["BtoA"].component.options == {"gain": 0.5, "biased": True}
    images = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype("float32")
    np.testing.assert_allclose(bundle.translate(images), np.asarray(found.network(images)), atol=1e-6)


def test_a_direction_that_is_no_name(tmp_path: Path, importing: Callable[..., ImportedNetwork]) -> None:
    with pytest.raises(UsageError, match=r"--direction must be a name, such as AtoB\. Received: '\.\./x'"):
        importing().save(tmp_path / "net.gantk", direction="../x")
    assert not list(tmp_path.iterdir())


def test_weights_of_another_network(importing: Callable[..., ImportedNetwork]) -> None:
    with pytest.raises(UsageError, match=r"net\.pth: a scaling network has net\.w\. Received: none\nLook again\."):
        importing({"x": np.ones(2, "float32")})


def test_contradiction_and_unknown_map(importing: Callable[..., ImportedNetwork]) -> None:
    with pytest.raises(UsageError, match=r"biased: true by the weights\. Received: false"):
        importing(biased=False)
    with pytest.raises(PluginError, match="weight_map 'made/scales' is not known") as caught:
        importing(name="made/scales")
    assert "acme/made/scale" in caught.value.hint


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ((gantk.MappedWeight("net.w", (2, 3), "mix/kernel", lambda w: w.T[None, None]),), "mix/bias"),
        (
            (
                gantk.MappedWeight("net.w", (2, 3), "mix/kernel"),
                gantk.MappedWeight("net.b", (2,), "mix/bias"),
                gantk.MappedWeight("net.b", (2,), "mix/offset"),
            ),
            "mix/offset",
        ),
        (
            (gantk.MappedWeight("net.w", (2, 3), "mix/kernel"), gantk.MappedWeight("net.b", (2,), "mix/bias")),
            r"shape \(1, 1, 3, 2\)",
        ),
    ],
)
def test_a_weight_map_with_a_defect(
    importing: Callable[..., ImportedNetwork], monkeypatch: pytest.MonkeyPatch, weights: Any, told: str
) -> None:
    monkeypatch.setattr(Defective, "weights", weights)
    with pytest.raises(PluginError, match=f"weight map 'acme/made/defective' must .*{told}"):
        importing({weight.source: WEIGHTS[weight.source] for weight in weights}, name="acme/made/defective")


def test_names_that_do_not_fit(importing: Callable[..., ImportedNetwork]) -> None:
    with pytest.raises(RunFailed, match=r"unknown: net\.c, \(1,\)\n  other shape: net\.b, \(3,\) in place of \(2,\)"):
        importing({**WEIGHTS, "net.b": np.ones(3, "float32"), "net.c": np.ones(1, "float32")})


def test_options_of_a_command_line() -> None:
    assert parse_options(["blocks=6", "dropout=0.5", "affine=true", "kind=off", "size=[1, 2]", "blocks=9"]) == {
        "blocks": 9,
        "dropout": 0.5,
        "affine": True,
        "kind": "off",
        "size": [1, 2],
    }
    assert parse_options(["empty="]) == {"empty": None}
    for text in ("blocks", "=6", "a b=6", "blocks=[1", ""):
        with pytest.raises(UsageError, match="--option must be KEY=VALUE"):
            parse_options([text])


@pytest.mark.parametrize("name", ["resnet", "a/b/c", "A/b", "a/", "/b", "a/b\n"])
def test_a_weight_map_has_a_name_of_two_parts(name: str) -> None:
    with pytest.raises(ValueError, match=r"WeightMapSpec\.name must be two words with a '/' between"):
        gantk.WeightMapSpec(name=name, factory="a:b", generator="resnet", summary="s")


def test_a_weight_map_has_no_options_of_its_own() -> None:
    with pytest.raises(TypeError, match="WeightMapSpec takes no options of its own"):
        gantk.WeightMapSpec(name="a/b", factory="a:b", generator="resnet", summary="s", options=ScaleOptions)
