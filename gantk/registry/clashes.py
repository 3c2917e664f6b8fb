"""Two plugins that want the same name: nothing is overwritten, so neither is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from gantk.registry.candidates import Candidate


def name_clashes(candidates: Iterable[Candidate]) -> Iterator[tuple[Candidate, str]]:
    """Two plugins of one name: neither is used, unless one is built in and keeps its name."""
    by_name = defaultdict(list)
    for candidate in candidates:
        by_name[candidate.name].append(candidate)
    for name, group in by_name.items():
        if len(group) > 1:
            reason = f"the plugin name {name!r} is claimed by {_providers(group)}"
            builtin = [candidate for candidate in group if candidate.found.builtin]
            yield from ((candidate, reason) for candidate in group if len(builtin) != 1 or candidate not in builtin)


def record_clashes(candidates: Iterable[Candidate]) -> Iterator[tuple[Candidate, str]]:
    """Two plugins that register the same name, which only bare names can be: neither is used."""
    by_key = defaultdict(list)
    for candidate in candidates:
        assert candidate.contribution is not None
        for record in candidate.contribution.records:
            by_key[record.kind, candidate.found.address(record)].append(candidate)
    for (kind, address), group in by_key.items():
        if len(group) > 1:
            who = " and ".join(f"{candidate.name!r} ({candidate.found.provider})" for candidate in group)
            yield from ((candidate, f"the {kind} {address!r} is registered by {who}") for candidate in group)


def _providers(group: Iterable[Candidate]) -> str:
    return " and ".join(sorted(candidate.found.provider for candidate in group))


def same_object_again(candidates: Iterable[Candidate]) -> list[Candidate]:
    """An installed plugin asked for by its module's name is the same plugin, not a second one."""
    seen: list[object] = []
    again = []
    for candidate in candidates:
        if any(candidate.plugin is plugin for plugin in seen):
            again.append(candidate)
        else:
            seen.append(candidate.plugin)
    return again
