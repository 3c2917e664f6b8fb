"""Finding the name that a mistyped one was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest_names(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """Return the candidates that look most like `name`, best first.

    Case, `-` against `_`, and the `plugin/` before a third party's name do not count, so `LSGAN` finds
    `lsgan` and `focal` finds `acme/focal`.
    """
    forms: dict[str, list[str]] = {}
    for candidate in candidates:
        for form in {_plain(candidate), _plain(candidate.rpartition("/")[2])}:
            forms.setdefault(form, []).append(candidate)
    found: list[str] = []
    for wanted in dict.fromkeys((_plain(name), _plain(name.rpartition("/")[2]))):
        for form in difflib.get_close_matches(wanted, forms, n=limit, cutoff=0.65):
            found.extend(candidate for candidate in forms[form] if candidate not in found)
    return found[:limit]


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return `Did you mean 'a' or 'b'?`, or nothing where no candidate is near."""
    near = [repr(candidate) for candidate in nearest_names(name, candidates)]
    if not near:
        return ""
    return f"Did you mean {' or '.join([', '.join(near[:-1]), near[-1]] if len(near) > 1 else near)}?"


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_")
