"""Fixtures for every test."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from gantk.registry.process import forget_default_registry

_PLUGIN_VARIABLES = ("GANTK_LOAD_PLUGINS", "GANTK_PLUGINS", "GANTK_STRICT_PLUGINS")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in what a shell starts in the background: processes that tests start and then interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class PluginSite:
    """A folder on `sys.path` with made-up distributions, as if they were installed.

    Its distribution `gantk` hides the real one, so the only built-in plugin is `core`, with the adversarial
    loss `lsgan` and the pairwise loss `l1`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.module(
            "built_in_core",
            """
            import gantk

            @gantk.hookimpl
            def gantk_losses():
                return [
                    gantk.LossSpec(name="lsgan", factory="built_in_core:Lsgan", summary="Least squares."),
                    gantk.LossSpec(name="l1", factory="built_in_core:L1", summary="Distance.", role="pairwise"),
                ]
            """,
        )
        self.distribution("gantk", "9.9", core="built_in_core")

    def module(self, name: str, source: str) -> Path:
        """Write a module."""
        file = self.path / f"{name}.py"
        file.write_text(textwrap.dedent(source), encoding="utf-8")
        importlib.invalidate_caches()
        return file

    def distribution(self, distribution: str, version: str, **entry_points: str) -> Path:
        """Install a distribution with entry points of the group `gantk`."""
        folder = self.path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[gantk]", *lines, ""]))
        importlib.invalidate_caches()
        return folder

    def plugin(self, name: str, source: str) -> None:
        """Install the distribution `NAME-gan` 1.2 with the plugin NAME, whose module has this source."""
        self.module(f"made_up_{name}", source)
        self.distribution(f"{name}-gan", "1.2", **{name: f"made_up_{name}"})


@pytest.fixture
def plugin_environment() -> Iterator[None]:
    """No variable about plugins is set, and the default registry is built anew; both as before afterwards."""
    before = {name: os.environ.pop(name, None) for name in _PLUGIN_VARIABLES}
    forget_default_registry()
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    forget_default_registry()


@pytest.fixture
def plugin_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin_environment: None) -> Iterator[PluginSite]:
    """Made-up installed plugins in place of the real ones."""
    folder = tmp_path / "site"
    folder.mkdir()
    modules = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    yield PluginSite(folder)
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
