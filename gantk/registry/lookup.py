"""The registry: every plugin, what it provides, and who listens."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pluggy

import gantk.hookspecs
from gantk.errors import PluginError
from gantk.registry import environment
from gantk.registry.candidates import (
    Candidate,
    file_candidate,
    given_candidate,
    installed_candidates,
    module_candidate,
)
from gantk.registry.clashes import name_clashes, record_clashes, same_object_again
from gantk.registry.failures import BrokenPlugin, isolated
from gantk.registry.intake import NOTICES
from gantk.registry.names import did_you_mean
from gantk.registry.plugin_info import PluginInfo
from gantk.specs import KINDS, Spec

logger = logging.getLogger("gantk.registry")


class Registry:
    """Every plugin and what it provides. A broken plugin is a row here and one warning, never a crash.

    Args:
        plugins: Plugins by name, whose records get bare names as built-in ones do; modules or any objects
            with hook implementations. Nothing else is loaded: for the installed plugins, see
            `Registry.discover` and `default_registry`.
        third_party: The same, with names such as `plugin/name`.

    Example:
        ```python
        registry = Registry({"losses": gantk_losses}, third_party={"acme": acme_gan})
        registry.find("loss", "lsgan"), registry.find("loss", "acme/focal")
        ```
    """

    def __init__(
        self, plugins: Mapping[str, object] | None = None, *, third_party: Mapping[str, object] | None = None
    ) -> None:
        self._candidates = [
            given_candidate(name, plugin, builtin=group is plugins)
            for group in (plugins, third_party)
            for name, plugin in (group or {}).items()
        ]
        self._warned: set[tuple[str, str, str]] = set()
        self._requests: list[str] = []
        self._passes_on = False
        self._refresh()

    @classmethod
    def discover(cls, requests: Iterable[str] = (), *, passes_on: bool = False) -> Registry:
        """Load the installed plugins, as far as `GANTK_LOAD_PLUGINS` allows, and those asked for.

        Args:
            requests: As `extend`, relative to the working directory.
            passes_on: Write later requests to the environment, for worker processes.

        Raises:
            PluginError: A request, or a name in `GANTK_LOAD_PLUGINS`, that stands for nothing.
        """
        registry = cls()
        registry._candidates = installed_candidates()
        allowed = environment.installed_plugins_to_load()
        if allowed is not None:
            registry._allow_only(allowed)
        for request in requests:
            registry._request(environment.absolute(request, Path.cwd()))
        registry._refresh()
        registry._passes_on = passes_on
        return registry

    def extend(self, requests: Iterable[str], *, relative_to: Path | None = None) -> None:
        """Load more plugins; what a pipeline's `plugins:` asks for. One that is there already is not loaded twice.

        Args:
            requests: Each a module, an installed plugin's name, a path such as `./my_gan.py` (a Python file or
                a package's folder), or `no:NAME` to leave a plugin out. Later ones win over earlier ones.
            relative_to: The folder that paths start from; by default the working directory.

        Raises:
            PluginError: A request that stands for nothing or for a broken plugin, or, under `GANTK_STRICT_PLUGINS=1`, any
                broken plugin.
        """
        before = [(candidate, candidate.blocked) for candidate in self._candidates], list(self._requests)
        try:
            for request in requests:
                self._request(environment.absolute(request, relative_to or Path.cwd()))
        except PluginError:
            self._candidates = [candidate for candidate, _ in before[0]]
            for candidate, blocked in before[0]:
                candidate.blocked = blocked
            self._requests = before[1]
            raise
        self._refresh()
        if self._passes_on:
            environment.pass_on([*environment.requested_plugins(), *self._requests])
        self.refuse_broken_requests()
        if environment.is_strict():
            self.refuse_broken()

    @property
    def plugins(self) -> list[PluginInfo]:
        """Every plugin, working or not: built-in ones first, then in the order found."""
        return list(self._plugins)

    def all(self, kind: str, role: str = "") -> dict[str, Spec]:
        """Return the records of one kind by the names that pipelines use, bare names first.

        Args:
            kind: A key of `gantk.specs.KINDS`.
            role: Only those of this role, where the kind has roles.
        """
        _check_kind(kind)
        records = self._records[kind]
        return {
            name: records[name][0]
            for name in sorted(records, key=lambda name: ("/" in name, name))
            if _has_role(records[name][0], role)
        }

    def provider(self, kind: str, name: str) -> PluginInfo:
        """Return the plugin that provides a record.

        Raises:
            PluginError: As `find`.
        """
        self.find(kind, name)
        return self._records[kind][name][1]

    def find(self, kind: str, name: str, role: str = "") -> Spec:
        """Look a record up by the name that pipelines use.

        Args:
            kind: A key of `gantk.specs.KINDS`.
            name: A bare name for a built-in record, `plugin/name` for any other.
            role: The role needed, where the kind has roles.

        Raises:
            PluginError: There is no such record, its plugin is broken or blocked, or it has another role.
        """
        _check_kind(kind)
        if name not in self._records[kind]:
            raise self._missing(kind, name, role)
        record = self._records[kind][name][0]
        if not _has_role(record, role):
            own = getattr(record, "role", "")
            raise PluginError(
                f"{_with_article(role)} {kind} is needed here. Received: {name!r}, {_with_article(own)} {kind}",
                hint=f"The {role} {_plural(kind)} are: {', '.join(self.all(kind, role)) or 'none'}.",
            )
        return record

    def notify(self, hook: str, **arguments: Any) -> None:
        """Tell every listener of a lifecycle notice. A listener that raises is one warning; the others are told.

        Args:
            hook: A notice of `gantk.hookspecs`, such as `gantk_after_stage`.
            **arguments: All of its arguments, by name.

        Raises:
            ValueError: There is no such notice.
            TypeError: The arguments are not those of the notice.
        """
        if hook not in NOTICES:
            raise ValueError(f"hook must be one of {', '.join(NOTICES)}. Received: {hook!r}")
        caller = getattr(self._listeners.hook, hook)
        expected = set(caller.spec.argnames)
        if set(arguments) != expected:
            raise TypeError(f"{hook} takes {sorted(expected)}. Received: {sorted(arguments)}")
        # One by one, in the order pluggy calls them: in the joint call, one that raises silences the rest.
        for listener in reversed(caller.get_hookimpls()):
            try:
                with isolated():
                    listener.function(*(arguments[name] for name in listener.argnames))
            except BrokenPlugin as failure:
                logger.warning(
                    "plugin %r failed in %s and is passed over: %s",
                    listener.plugin_name,
                    hook,
                    failure.reason,
                    exc_info=failure.__cause__ if logger.isEnabledFor(logging.DEBUG) else None,
                )

    def refuse_broken(self) -> None:
        """Raise where a plugin is broken; what `GANTK_STRICT_PLUGINS=1` asks for.

        Raises:
            PluginError: Names every broken plugin and its reason.
        """
        broken = [
            f"  {info.name} ({info.provider}): {info.reason}" for info in self._plugins if info.status == "broken"
        ]
        if broken:
            raise PluginError(
                "\n".join(["every plugin must work, since GANTK_STRICT_PLUGINS is set. Received:", *broken]),
                hint="Mend or uninstall them, or leave one out with -p no:NAME.",
            )

    def refuse_broken_requests(self) -> None:
        """Raise where a plugin is broken that was asked for by name, with `-p` or `plugins:`.

        Raises:
            PluginError: Names each and its reason.
        """
        broken = [
            info
            for info in self._plugins
            if info.status == "broken"
            and (info.location if info.origin in ("module", "file") else info.name) in self._requests
        ]
        if broken:
            reasons = "; ".join(f"{info.name} ({info.provider}): {info.reason}" for info in broken)
            flag = f"-p {broken[0].location} " if broken[0].origin in ("module", "file") else ""
            raise PluginError(
                f"a plugin that is asked for by name must work. Received: {reasons}",
                hint=f"`gantk {flag}plugins show {broken[0].name}` shows where it fails.",
            )

    def _allow_only(self, allowed: frozenset[str]) -> None:
        installed = [candidate for candidate in self._candidates if not candidate.found.builtin]
        for candidate in installed:
            if candidate.name not in allowed:
                candidate.blocked = f"left out by {environment.LOAD}"
        for name in sorted(allowed - {candidate.name for candidate in self._candidates}):
            raise PluginError(
                f"{environment.LOAD} must name installed plugins. Received: {name!r}",
                hint=did_you_mean(name, (candidate.name for candidate in installed))
                or "`gantk plugins list` shows what is installed.",
            )

    def _request(self, request: str) -> None:
        if request.startswith("no:"):
            self._block(request)
        else:
            self._load(request)
        self._requests.append(request)

    def _block(self, request: str) -> None:
        name = request.removeprefix("no:")
        matching = [candidate for candidate in self._candidates if candidate.name == name]
        if not matching:
            raise PluginError(
                f"{request!r} must name a plugin to leave out. Received: no plugin {name!r}",
                hint=did_you_mean(name, (candidate.name for candidate in self._candidates))
                or "`gantk plugins list` shows the plugins.",
            )
        for candidate in matching:
            candidate.blocked = f"left out by -p {request}"

    def _load(self, request: str) -> None:
        same = [
            candidate
            for candidate in self._candidates
            if (candidate.found.origin == "entry point" and candidate.name == request)
            or (candidate.found.origin in ("module", "file") and candidate.found.location == request)
        ]
        if not same:
            candidate = file_candidate(request) if environment.is_path(request) else module_candidate(request)
            self._candidates.append(candidate)
        for candidate in same:
            candidate.blocked = ""

    def _refresh(self) -> None:
        """Import what is new and work out anew what is provided. The order of requests does not matter here."""
        active = [candidate for candidate in self._candidates if not candidate.blocked]
        clashes = dict(name_clashes(active))
        for candidate in active:
            if candidate not in clashes:
                candidate.take()
        sound = [candidate for candidate in active if candidate.contribution is not None and candidate not in clashes]
        for candidate in same_object_again(sound):
            self._candidates.remove(candidate)
            sound.remove(candidate)
        clashes.update(record_clashes(sound))
        self._index([candidate for candidate in sound if candidate not in clashes], clashes)

    def _index(self, sound: list[Candidate], clashes: Mapping[Candidate, str]) -> None:
        self._plugins: list[PluginInfo] = []
        self._records: dict[str, dict[str, tuple[Spec, PluginInfo]]] = {kind: {} for kind in KINDS}
        self._listeners = pluggy.PluginManager("gantk")
        self._listeners.add_hookspecs(gantk.hookspecs)
        for candidate in self._candidates:
            info = candidate.info(clashes.get(candidate, ""))
            self._plugins.append(info)
            self._warn(info)
            if candidate in sound:
                self._listeners.register(candidate.plugin, candidate.name)
                for kind, records in info.records.items():
                    self._records[kind].update({info.address(record): (record, info) for record in records})

    def _warn(self, info: PluginInfo) -> None:
        key = (info.name, info.provider, info.reason)
        if info.status == "broken" and key not in self._warned:
            self._warned.add(key)
            logger.warning("plugin %r (%s) is broken and left out: %s", info.name, info.provider, info.reason)

    def _missing(self, kind: str, name: str, role: str) -> PluginError:
        owner = "/".join(name.split("/")[: -KINDS[kind].name_parts])
        slash = bool(owner)
        owners = [info for info in self._plugins if slash and info.name == owner and not info.builtin]
        for info in owners:
            if info.status != "ok":
                return PluginError(
                    f"{kind} {name!r} is not available: plugin {owner!r} is {info.status}: {info.reason}",
                    hint=f"`gantk plugins show {owner}` tells more.",
                )
        names = self.all(kind, role)
        message = f"{kind} {name!r} is not known. Available: {', '.join(names) or 'none'}"
        if slash and owner not in {info.name for info in self._plugins}:
            message = f"{kind} {name!r} is not known: no plugin {owner!r} is installed. Available: {', '.join(names)}"
        for info in self._plugins if not slash else ():
            if not info.builtin or info.status == "ok":
                continue
            message += f"\nThe built-in plugin {info.name!r}, which may provide it, is {info.status}: {info.reason}"
        return PluginError(message, hint=self._nearest(kind, name, names))

    def _nearest(self, kind: str, name: str, names: Iterable[str]) -> str:
        near = did_you_mean(name, names)
        if near:
            return near
        for other in KINDS:
            if name in self._records[other]:
                return f"{name!r} is the name of a {other}, not of a {kind}."
        return "`gantk plugins list` shows every plugin and what it provides."


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}. Received: {kind!r}")


def _has_role(record: Spec, role: str) -> bool:
    return not role or getattr(record, "role", "") == role


def _plural(kind: str) -> str:
    return "losses" if kind == "loss" else f"{kind}s"


def _with_article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
