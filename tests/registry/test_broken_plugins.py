"""Every way for a plugin to be broken: one warning and a row that says why, and the others work."""

from __future__ import annotations

import logging

import pytest

from gantk.errors import PluginError
from gantk.registry import Registry, load_factory

SOUND = 'gantk.LossSpec(name="focal", factory="made_up_acme:Focal", summary="Focal.")'

BROKEN = {
    "import error": ("import no_such_framework", "ModuleNotFoundError: No module named 'no_such_framework'"),
    "syntax error": ("def (", "SyntaxError: invalid syntax (made_up_acme.py, line 1)"),
    "exits on import": ("raise SystemExit(3)", "SystemExit: 3"),
    "raises a BaseException on import": ("raise BaseException('no')", "BaseException: no"),
    "error text of many lines": (r"raise ValueError('one\n  two')", "ValueError: one two"),
    "bad signature": (
        """
        import gantk

        @gantk.hookimpl
        def gantk_losses(registry):
            return []
        """,
        "PluginValidationError: Plugin 'acme' for hook 'gantk_losses' hookimpl definition: gantk_losses(registry) "
        "Argument(s) {'registry'} are declared in the hookimpl but can not be found in the hookspec",
    ),
    "one misspelt hook": (
        f"""
        import gantk

        @gantk.hookimpl
        def gantk_loses():
            return [{SOUND}]
        """,
        "it implements a hook that gantk does not have: 'gantk_loses' (did you mean 'gantk_losses'?)",
    ),
    "several misspelt hooks": (
        f"""
        import gantk

        @gantk.hookimpl
        def gantk_losses():
            return [{SOUND}]

        @gantk.hookimpl
        def gantk_generator():
            return []

        @gantk.hookimpl
        def gantk_xyz():
            return []
        """,
        "it implements hooks that gantk does not have: "
        "'gantk_generator' (did you mean 'gantk_generators'?), 'gantk_xyz'",
    ),
    "unmarked hook": ("def gantk_losses():\n    return []", "gantk_losses must be marked with @gantk.hookimpl"),
    "hook raises": (
        f"""
        import gantk

        @gantk.hookimpl
        def gantk_losses():
            return [{SOUND}]

        @gantk.hookimpl
        def gantk_models():
            raise RuntimeError("no licence")
        """,
        "gantk_models raised: RuntimeError: no licence",
    ),
    "hook exits": (
        "import gantk, sys\n@gantk.hookimpl\ndef gantk_losses():\n    sys.exit('bye')",
        "gantk_losses raised: SystemExit: bye",
    ),
    "hook is a wrapper": (
        "import gantk\n@gantk.hookimpl(wrapper=True)\ndef gantk_losses():\n    return (yield)",
        "gantk_losses must be a plain hook. Received: a hook wrapper",
    ),
    "returns None": (
        "import gantk\n@gantk.hookimpl\ndef gantk_losses():\n    pass",
        "gantk_losses must return a list of LossSpec. Received: NoneType",
    ),
    "returns a record, not a list": (
        f"import gantk\n@gantk.hookimpl\ndef gantk_losses():\n    return {SOUND}",
        "gantk_losses must return a list of LossSpec. Received: LossSpec",
    ),
    "yields": (
        f"import gantk\n@gantk.hookimpl\ndef gantk_losses():\n    yield {SOUND}",
        "gantk_losses must return a list of LossSpec. Received: generator",
    ),
    "wrong record": (
        f"""
        import gantk

        @gantk.hookimpl
        def gantk_losses():
            return [{SOUND}, gantk.SourceSpec(name="x", factory="a:b", summary="")]
        """,
        "gantk_losses must return a list of LossSpec. Received at index 1: SourceSpec",
    ),
    "bad name in a record": (
        "import gantk\n@gantk.hookimpl\ndef gantk_losses():\n"
        "    return [gantk.LossSpec(name='Focal', factory='a:b', summary='')]",
        "gantk_losses raised: ValueError: LossSpec.name must be lower case letters, digits, '_' and '-', "
        "starting with a letter. Received: 'Focal'",
    ),
    "bad options in a record": (
        "import gantk\n@gantk.hookimpl\ndef gantk_losses():\n"
        "    return [gantk.LossSpec(name='focal', factory='a:b', summary='', options=dict)]",
        "gantk_losses raised: TypeError: LossSpec.options must be a subclass of gantk.Options. "
        "Received: <class 'dict'>",
    ),
    "same name twice": (
        f"import gantk\n@gantk.hookimpl\ndef gantk_losses():\n    return [{SOUND}, {SOUND}]",
        "it registers the loss 'focal' twice",
    ),
    "uses the registry on import": (
        "from gantk.registry import default_registry\ndefault_registry()",
        "PluginError: the registry must not be used while plugins are being loaded. "
        "Received: a call from the import of a plugin Build options and look names up inside functions, "
        "not at the top of the plugin's module.",
    ),
}


@pytest.mark.parametrize("way", BROKEN)
def test_broken_plugin_is_one_warning_and_a_row(plugin_site, caplog, capsys, way):
    source, reason = BROKEN[way]
    plugin_site.plugin("acme", source)
    plugin_site.plugin(
        "zeta",
        "import gantk\n@gantk.hookimpl\ndef gantk_losses():\n"
        "    return [gantk.LossSpec(name='focal', factory='zeta:Focal', summary='')]",
    )
    from gantk.registry import default_registry

    with caplog.at_level(logging.WARNING, "gantk"):
        registry = default_registry()
    (warning,) = caplog.records
    assert warning.getMessage() == f"plugin 'acme' (acme-gan 1.2) is broken and left out: {reason}"
    assert "\n" not in warning.getMessage()

    core, acme, zeta = registry.plugins
    assert (acme.name, acme.status, acme.reason) == ("acme", "broken", reason)
    assert (acme.distribution, acme.version, acme.origin) == ("acme-gan", "1.2", "entry point")
    assert (acme.records, acme.hooks) == ({}, ())
    assert core.status == zeta.status == "ok"
    assert list(registry.all("loss")) == ["l1", "lsgan", "zeta/focal"]

    with pytest.raises(PluginError) as caught:
        registry.find("loss", "acme/focal")
    assert caught.value.message == f"loss 'acme/focal' is not available: plugin 'acme' is broken: {reason}"
    assert capsys.readouterr().out == ""


def test_traceback_of_a_broken_plugin_leads_to_its_line(plugin_site):
    plugin_site.plugin("acme", "import math\nmath.sqrt(-1)\n")
    acme = Registry.discover().plugins[1]
    assert acme.reason == "ValueError: math domain error"
    assert 'made_up_acme.py", line 2' in acme.traceback


def test_interrupt_during_import_passes(plugin_site):
    plugin_site.plugin("acme", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Registry.discover()


def test_what_a_plugin_prints_on_import_goes_to_stderr(plugin_site, capsys):
    plugin_site.plugin("acme", "print('welcome to acme')")
    assert Registry.discover().plugins[1].status == "ok"
    assert capsys.readouterr() == ("", "welcome to acme\n")


@pytest.mark.parametrize("value", ["not a module", "made_up:", ":x", "1abc"])
def test_malformed_entry_point(plugin_site, value):
    plugin_site.distribution("acme-gan", "1.2", acme=value)
    assert Registry.discover().plugins[1].reason == (
        f"its entry point must be 'package.module' or 'package.module:attribute'. Received: {value!r}"
    )


def test_plugin_name_that_cannot_be_part_of_a_name(plugin_site):
    plugin_site.module("made_up_acme", "")
    plugin_site.distribution("acme-gan", "1.2", **{"ac/me": "made_up_acme"})
    assert Registry.discover().plugins[1].reason.startswith("its name must be letters, digits, '_', '-' and '.'")


def test_unreadable_metadata_of_one_distribution_is_its_own_failure(plugin_site):
    plugin_site.plugin("acme", "")
    folder = plugin_site.distribution("ruin-gan", "0.1", ruin="made_up_ruin")
    (folder / "entry_points.txt").write_bytes(b"[gantk]\nruin = \xff\xfe\n")
    core, acme, ruin = Registry.discover().plugins
    assert (core.status, acme.status, ruin.name, ruin.status) == ("ok", "ok", "ruin-gan", "broken")
    assert ruin.reason.startswith("the entry points of the distribution 'ruin-gan' cannot be read: UnicodeDecodeError")


def test_strict_makes_every_broken_plugin_an_error(plugin_site, monkeypatch):
    from gantk.registry import default_registry

    plugin_site.plugin("acme", "import no_such_framework")
    plugin_site.plugin("zeta", "raise SystemExit(3)")
    monkeypatch.setenv("GANTK_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError) as caught:
        default_registry()
    assert caught.value.exit_code == 5
    assert caught.value.message == (
        "every plugin must work, since GANTK_STRICT_PLUGINS is set. Received:\n"
        "  acme (acme-gan 1.2): ModuleNotFoundError: No module named 'no_such_framework'\n"
        "  zeta (zeta-gan 1.2): SystemExit: 3"
    )
    assert [info.status for info in default_registry(strict=False).plugins] == ["ok", "broken", "broken"]


def test_strict_is_content_with_sound_plugins(plugin_site, monkeypatch):
    from gantk.registry import default_registry

    plugin_site.plugin("acme", "")
    monkeypatch.setenv("GANTK_STRICT_PLUGINS", "1")
    assert [info.name for info in default_registry().plugins] == ["core", "acme"]


class TestLoadFactory:
    def spec(self, factory):
        import gantk

        return gantk.LossSpec(name="focal", factory=factory, summary="")

    def test_returns_the_callable(self):
        from fractions import Fraction

        assert load_factory(self.spec("fractions:Fraction")) is Fraction

    def test_missing_module(self):
        with pytest.raises(PluginError) as caught:
            load_factory(self.spec("no_such_package.focal:Focal"))
        assert caught.value.message == (
            "loss 'focal' cannot be built: its factory 'no_such_package.focal:Focal' cannot be imported. "
            "Received: ModuleNotFoundError: No module named 'no_such_package'"
        )
        assert caught.value.hint == "Install what provides the module 'no_such_package', or correct the plugin."

    def test_missing_attribute_names_the_nearest(self):
        with pytest.raises(PluginError) as caught:
            load_factory(self.spec("fractions:Fractoin"))
        assert caught.value.message.endswith("Received: no attribute 'Fractoin'")
        assert caught.value.hint == "Did you mean 'Fraction'?"

    def test_not_callable(self):
        with pytest.raises(PluginError, match=r"must be callable\. Received: float"):
            load_factory(self.spec("math:pi"))

    def test_exit_on_import(self, plugin_site):
        plugin_site.module("made_up_exit", "raise SystemExit(0)")
        with pytest.raises(PluginError, match=r"cannot be imported\. Received: SystemExit: 0"):
            load_factory(self.spec("made_up_exit:Focal"))
