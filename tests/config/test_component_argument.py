import pytest

from gantk.config.component_argument import component_argument, parse_argument
from gantk.errors import PluginError, UsageError
from gantk_metrics.options import KIDOptions


def test_a_name_a_mapping_defaults_and_changes() -> None:
    plain = component_argument("metric", "--metric", "psnr")
    assert (plain.name, plain.spec.kind, plain.options.split) == ("psnr", "metric", "test")
    defaults = {
        "features": parse_argument("--features", "{type: vgg16, path: w.npz}"),
        "nothing": parse_argument("--nothing", "1"),
    }
    changes = ["kid.features.layer=relu3_3", "kid.subsets=5", "fid.limit=3"]
    kid = component_argument("metric", "--metric", "{type: kid, subset_size: 9}", defaults=defaults, changes=changes)
    assert kid.options == KIDOptions(
        features={"type": "vgg16", "path": "w.npz", "layer": "relu3_3"}, subset_size=9, subsets=5
    )
    own = component_argument("metric", "--metric", "{type: kid, features: inception_v3}", defaults=defaults)
    assert own.options == KIDOptions(), "what the argument says itself counts more"


def test_everything_that_is_wrong_is_told() -> None:
    text = "{type: kid, features: {type: efficientnet_lite0, layer: relu9}, subsetsize: 3, limit: x}"
    with pytest.raises(UsageError) as raised:
        component_argument("metric", "--metric", text)
    lines = raised.value.message.splitlines()
    assert lines[0] == f"--metric {text} is not valid."
    assert "features.path: expected this key, which has no default." in lines
    assert any(line.startswith("features.layer: expected 'stem', 'block0'") for line in lines)
    assert "subsetsize: expected a known key." in lines
    assert "limit: expected an integer. Received: 'x'" in lines
    assert raised.value.hint == "`gantk plugins show kid` lists its options."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{type: [", "--metric {type: \\[: expected"),
        ("[psnr]", "must be a name, or a mapping with the name under 'type'. Received: a list of 1"),
        ("{limit: 3}", "Received: a mapping with the key limit"),
        ("", "--metric must have a value"),
    ],
)
def test_what_is_no_component(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        component_argument("metric", "--metric", text)


def test_a_change_that_cannot_be_applied_names_its_option() -> None:
    with pytest.raises(UsageError, match=r"--option psnr.split.x=1: psnr.split: expected a mapping or a list"):
        component_argument("metric", "--metric", "{type: psnr, split: train}", changes=["psnr.split.x=1"])


def test_an_unknown_name() -> None:
    with pytest.raises(PluginError, match="metric 'psmr' is not known"):
        component_argument("metric", "--metric", "psmr")
