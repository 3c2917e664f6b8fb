"""Which plugins are loaded: entry points, `-p`, the environment, and clashes of names."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from gantk.errors import PluginError, UsageError
from gantk.registry import Registry, configure, default_registry, load_factory
from gantk.registry.environment import is_strict

LOSS = """
import gantk

@gantk.hookimpl
def gantk_losses():
    return [gantk.LossSpec(name="focal", factory=f"{__name__}:Focal", summary="Focal.")]

class Focal:
    def __init__(self, options):
        self.options = options
"""


def statuses(registry):
    return {info.name: info.status for info in registry.plugins}


def losses(registry):
    return list(registry.all("loss"))


def test_entry_points_are_loaded_and_third_parties_get_a_prefix(plugin_site):
    plugin_site.plugin("acme", LOSS)
    registry = Registry.discover()
    assert losses(registry) == ["l1", "lsgan", "acme/focal"]
    core, acme = registry.plugins
    assert (core.builtin, core.provider) == (True, "gantk 9.9")
    assert (acme.builtin, acme.provider, acme.location) == (False, "acme-gan 1.2", "made_up_acme")
    assert acme.hooks == ("gantk_losses",)
    assert registry.provider("loss", "acme/focal") is acme
    assert load_factory(registry.find("loss", "acme/focal"))(3).options == 3


def test_an_entry_point_may_name_an_object(plugin_site):
    plugin_site.module(
        "made_up_acme",
        """
        import gantk

        class Plugin:
            @gantk.hookimpl
            def gantk_losses(self):
                return [gantk.LossSpec(name="focal", factory="a:b", summary="")]

        plugin = Plugin()
        """,
    )
    plugin_site.distribution("acme-gan", "1.2", acme="made_up_acme:plugin")
    assert losses(Registry.discover()) == ["l1", "lsgan", "acme/focal"]


class TestLoadPlugins:
    def test_empty_loads_built_ins_only(self, plugin_site, monkeypatch):
        plugin_site.plugin("acme", "raise AssertionError('imported')")
        monkeypatch.setenv("GANTK_LOAD_PLUGINS", "")
        core, acme = Registry.discover().plugins
        assert (core.status, acme.status, acme.reason) == ("ok", "blocked", "left out by GANTK_LOAD_PLUGINS")

    def test_list_loads_only_these(self, plugin_site, monkeypatch):
        for name in ("acme", "beta", "zeta"):
            plugin_site.plugin(name, LOSS)
        monkeypatch.setenv("GANTK_LOAD_PLUGINS", "acme, zeta")
        registry = Registry.discover()
        assert statuses(registry) == {"core": "ok", "acme": "ok", "beta": "blocked", "zeta": "ok"}
        with pytest.raises(PluginError) as caught:
            registry.find("loss", "beta/focal")
        assert caught.value.message == (
            "loss 'beta/focal' is not available: plugin 'beta' is blocked: left out by GANTK_LOAD_PLUGINS"
        )

    def test_unset_loads_all(self, plugin_site):
        plugin_site.plugin("acme", LOSS)
        assert statuses(Registry.discover()) == {"core": "ok", "acme": "ok"}

    def test_unknown_name_is_an_error(self, plugin_site, monkeypatch):
        plugin_site.plugin("acme", LOSS)
        monkeypatch.setenv("GANTK_LOAD_PLUGINS", "acmee")
        with pytest.raises(PluginError) as caught:
            Registry.discover()
        assert caught.value.message == "GANTK_LOAD_PLUGINS must name installed plugins. Received: 'acmee'"
        assert caught.value.hint == "Did you mean 'acme'?"

    def test_a_request_brings_a_plugin_back(self, plugin_site, monkeypatch):
        plugin_site.plugin("acme", LOSS)
        monkeypatch.setenv("GANTK_LOAD_PLUGINS", "")
        assert statuses(Registry.discover(["acme"])) == {"core": "ok", "acme": "ok"}


class TestRequests:
    def test_module(self, plugin_site):
        plugin_site.module("made_up_gan", LOSS)
        registry = Registry.discover(["made_up_gan"])
        assert losses(registry)[-1] == "made_up_gan/focal"
        assert registry.plugins[-1].origin == "module"
        assert registry.plugins[-1].provider == "module made_up_gan"

    def test_module_that_is_missing(self, plugin_site):
        with pytest.raises(PluginError) as caught:
            Registry.discover(["no_such_module"])
        assert caught.value.message == (
            "plugin 'no_such_module' must be an importable module, an installed plugin or a file. "
            "Received: no module 'no_such_module'"
        )

    def test_module_that_is_a_file_here(self, plugin_site, tmp_path, monkeypatch):
        (tmp_path / "mine.py").write_text(LOSS)
        monkeypatch.chdir(tmp_path)
        with pytest.raises(PluginError) as caught:
            Registry.discover(["mine"])
        assert caught.value.hint == "For the file in this folder, write ./mine.py"

    def test_module_that_lacks_another_is_broken_not_missing(self, plugin_site):
        plugin_site.module("made_up_gan", "import no_such_module")
        registry = Registry.discover(["made_up_gan"])
        assert registry.plugins[-1].reason == "ModuleNotFoundError: No module named 'no_such_module'"

    def test_file(self, plugin_site, tmp_path, monkeypatch):
        (tmp_path / "my-gan.py").write_text(LOSS)
        monkeypatch.chdir(tmp_path)
        path = list(sys.path)
        registry = Registry.discover(["./my-gan.py"])
        info = registry.plugins[-1]
        assert (info.name, info.origin, info.location) == ("my-gan", "file", str(tmp_path / "my-gan.py"))
        # The module's name follows the file's, so a factory string can name it.
        spec = registry.find("loss", "my-gan/focal")
        assert spec.factory == "my_gan:Focal"
        assert load_factory(spec)(1).options == 1
        assert sys.path == path

    def test_package_folder(self, plugin_site, tmp_path):
        folder = tmp_path / "my_package"
        folder.mkdir()
        (folder / "__init__.py").write_text(LOSS.replace('f"{__name__}:Focal"', '"my_package.focal:Focal"'))
        (folder / "focal.py").write_text("from my_package import Focal")
        registry = Registry.discover([str(folder)])
        assert load_factory(registry.find("loss", "my_package/focal"))(2).options == 2

    @pytest.mark.parametrize("name", ["missing.py", "./missing.py", "no/such/folder"])
    def test_file_that_is_missing(self, plugin_site, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(PluginError, match=r"must be a Python file or a package's folder\. Received: no such file"):
            Registry.discover([name])

    def test_file_that_is_no_python_file(self, plugin_site, tmp_path):
        (tmp_path / "gan.yaml").write_text("")
        with pytest.raises(PluginError, match="must be a Python file"):
            Registry.discover([str(tmp_path / "gan.yaml")])

    def test_file_whose_name_is_no_modules_name(self, plugin_site, tmp_path):
        (tmp_path / "2nd gan.py").write_text(LOSS)
        with pytest.raises(PluginError, match=r"Received: '2nd gan\.py'"):
            Registry.discover([str(tmp_path / "2nd gan.py")])

    def test_file_that_would_hide_a_module(self, plugin_site, tmp_path):
        (tmp_path / "colorsys.py").write_text(LOSS)
        registry = Registry.discover([str(tmp_path / "colorsys.py")])
        assert registry.plugins[-1].reason == (
            "it would hide the module 'colorsys', which is there already; rename the file"
        )

    def test_file_that_fails_leaves_no_module_behind(self, plugin_site, tmp_path):
        (tmp_path / "halfway.py").write_text("half = 1\nraise ValueError('stop')")
        registry = Registry.discover([str(tmp_path / "halfway.py")])
        assert registry.plugins[-1].reason == "ValueError: stop"
        assert "halfway" not in sys.modules

    def test_same_plugin_twice_is_loaded_once(self, plugin_site, tmp_path):
        plugin_site.plugin("acme", LOSS)
        (tmp_path / "mine.py").write_text(LOSS)
        file = str(tmp_path / "mine.py")
        registry = Registry.discover(["acme", "made_up_acme", file, file])
        registry.extend(["mine.py", "made_up_acme"], relative_to=tmp_path)
        assert statuses(registry) == {"core": "ok", "acme": "ok", "mine": "ok"}

    def test_no_leaves_a_plugin_out(self, plugin_site):
        plugin_site.plugin("acme", "raise AssertionError('imported')")
        registry = Registry.discover(["no:acme", "no:core"])
        assert statuses(registry) == {"core": "blocked", "acme": "blocked"}
        assert registry.plugins[1].reason == "left out by -p no:acme"
        with pytest.raises(PluginError) as caught:
            registry.find("loss", "lsgan")
        assert caught.value.message == (
            "loss 'lsgan' is not known. Available: none\n"
            "The built-in plugin 'core', which may provide it, is blocked: left out by -p no:core"
        )

    def test_no_with_an_unknown_name_is_an_error(self, plugin_site):
        plugin_site.plugin("acme", LOSS)
        with pytest.raises(PluginError) as caught:
            Registry.discover(["no:acne"])
        assert caught.value.message == "'no:acne' must name a plugin to leave out. Received: no plugin 'acne'"
        assert caught.value.hint == "Did you mean 'acme'?"

    def test_later_requests_win(self, plugin_site):
        plugin_site.plugin("acme", LOSS)
        assert statuses(Registry.discover(["no:acme", "acme"]))["acme"] == "ok"
        assert statuses(Registry.discover(["acme", "no:acme"]))["acme"] == "blocked"

    def test_a_file_in_place_of_an_installed_plugin(self, plugin_site, tmp_path):
        plugin_site.plugin("acme", "raise AssertionError('imported')")
        (tmp_path / "acme.py").write_text(LOSS)
        registry = Registry.discover(["no:acme", str(tmp_path / "acme.py")])
        assert [(info.name, info.status, info.origin) for info in registry.plugins[1:]] == [
            ("acme", "blocked", "entry point"),
            ("acme", "ok", "file"),
        ]
        assert registry.find("loss", "acme/focal").factory == "acme:Focal"


class TestClash:
    def test_two_distributions_with_one_plugin_name(self, plugin_site):
        plugin_site.plugin("acme", LOSS)
        plugin_site.module("made_up_other", "raise AssertionError('imported')")
        plugin_site.distribution("other-gan", "3.0", acme="made_up_other")
        registry = Registry.discover()
        assert [info.status for info in registry.plugins] == ["ok", "broken", "broken"]
        with pytest.raises(PluginError) as caught:
            registry.find("loss", "acme/focal")
        assert caught.value.message == (
            "loss 'acme/focal' is not available: plugin 'acme' is broken: "
            "the plugin name 'acme' is claimed by acme-gan 1.2 and other-gan 3.0"
        )

    def test_name_of_a_built_in_plugin(self, plugin_site):
        plugin_site.plugin("core", LOSS)
        registry = Registry.discover()
        assert [(info.provider, info.status) for info in registry.plugins] == [
            ("gantk 9.9", "ok"),
            ("core-gan 1.2", "broken"),
        ]
        assert losses(registry) == ["l1", "lsgan"]
        with pytest.raises(PluginError, match=r"claimed by core-gan 1.2 and gantk 9.9"):
            registry.find("loss", "core/focal")

    def test_a_later_file_takes_the_installed_plugin_down_with_it(self, plugin_site, tmp_path):
        plugin_site.plugin("acme", LOSS)
        (tmp_path / "acme.py").write_text(LOSS)
        registry = Registry.discover()
        assert losses(registry) == ["l1", "lsgan", "acme/focal"]
        with pytest.raises(PluginError, match=r"(?s)asked for by name must work.*claimed by acme-gan 1\.2 and file"):
            registry.extend(["./acme.py"], relative_to=tmp_path)
        assert losses(registry) == ["l1", "lsgan"]
        with pytest.raises(PluginError, match=f"claimed by acme-gan 1.2 and file {tmp_path}/acme.py"):
            registry.find("loss", "acme/focal")

    def test_two_built_in_plugins_with_one_record_name(self, plugin_site):
        plugin_site.module("made_up_twin", LOSS.replace("focal", "lsgan"))
        registry = Registry({"core": __import__("built_in_core"), "twin": __import__("made_up_twin")})
        assert [info.status for info in registry.plugins] == ["broken", "broken"]
        with pytest.raises(PluginError) as caught:
            registry.find("loss", "lsgan")
        assert "the loss 'lsgan' is registered by 'core' (given built_in_core) and 'twin' (given made_up_twin)" in (
            caught.value.message
        )

    def test_two_third_parties_may_share_a_record_name(self, plugin_site):
        plugin_site.plugin("acme", LOSS)
        plugin_site.plugin("zeta", LOSS.replace("focal", "lsgan"))
        assert losses(Registry.discover()) == ["l1", "lsgan", "acme/focal", "zeta/lsgan"]

    def test_strict(self, plugin_site, monkeypatch):
        plugin_site.plugin("core", LOSS)
        monkeypatch.setenv("GANTK_STRICT_PLUGINS", "1")
        with pytest.raises(PluginError, match="the plugin name 'core' is claimed by"):
            default_registry()


class TestExtend:
    def test_a_failed_request_changes_nothing(self, plugin_site, tmp_path):
        plugin_site.plugin("acme", LOSS)
        (tmp_path / "mine.py").write_text(LOSS)
        registry = Registry.discover()
        with pytest.raises(PluginError):
            registry.extend(["./mine.py", "no:acme", "no_such_module"], relative_to=tmp_path)
        registry.extend([])
        assert statuses(registry) == {"core": "ok", "acme": "ok"}

    def test_each_broken_plugin_is_warned_of_once(self, plugin_site, caplog):
        plugin_site.plugin("acme", "import no_such_module")
        registry = Registry.discover()
        plugin_site.module("made_up_gan", LOSS)
        registry.extend(["made_up_gan"])
        assert len(caplog.records) == 1

    def test_strict_refuses_a_broken_plugin(self, plugin_site, monkeypatch):
        plugin_site.module("made_up_gan", "import no_such_module")
        registry = default_registry()
        monkeypatch.setenv("GANTK_STRICT_PLUGINS", "yes")
        with pytest.raises(PluginError, match="made_up_gan"):
            registry.extend(["made_up_gan"])


class TestEnvironment:
    def test_worker_processes_see_the_same_plugins(self, plugin_site, tmp_path, monkeypatch):
        plugin_site.plugin("acme", LOSS)
        (tmp_path / "mine.py").write_text(LOSS)
        (tmp_path / "yours.py").write_text(LOSS)
        monkeypatch.chdir(tmp_path)
        configure(["./mine.py", "no:acme"])
        default_registry().extend(["./yours.py"], relative_to=tmp_path)
        assert json.loads(os.environ["GANTK_PLUGINS"]) == [
            f"{tmp_path}/mine.py",
            "no:acme",
            f"{tmp_path}/yours.py",
        ]
        code = "from gantk.registry import default_registry as r; print(*r().all('loss'))"
        worker = subprocess.run(
            [sys.executable, "-c", code],
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(plugin_site.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert worker.stdout.split() == losses(default_registry()) == ["l1", "lsgan", "mine/focal", "yours/focal"]

    def test_a_registry_of_ones_own_leaves_the_environment_alone(self, plugin_site):
        plugin_site.module("made_up_gan", LOSS)
        Registry.discover(["made_up_gan"]).extend(["made_up_gan"])
        assert "GANTK_PLUGINS" not in os.environ

    def test_configure_adds_and_the_latest_request_stands_last(self, plugin_site):
        configure(["one", "two"])
        configure(["one"])
        assert json.loads(os.environ["GANTK_PLUGINS"]) == ["two", "one"]

    @pytest.mark.parametrize("value", ["acme", "{}", "[1]", "null"])
    def test_malformed_requests(self, plugin_site, monkeypatch, value):
        monkeypatch.setenv("GANTK_PLUGINS", value)
        with pytest.raises(PluginError) as caught:
            default_registry()
        assert caught.value.message == f"GANTK_PLUGINS must be a JSON list of strings. Received: {value!r}"

    @pytest.mark.parametrize(("value", "strict"), [("1", True), ("true", True), ("0", False), ("", False)])
    def test_strict(self, monkeypatch, value, strict):
        monkeypatch.setenv("GANTK_STRICT_PLUGINS", value)
        assert is_strict() is strict

    def test_strict_with_another_value(self, monkeypatch):
        monkeypatch.setenv("GANTK_STRICT_PLUGINS", "maybe")
        with pytest.raises(UsageError, match=r"GANTK_STRICT_PLUGINS must be 1 or 0. Received: 'maybe'"):
            is_strict()

    def test_default_registry_is_built_once(self, plugin_site):
        assert default_registry() is default_registry()
