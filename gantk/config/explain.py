"""Pydantic's errors as problems that point into the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from gantk.config.locations import Place, component_name, locate
from gantk.config.nodes import Node, Path, Position
from gantk.config.pipeline import Pipeline
from gantk.config.problems import Problem, nearest, plugin_problem, shown
from gantk.config.sentences import expectation


@dataclass(frozen=True)
class _Finding:
    error: Any
    place: Place


def explain(error: ValidationError, root: Node, registry: Any) -> Iterator[Problem]:
    """Yield a problem for each thing that pydantic found, members of a union told as one.

    Args:
        error: From the validation of `root.plain()`.
        root: The merged pipeline.
        registry: For candidates.
    """
    findings = [_Finding(item, locate(item["loc"], root, registry)) for item in error.errors(include_url=False)]
    unions: dict[Path, list[_Finding]] = {}
    for finding in findings:
        if finding.place.union is None:
            yield _problem(finding, registry)
        else:
            unions.setdefault(finding.place.union, []).append(finding)
    for path, members in unions.items():
        deeper = [finding for finding in members if finding.place.path != path]
        if deeper:
            # A member that looked inside knows more than one that wanted another type altogether.
            yield from (_problem(finding, registry) for finding in deeper)
        else:
            yield _union_problem(members, registry)


def _union_problem(members: list[_Finding], registry: Any) -> Problem:
    problems = [_problem(finding, registry) for finding in members]
    phrases = list(dict.fromkeys(problem.message.removeprefix("expected ") for problem in problems))
    hints = list(dict.fromkeys(problem.hint for problem in problems if problem.hint))
    first = problems[0]
    return Problem(
        first.position,
        first.path,
        f"expected {', or '.join(phrases)}",
        first.received,
        "\n".join(hints),
        plugin=all(problem.plugin for problem in problems),
    )


def _problem(finding: _Finding, registry: Any) -> Problem:
    error, place = finding.error, finding.place
    kind = error["type"]
    context = error.get("ctx", {})
    value = place.node.plain() if place.node is not None else error.get("input")
    if kind == "missing":
        about = place.field.description if place.field is not None else None
        around = shown(error.get("input"))
        return Problem(place.position, place.path, "expected this key, which has no default", around, about or "")
    if kind == "extra_forbidden":
        key = str(place.path[-1])
        names = {name for model in place.parents for name in model.model_fields}
        if Pipeline in place.parents:
            # `profile` only records what a resolved pipeline came from; `profiles` is gone before validation.
            names = names - {"profile"} | {"profiles"}
        hint = nearest(key, names, what="keys") if place.parents else ""
        return Problem(place.key or place.position, place.path, "expected a known key", shown(key), hint)
    if kind == "component_unknown":
        return _unknown_component(place, context)
    if place.is_key:
        value = place.path[-1]
    if kind == "union_tag_invalid":
        place = _under_its_key(place, context["discriminator"].strip("'"))
        value = context["tag"]
    phrase, sentence = expectation(kind, error["msg"], context)
    if sentence:
        # Options models end their own messages with what they received, which says more than the whole mapping.
        message, _, received = sentence.partition("Received:")
        return Problem(place.position, place.path, message.strip().rstrip("."), received.strip() or shown(value))
    return Problem(place.position, place.path, f"expected {phrase}", shown(value), _hint(finding, value, registry))


def _under_its_key(place: Place, key: str) -> Place:
    """Return the place of what chooses one of several kinds of mapping."""
    chosen = place.node.child(key) if place.node is not None else None
    if chosen is None:
        return place
    return replace(place, path=(*place.path, key), node=chosen, nearest=chosen)


def _hint(finding: _Finding, value: Any, registry: Any) -> str:
    kind, context = finding.error["type"], finding.error.get("ctx", {})
    if kind in ("literal_error", "enum", "union_tag_invalid") and isinstance(value, str):
        choices = re.findall(r"'([^']*)'", str(context.get("expected", context.get("expected_tags", ""))))
        hint = nearest(value, choices, what="values")
        return hint if hint.startswith("Did you mean") else ""
    if kind == "component_form":
        return nearest("", registry.all(context["kind"], context["role"]), what=f"{context['kind']}s")
    if kind == "string_pattern_mismatch" and finding.place.field is not None:
        return finding.place.field.description or ""
    return ""


def _unknown_component(place: Place, context: dict[str, Any]) -> Problem:
    position: Position = place.position
    path = place.path
    named = place.node.child("type") if place.node is not None else None
    if named is not None:
        position, path = named.position, (*path, "type")
    name = component_name(place.node)
    received = shown(name) if name is not None else ""
    return plugin_problem(position, path, context["message"], received=received, hint=context["hint"])
