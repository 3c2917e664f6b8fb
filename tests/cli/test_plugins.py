"""`gantk plugins list` and `gantk plugins show`."""

from __future__ import annotations

import json

import click
import pytest

ACME = """
from typing import Literal

import gantk
from pydantic import Field

class FocalOptions(gantk.Options):
    gamma: float = Field(2.0, ge=0)
    "How much easy samples\\n    count less."
    reduction: Literal["mean", "sum"] = "mean"
    "How samples are joined."
    inner: gantk.AdversarialLossChoice
    "What it is built on."

@gantk.hookimpl
def gantk_losses():
    return [gantk.LossSpec(name="focal", factory="acme_focal:Focal", summary="Focal loss.", options=FocalOptions,
                           reference="Lin 2017, equation 4")]

@gantk.hookimpl
def gantk_models():
    return [gantk.ModelSpec(name="lsgan", factory="acme_model:Model", summary="A model.", layout="single")]

@gantk.hookimpl
def gantk_after_run(status):
    pass
"""


@pytest.fixture
def site(plugin_site):
    plugin_site.plugin("acme", ACME)
    plugin_site.plugin("ruin", "import math\nmath.sqrt(-1)")
    return plugin_site


def test_list(gantk, site, golden):
    outcome = gantk("plugins", "list")
    assert outcome.code == 0
    golden("plugins-list.txt", outcome.out)
    assert outcome.err == (
        "warning: plugin 'ruin' (ruin-gan 1.2) is broken and left out: ValueError: math domain error\n"
    )


def test_list_of_one_kind(gantk, site):
    assert gantk("plugins", "list", "--kind", "model").out == (
        "KIND   NAME        SUMMARY\nmodel  acme/lsgan  A model.\n"
    )


def test_list_as_json(gantk, site):
    core, acme, ruin = json.loads(gantk("plugins", "list", "--json").out)
    assert core["builtin"] is True
    assert {key: acme[key] for key in ("name", "status", "distribution", "version", "hooks", "listeners")} == {
        "name": "acme",
        "status": "ok",
        "distribution": "acme-gan",
        "version": "1.2",
        "hooks": ["gantk_losses", "gantk_models"],
        "listeners": ["gantk_after_run"],
    }
    assert [(item["kind"], item["name"]) for item in acme["provides"]] == [
        ("loss", "acme/focal"),
        ("model", "acme/lsgan"),
    ]
    assert (ruin["status"], ruin["reason"], ruin["provides"]) == ("broken", "ValueError: math domain error", [])


def test_list_when_strict_shows_the_table_and_ends_with_5(gantk, site, monkeypatch):
    monkeypatch.setenv("GANTK_STRICT_PLUGINS", "1")
    outcome = gantk("plugins", "list")
    assert outcome.code == 5
    assert "ruin    broken  ruin-gan 1.2  ValueError: math domain error" in outcome.out
    assert "error: every plugin must work" in outcome.err


def test_show_a_plugin(gantk, site, golden):
    outcome = gantk("plugins", "show", "acme")
    assert outcome.code == 0
    golden("plugins-show-acme.txt", outcome.out)


def test_show_a_broken_plugin_with_its_traceback(gantk, site):
    out = gantk("plugins", "show", "ruin").out
    assert "status    broken: ValueError: math domain error\n" in out
    assert 'made_up_ruin.py", line 2' in out


def test_show_a_blocked_plugin(gantk, site):
    assert "status    blocked: left out by -p no:acme\n" in gantk("plugins", "show", "acme", "-p", "no:acme").out


@pytest.mark.parametrize("name", ["acme/focal", "loss:acme/focal"])
def test_show_one_thing(gantk, site, name):
    out = gantk("plugins", "show", name).out
    first, second, *_ = out.splitlines()
    assert first == "loss acme/focal: Focal loss."
    assert second.split() == ["plugin", "acme"]
    assert "model" not in out


def test_show_one_thing_as_json(gantk, site):
    (shown,) = json.loads(gantk("plugins", "show", "acme/focal", "--json").out)
    assert (shown["plugin"], shown["kind"], shown["role"]) == ("acme", "loss", "adversarial")
    assert shown["options"][0] == {
        "name": "gamma",
        "type": "number ≥ 0",
        "required": False,
        "default": 2.0,
        "description": "How much easy samples count less.",
    }
    assert shown["options"][2]["required"] is True


def test_show_a_name_of_several_kinds(gantk, site):
    core = site.path / "built_in_core.py"
    core.write_text(
        core.read_text()
        + "\n@gantk.hookimpl\ndef gantk_models():\n"
        + "    return [gantk.ModelSpec(name='l1', factory='a:b', summary='Odd.', layout='text')]\n"
    )
    out = gantk("plugins", "show", "l1").out
    assert "loss l1: Distance.\n" in out
    assert "model l1: Odd.\n" in out
    assert "loss" not in gantk("plugins", "show", "model:l1").out


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (
            "focl",
            "NAME must be a plugin or something that a plugin provides. Received: 'focl'\n"
            "hint: Did you mean 'acme/focal'?\n",
        ),
        (
            "xyzzy",
            "NAME must be a plugin or something that a plugin provides. Received: 'xyzzy'\n"
            "hint: `gantk plugins list` shows every name.\n",
        ),
        (
            "ruin/lsgan",
            "'ruin/lsgan' is not available: plugin 'ruin' is broken: ValueError: math domain error\n"
            "hint: `gantk plugins show ruin` tells more.\n",
        ),
        (
            "loss:lsgna",
            "loss 'lsgna' is not known. Available: l1, lsgan, acme/focal\nhint: Did you mean 'lsgan'?\n",
        ),
    ],
)
def test_show_what_is_not_there(gantk, site, name, error):
    outcome = gantk("-q", "plugins", "show", name)
    assert (outcome.code, outcome.out) == (5, "")
    assert outcome.err.partition("error: ")[2] == error


def test_drawn_on_a_terminal(gantk, site, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    out = click.unstyle(gantk("plugins", "list").out)
    assert "─" in out
    assert "acme/focal" in out
    assert max(map(len, out.splitlines())) <= 80


WIDE = """
import gantk
from pydantic import Field

class WideOptions(gantk.Options):
    a_rather_long_name_of_an_option: tuple[float, ...] | dict[str, float] | None = Field((0.125,) * 12)
    "What it is: told in so many words that they fill more than one line of a page, and then in a few more of them."
    plain: int
    "Short."

@gantk.hookimpl
def gantk_losses():
    return [gantk.LossSpec(name="wide", factory="a:b", summary="Wide.", options=WideOptions)]
"""


@pytest.mark.parametrize("terminal", [False, True])
def test_options_too_wide_for_a_table_are_a_list(gantk, plugin_site, monkeypatch, terminal):
    plugin_site.plugin("broad", WIDE)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "72")
    out = click.unstyle(gantk("plugins", "show", "broad/wide").out)
    assert max(map(len, out.splitlines())) <= (72 if terminal else 120)
    lines = out.splitlines()
    assert any(line.startswith("a_rather_long_name_of_an_option  list of number or") for line in lines)
    assert "plain  integer; required" in lines
    assert lines[-1] == "    Short."
    assert " ".join(out.split()).count("fill more than one line of a page, and then in a few more of them.") == 1
