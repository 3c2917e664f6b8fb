"""Looking things up by name, and telling listeners."""

from __future__ import annotations

import logging
import types
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

import gantk
from gantk import hookspecs
from gantk.errors import PluginError
from gantk.registry import Registry, nearest_names
from gantk.registry.intake import NOTICES, REGISTERING_HOOKS
from gantk.specs import KINDS, FeatureNetworkOptions, LossSpec


def plugin(**hooks):
    """Return a module-like plugin; a list stands for a hook that returns it."""
    implementations = {}
    for name, value in hooks.items():
        function = value if callable(value) else (lambda value=value: value)
        function.__name__ = name
        implementations[name] = gantk.hookimpl(function)
    return types.SimpleNamespace(**implementations)


class Layered(FeatureNetworkOptions):
    """Options of a feature network with one layer."""

    layers: ClassVar[Mapping[str, int]] = {"conv": 1}


def record(kind, name, **extra):
    if kind == "model":
        extra.setdefault("layout", "unpaired")
    if kind == "feature_network":
        extra.setdefault("options", Layered)
    if kind == "weight_map":
        extra.setdefault("generator", "resnet")
    return KINDS[kind](name=name, factory="package.module:attribute", summary=f"The {name}.", **extra)


@pytest.fixture
def registry(plugin_environment):
    return Registry(
        {
            "networks": plugin(
                gantk_generators=[record("generator", "resnet"), record("generator", "unet")],
                gantk_discriminators=[record("discriminator", "patchgan")],
            ),
            "losses": plugin(
                gantk_losses=[
                    record("loss", "lsgan"),
                    record("loss", "hinge"),
                    record("loss", "l1", role="pairwise"),
                ]
            ),
        },
        third_party={"acme": plugin(gantk_losses=[record("loss", "focal"), record("loss", "hinge")])},
    )


def test_find_by_bare_and_by_prefixed_name(registry):
    assert registry.find("loss", "hinge") is registry.plugins[1].records["loss"][1]
    assert registry.find("loss", "acme/hinge") is registry.plugins[2].records["loss"][1]
    assert registry.find("loss", "l1", role="pairwise").name == "l1"


def test_all_lists_bare_names_first(registry):
    assert list(registry.all("loss")) == ["hinge", "l1", "lsgan", "acme/focal", "acme/hinge"]
    assert list(registry.all("loss", role="pairwise")) == ["l1"]
    assert registry.all("stage") == {}


def errors(registry, kind, name, role=""):
    with pytest.raises(PluginError) as caught:
        registry.find(kind, name, role=role)
    return caught.value.message, caught.value.hint


def test_unknown_name_lists_what_there_is_and_the_nearest(registry):
    assert errors(registry, "loss", "lsgna", "adversarial") == (
        "loss 'lsgna' is not known. Available: hinge, lsgan, acme/focal, acme/hinge",
        "Did you mean 'lsgan'?",
    )


def test_unknown_name_may_be_a_third_partys_without_its_prefix(registry):
    assert errors(registry, "loss", "focal")[1] == "Did you mean 'acme/focal'?"


def test_several_near_names(registry):
    assert errors(registry, "loss", "hing")[1] == "Did you mean 'hinge' or 'acme/hinge'?"


def test_name_of_another_kind(registry):
    assert errors(registry, "discriminator", "resnet") == (
        "discriminator 'resnet' is not known. Available: patchgan",
        "'resnet' is the name of a generator, not of a discriminator.",
    )


def test_name_of_a_plugin_that_is_not_installed(registry):
    assert errors(registry, "generator", "umbrella/swin") == (
        "generator 'umbrella/swin' is not known: no plugin 'umbrella' is installed. Available: resnet, unet",
        "`gantk plugins list` shows every plugin and what it provides.",
    )


def test_built_in_names_take_no_prefix(registry):
    assert errors(registry, "loss", "losses/lsgan") == (
        "loss 'losses/lsgan' is not known. Available: hinge, l1, lsgan, acme/focal, acme/hinge",
        "Did you mean 'lsgan'?",
    )


def test_role_mismatch_has_its_own_message(registry):
    assert errors(registry, "loss", "l1", "adversarial") == (
        "an adversarial loss is needed here. Received: 'l1', a pairwise loss",
        "The adversarial losses are: hinge, lsgan, acme/focal, acme/hinge.",
    )
    assert errors(registry, "loss", "lsgan", "pairwise") == (
        "a pairwise loss is needed here. Received: 'lsgan', an adversarial loss",
        "The pairwise losses are: l1.",
    )


def test_broken_built_in_plugin_is_named_where_its_names_are_missed(plugin_environment):
    def no_licence():
        raise RuntimeError("no licence")

    registry = Registry({"losses": plugin(gantk_losses=no_licence)})
    assert errors(registry, "loss", "lsgan")[0] == (
        "loss 'lsgan' is not known. Available: none\n"
        "The built-in plugin 'losses', which may provide it, is broken: gantk_losses raised: RuntimeError: no licence"
    )


def test_unknown_kind(registry):
    for call in (lambda: registry.find("losses", "l1"), lambda: registry.all("losses")):
        with pytest.raises(ValueError, match=r"kind must be one of generator, .*Received: 'losses'"):
            call()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("LSGAN", ["lsgan"]),
        ("colour-jitter", ["colour_jitter"]),
        ("acmee/focal", ["acme/focal"]),
        ("cyclegan", []),
    ],
)
def test_nearest_names(name, nearest):
    assert nearest_names(name, ["lsgan", "colour_jitter", "acme/focal"]) == nearest


NOTICE_ARGUMENTS = {
    "gantk_before_run": {"run_dir": Path("run"), "config": {"name": "x"}},
    "gantk_after_stage": {"run_dir": Path("run"), "stage": "train", "seconds": 1.5, "skipped": False},
    "gantk_on_stage_error": {"run_dir": Path("run"), "stage": "train", "error": ValueError("x")},
    "gantk_after_run": {"run_dir": Path("run"), "status": "done"},
}


def hooks_of_the_contract():
    return {name: value for name, value in vars(hookspecs).items() if hasattr(value, "gantk_spec")}


def test_every_hook_is_known_to_the_registry_and_tested_here():
    assert set(hooks_of_the_contract()) == {*REGISTERING_HOOKS, *NOTICES}
    assert set(NOTICES) == set(NOTICE_ARGUMENTS)
    assert list(REGISTERING_HOOKS.values()) == list(KINDS.values())


@pytest.mark.parametrize("hook", hooks_of_the_contract())
def test_every_hook_is_documented(hook):
    assert len((hooks_of_the_contract()[hook].__doc__ or "").split()) >= 8


@pytest.mark.parametrize("hook", REGISTERING_HOOKS)
def test_every_registering_hook_registers(plugin_environment, hook):
    kind = REGISTERING_HOOKS[hook].kind
    name = "/".join(["thing"] * KINDS[kind].name_parts)
    spec = record(kind, name)
    registry = Registry({"one": plugin(**{hook: [spec]})}, third_party={"two": plugin(**{hook: [spec]})})
    assert registry.find(kind, name) is spec
    assert registry.find(kind, f"two/{name}") is spec
    assert registry.plugins[0].hooks == (hook,)


@pytest.mark.parametrize("hook", NOTICES)
def test_every_notice_reaches_a_listener_with_all_its_arguments(plugin_environment, hook):
    heard = []
    if hook == "gantk_before_run":
        listener = plugin(gantk_before_run=lambda run_dir, config: heard.append((run_dir, config)))
    elif hook == "gantk_after_stage":
        listener = plugin(
            gantk_after_stage=lambda run_dir, stage, seconds, skipped: heard.append((run_dir, stage, seconds, skipped))
        )
    elif hook == "gantk_on_stage_error":
        listener = plugin(gantk_on_stage_error=lambda run_dir, stage, error: heard.append((run_dir, stage, error)))
    else:
        listener = plugin(gantk_after_run=lambda run_dir, status: heard.append((run_dir, status)))
    registry = Registry({"listener": listener})
    assert registry.plugins[0].listeners == (hook,)
    registry.notify(hook, **NOTICE_ARGUMENTS[hook])
    assert heard == [tuple(NOTICE_ARGUMENTS[hook].values())]


def test_a_listener_may_take_fewer_arguments(plugin_environment):
    heard = []
    registry = Registry({"listener": plugin(gantk_after_stage=lambda stage: heard.append(stage))})
    registry.notify("gantk_after_stage", **NOTICE_ARGUMENTS["gantk_after_stage"])
    assert heard == ["train"]


def test_a_listener_that_raises_is_a_warning_and_the_others_are_told(plugin_environment, caplog):
    heard = []

    def exits(status):
        raise SystemExit(1)

    def raises(status):
        raise ValueError("no network")

    registry = Registry(
        {
            "first": plugin(gantk_after_run=lambda status: heard.append("first")),
            "exits": plugin(gantk_after_run=exits),
            "raises": plugin(gantk_after_run=raises),
            "last": plugin(gantk_after_run=lambda status: heard.append("last")),
        }
    )
    with caplog.at_level(logging.WARNING, "gantk"):
        registry.notify("gantk_after_run", run_dir=Path("run"), status="done")
    # As pluggy orders calls: the plugin registered last is told first.
    assert heard == ["last", "first"]
    assert [entry.getMessage() for entry in caplog.records] == [
        "plugin 'raises' failed in gantk_after_run and is passed over: ValueError: no network",
        "plugin 'exits' failed in gantk_after_run and is passed over: SystemExit: 1",
    ]


def test_notice_with_tryfirst_comes_first(plugin_environment):
    heard = []

    class Early:
        @gantk.hookimpl(tryfirst=True)
        def gantk_after_run(self):
            heard.append("early")

    registry = Registry({"early": Early(), "late": plugin(gantk_after_run=lambda: heard.append("late"))})
    registry.notify("gantk_after_run", run_dir=Path("run"), status="done")
    assert heard == ["early", "late"]


def test_interrupt_in_a_listener_passes(plugin_environment):
    def interrupted():
        raise KeyboardInterrupt

    registry = Registry({"listener": plugin(gantk_after_run=interrupted)})
    with pytest.raises(KeyboardInterrupt):
        registry.notify("gantk_after_run", run_dir=Path("run"), status="done")


def test_notice_that_does_not_exist(registry):
    with pytest.raises(ValueError, match="Received: 'gantk_losses'"):
        registry.notify("gantk_losses")


def test_notice_with_wrong_arguments(registry):
    with pytest.raises(TypeError, match=r"gantk_after_run takes \['run_dir', 'status'\]. Received: \['status'\]"):
        registry.notify("gantk_after_run", status="done")


def test_blocked_listener_hears_nothing(plugin_environment):
    heard = []
    registry = Registry({"listener": plugin(gantk_after_run=lambda: heard.append(1))})
    registry.extend(["no:listener"])
    registry.notify("gantk_after_run", run_dir=Path("run"), status="done")
    assert heard == []


def test_optional_hook_of_a_later_version_is_accepted(plugin_environment):
    class Modern:
        @gantk.hookimpl(optionalhook=True)
        def gantk_schedulers(self):
            raise AssertionError("not called")

        @gantk.hookimpl
        def gantk_losses(self):
            return [LossSpec(name="focal", factory="a:b", summary="")]

    registry = Registry({"modern": Modern()})
    assert registry.plugins[0].status == "ok"
    assert registry.plugins[0].hooks == ("gantk_losses",)
