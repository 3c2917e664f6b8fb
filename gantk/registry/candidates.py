"""Everything that might be a plugin: found, not yet imported."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from types import ModuleType

from gantk.errors import PluginError
from gantk.registry.failures import BrokenPlugin, describe, isolated
from gantk.registry.intake import Contribution, take_in
from gantk.registry.plugin_info import BUILTIN_DISTRIBUTION, PluginInfo
from gantk.specs import Spec

GROUP = "gantk"

_ENTRY_POINT = re.compile(r"[A-Za-z_][\w.]*\s*(:\s*[A-Za-z_][\w.]*\s*)?(\[.*\]\s*)?\Z")
_PLUGIN_NAME = re.compile(r"[A-Za-z_][\w.-]*\Z")


@dataclass(eq=False)
class Candidate:
    """A plugin on its way into the registry.

    Args:
        found: What is known before the import.
        load: Imports the plugin; may raise anything.
        plugin: The imported object; None before `take`, or where that failed.
        contribution: What the plugin brings; None before `take`, or where that failed.
        failure: Why it cannot be used; None before `take`, or where all is well.
        blocked: What keeps it out; empty where nothing does.
    """

    found: PluginInfo
    load: Callable[[], object]
    plugin: object | None = None
    contribution: Contribution | None = None
    failure: BrokenPlugin | None = None
    blocked: str = ""

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.found.name

    def take(self) -> None:
        """Import the plugin and collect what it registers. Done once; failures are kept, not raised."""
        if self.contribution is not None or self.failure is not None:
            return
        try:
            if not _PLUGIN_NAME.match(self.name):
                raise BrokenPlugin(
                    "its name must be letters, digits, '_', '-' and '.', since names such as "
                    f"'plugin/loss' are made of it. Received: {self.name!r}"
                )
            with isolated():
                self.plugin = self.load()
            self.contribution = take_in(self.plugin, self.name)
        except BrokenPlugin as failure:
            self.failure = failure

    def info(self, clash: str = "") -> PluginInfo:
        """Return what is to be said of it.

        Args:
            clash: Why it may not be used although it is sound by itself.
        """
        if self.blocked:
            return replace(self.found, status="blocked", reason=self.blocked)
        if clash:
            return replace(self.found, status="broken", reason=clash)
        if self.failure is not None:
            return replace(self.found, status="broken", reason=self.failure.reason, traceback=self.failure.origin)
        assert self.contribution is not None
        records: dict[str, tuple[Spec, ...]] = {}
        for record in self.contribution.records:
            records[record.kind] = (*records.get(record.kind, ()), record)
        return replace(
            self.found,
            hooks=self.contribution.hooks,
            listeners=self.contribution.listeners,
            records=records,
        )


def installed_candidates() -> list[Candidate]:
    """Return one candidate for each entry point of the group `gantk`, built-in ones first, then by name."""
    try:
        candidates = _of_entry_points(metadata.entry_points(group=GROUP))
    except Exception:
        # One distribution with unreadable metadata spoils the joint answer, so ask each by itself.
        candidates = []
        seen = set()
        for distribution in metadata.distributions():
            name = re.sub(r"[-_.]+", "-", _identity(distribution)[0]).casefold()
            if name not in seen:
                # The first on `sys.path` hides the others, as it does where modules are imported.
                candidates += _of_distribution(distribution)
            seen.add(name)
    return sorted(candidates, key=lambda candidate: (not candidate.found.builtin, candidate.name))


def given_candidate(name: str, plugin: object, *, builtin: bool) -> Candidate:
    """Return a candidate for an object that a program hands over."""
    location = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__name__
    return Candidate(PluginInfo(name=name, origin="given", location=location, builtin=builtin), lambda: plugin)


def module_candidate(module: str) -> Candidate:
    """Return a candidate for an importable module.

    Raises:
        PluginError: There is no such module.
    """
    found = PluginInfo(name=module, origin="module", location=module)
    try:
        with isolated():
            plugin = importlib.import_module(module)
    except BrokenPlugin as failure:
        error = failure.__cause__
        missing = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
        if missing and f"{module}.".startswith(f"{missing}."):
            here = f"{module}.py"
            raise PluginError(
                f"plugin {module!r} must be an importable module, an installed plugin or a file. "
                f"Received: no module {missing!r}",
                hint=f"For the file in this folder, write ./{here}" if Path(here).is_file() else "",
            ) from None
        return Candidate(found, lambda: None, failure=failure)
    return Candidate(found, lambda: plugin)


def file_candidate(path: str) -> Candidate:
    """Return a candidate for a Python file, or for a package's folder.

    It is imported as a module of its own name, so that `factory="my_gan:Loss"` finds it, and `sys.path`
    stays as it is.

    Args:
        path: Absolute.

    Raises:
        PluginError: There is no such file, or its name cannot be a module's.
    """
    file = Path(path)
    name = file.name.removesuffix(".py")
    source = file / "__init__.py" if file.is_dir() else file
    if not source.is_file() or source.suffix != ".py":
        raise PluginError(f"plugin {path!r} must be a Python file or a package's folder. Received: no such file")
    module = name.replace("-", "_")
    if not module.isidentifier():
        raise PluginError(
            f"plugin {path!r} must have a file name of letters, digits, '_' and '-'. Received: {file.name!r}",
            hint="Rename the file; plugin and module are called as the file is.",
        )
    return Candidate(
        PluginInfo(name=name, origin="file", location=path), lambda: _import_file(module, source, package=file.is_dir())
    )


def _import_file(module_name: str, source: Path, *, package: bool) -> ModuleType:
    loaded = sys.modules.get(module_name)
    if loaded is not None and _same_file(getattr(loaded, "__file__", None), source):
        return loaded
    installed = importlib.util.find_spec(module_name) if loaded is None else None
    if loaded is not None or (installed is not None and not _same_file(installed.origin, source)):
        raise BrokenPlugin(f"it would hide the module {module_name!r}, which is there already; rename the file")
    spec = importlib.util.spec_from_file_location(
        module_name, source, submodule_search_locations=[str(source.parent)] if package else None
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(module_name, None)
        raise
    return module


def _same_file(name: str | None, source: Path) -> bool:
    return name is not None and Path(name).exists() and Path(name).samefile(source)


def _of_entry_points(entry_points: Iterable[metadata.EntryPoint]) -> list[Candidate]:
    return [_of_entry_point(entry_point, entry_point.dist) for entry_point in entry_points]


def _of_distribution(distribution: metadata.Distribution) -> list[Candidate]:
    try:
        return [_of_entry_point(point, distribution) for point in distribution.entry_points if point.group == GROUP]
    except Exception as error:
        name, version = _identity(distribution)
        found = PluginInfo(name=name, origin="entry point", location="", distribution=name, version=version)
        reason = f"the entry points of the distribution {name!r} cannot be read: {describe(error)}"
        failure = BrokenPlugin(reason)
        failure.__cause__ = error
        return [Candidate(found, lambda: None, failure=failure)]


def _of_entry_point(entry_point: metadata.EntryPoint, distribution: metadata.Distribution | None) -> Candidate:
    name, version = _identity(distribution)
    found = PluginInfo(
        name=entry_point.name,
        origin="entry point",
        location=entry_point.value,
        distribution=name,
        version=version,
        builtin=name.casefold() == BUILTIN_DISTRIBUTION,
    )

    def load() -> object:
        if not _ENTRY_POINT.match(entry_point.value):
            raise BrokenPlugin(
                f"its entry point must be 'package.module' or 'package.module:attribute'. Received: {entry_point.value!r}"
            )
        return entry_point.load()

    return Candidate(found, load)


def _identity(distribution: metadata.Distribution | None) -> tuple[str, str]:
    try:
        assert distribution is not None
        return distribution.name or "unknown", distribution.version or ""
    except Exception:
        # Metadata too damaged to say its own name: the plugin may still be sound.
        return "unknown", ""
