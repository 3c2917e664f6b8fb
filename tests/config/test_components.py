"""What the choices rely on, and what they do."""

import sys
from types import ModuleType

import pytest
from pydantic import TypeAdapter, ValidationError

from gantk.config.components import Component, GeneratorChoice, ModelChoice, TransformChoice
from gantk.errors import PluginError
from gantk.specs import LossSpec, Options


class Outer(Options):
    generator: GeneratorChoice
    transforms: tuple[TransformChoice, ...] = ()
    other: GeneratorChoice | None = None


def errors_of(model, value, registry):
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value, context={"registry": registry})
    return [(error["type"], error["loc"]) for error in caught.value.errors()]


def test_errors_inside_a_component_have_their_full_path(registry):
    value = {
        "generator": {"type": "resnet", "blocks": -1, "bloks": 1},
        "transforms": ["flip", {"type": "resize", "siez": 3}],
        "other": {"type": "unet", "x": 1},
    }
    assert errors_of(Outer, value, registry) == [
        ("greater_than_equal", ("generator", "blocks")),
        ("extra_forbidden", ("generator", "bloks")),
        ("extra_forbidden", ("transforms", 1, "siez")),
        ("extra_forbidden", ("other", "x")),
    ]


@pytest.mark.parametrize("value", [3, None, ["resnet"], {"blocks": 3}, {"type": 3}, {"type": None}])
def test_what_is_no_component(value, registry):
    assert errors_of(Outer, {"generator": value}, registry) == [("component_form", ("generator",))]


def test_a_component_of_another_kind_is_refused(registry):
    flip = TypeAdapter(TransformChoice).validate_python("flip", context={"registry": registry})
    assert errors_of(Outer, {"generator": flip}, registry) == [("component_form", ("generator",))]


def test_a_component_is_taken_as_it_is(registry):
    resnet = TypeAdapter(GeneratorChoice).validate_python("resnet", context={"registry": registry})
    assert Outer.model_validate({"generator": resnet}, context={"registry": registry}).generator is resnet


def test_plain_form_validates_to_the_same_component(registry):
    adapter = TypeAdapter(ModelChoice)
    value = {"type": "cyclegan", "generator": {"type": "acme/big", "blocks": 2}, "cycle_weight": 3}
    component = adapter.validate_python(value, context={"registry": registry})
    assert isinstance(component, Component)
    plain = component.to_plain()
    assert plain["type"] == "cyclegan"
    assert plain["generator"] == {"type": "acme/big", "blocks": 2, "dropout": None, "upsampling": "transposed"}
    assert plain["adversarial_loss"] == {"type": "lsgan"}
    assert adapter.validate_python(plain, context={"registry": registry}) == component


def test_create_calls_the_factory_with_the_options_first(registry):
    component = TypeAdapter(GeneratorChoice).validate_python("unet", context={"registry": registry})
    # The factory of these records is `dict`, which takes pairs, and a model iterates over its fields.
    assert component.create(output_channels=3) == {"output_channels": 3}


def test_an_options_model_describes_itself_without_the_other_plugins():
    properties = Outer.model_json_schema()["properties"]
    assert properties["generator"]["x-gantk-choice"] == "generator.translation"
    assert properties["transforms"]["items"] == {"x-gantk-choice": "transform"}


def test_what_lacks_a_method_of_its_protocol_is_told_by_name(monkeypatch):
    module = ModuleType("soft_hinge")
    module.SoftHinge = type("SoftHinge", (), {"__init__": lambda self, options: None, "discriminator_loss": abs})
    monkeypatch.setitem(sys.modules, "soft_hinge", module)
    spec = LossSpec(name="soft_hinge", factory="soft_hinge:SoftHinge", summary="Half a loss.")
    with pytest.raises(PluginError) as caught:
        Component("soft_hinge", spec, spec.options()).create()
    assert "loss 'soft_hinge'" in caught.value.message
    assert "must have the method generator_loss.\nReceived:" in caught.value.message
    assert "SoftHinge" in caught.value.message
    pairwise = LossSpec(name="soft_hinge", role="pairwise", factory="soft_hinge:SoftHinge", summary="No distance.")
    with pytest.raises(PluginError, match="must have the method __call__"):
        Component("soft_hinge", pairwise, pairwise.options()).create()
