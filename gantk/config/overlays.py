"""What changes a pipeline before it is validated: the overlays under `profiles:`, and `--set`."""

from __future__ import annotations

from collections.abc import Iterable

from gantk.config.nodes import Document, Entry, Node, Path, Position, dotted
from gantk.config.problems import Problem, Problems, nearest, shown
from gantk.config.yaml_reader import parse


def apply_profile(root: Node, profile: str | None, problems: Problems) -> Node:
    """Take `profiles:` out of a pipeline and lay the chosen one over the rest.

    Mappings are merged key by key and lists are replaced. `null` removes the key below it, where there is
    one. A mapping whose `type` differs from the one below replaces it whole, since the options of one type mean
    nothing to another. `extends: NAME` in a profile lays that profile below it.

    Args:
        root: The whole file, a mapping.
        profile: The profile to apply; None for none.
        problems: Takes an unknown profile, and profiles that are not mappings.

    Returns:
        The pipeline without `profiles`, with the name under `profile`. Nodes keep the position they were written at.
    """
    assert isinstance(root.value, dict)
    entry = root.value.get("profiles")
    base = root.without("profiles")
    profiles = _profiles(entry, problems)
    recorded = root.value.get("profile")
    if recorded and entry:
        message = "expected no `profile` beside `profiles`: it only records what a resolved pipeline came from"
        hint = "Choose a profile with --profile NAME."
        problems.add(Problem(recorded.key, ("profile",), message, shown(recorded.node.plain()), hint))
    if profile is None:
        return base
    here = entry.key if entry else root.position
    if profile not in profiles:
        hint = nearest(profile, profiles, what="profiles") if profiles else "The file has no profiles."
        message = "expected the name of a profile of this file"
        problems.add(Problem(here, ("profiles",), message, f"--profile {profile}", hint))
        return base
    for name, overlay in _chain(profile, profiles, problems):
        assert isinstance(overlay.value, dict)
        for key in ("profile", "profiles"):
            if key in overlay.value:
                path: Path = ("profiles", name, key)
                problems.add(Problem(overlay.value[key].key, path, f"expected no `{key}` inside a profile"))
        base = _merge(base, overlay.without("extends").without("profiles"))
    return base.with_child("profile", Entry(here, Node(profile, here)))


def profile_names(root: Node) -> list[str]:
    """Return the names under `profiles:`, in file order."""
    profiles = root.child("profiles")
    return list(profiles.value) if profiles is not None and isinstance(profiles.value, dict) else []


def _profiles(entry: Entry | None, problems: Problems) -> dict[str, Node]:
    if entry is None or entry.node.value is None:
        return {}
    if not isinstance(entry.node.value, dict):
        problems.add(
            Problem(
                entry.node.position,
                ("profiles",),
                "expected a mapping from the name of a profile to what it changes",
                shown(entry.node.plain()),
            )
        )
        return {}
    found: dict[str, Node] = {}
    for name, overlay in entry.node.value.items():
        if isinstance(overlay.node.value, dict):
            found[name] = overlay.node
        else:
            received = shown(overlay.node.plain())
            message = "expected a mapping shaped like the pipeline, with what the profile changes"
            problems.add(Problem(overlay.node.position, ("profiles", name), message, received))
    return found


def _chain(profile: str, profiles: dict[str, Node], problems: Problems) -> list[tuple[str, Node]]:
    """Return the overlays to apply by name, first one first, following `extends`."""
    names = [profile]
    while (parent := profiles[names[0]].child("extends")) is not None:
        others = [name for name in profiles if name not in names]
        if isinstance(parent.value, str) and parent.value in others:
            names.insert(0, parent.value)
            continue
        path: Path = ("profiles", names[0], "extends")
        if parent.value in names:
            received = " extends ".join([*reversed(names), str(parent.value)])
            problems.add(Problem(parent.position, path, "expected profiles that do not extend themselves", received))
        else:
            hint = nearest(str(parent.value), others, what="other profiles")
            problems.add(
                Problem(parent.position, path, "expected the name of another profile", shown(parent.plain()), hint)
            )
        break
    return [(name, profiles[name]) for name in names]


def _merge(base: Node, overlay: Node) -> Node:
    if not (isinstance(base.value, dict) and isinstance(overlay.value, dict)):
        return overlay
    below, above = (node.child("type") for node in (base, overlay))
    replaced = below is not None and above is not None and below.value != above.value
    merged = {} if replaced else dict(base.value)
    for key, entry in overlay.value.items():
        if entry.node.value is None and key in base.value:
            merged.pop(key, None)
        elif key not in merged:
            merged[key] = entry
        elif isinstance(entry.node.value, dict) and isinstance(merged[key].node.value, dict):
            merged[key] = Entry(merged[key].key, _merge(merged[key].node, entry.node))
        else:
            merged[key] = entry
    return Node(merged, base.position, base.weight + overlay.weight)


def apply_overrides(root: Node, overrides: Iterable[str], problems: Problems, *, option: str = "--set") -> Node:
    """Apply `--set` arguments, `a.b.0.c=VALUE`, in order.

    A number picks an item of a list, anything else a key of a mapping; missing mappings are made.
    VALUE is YAML; empty or `null` sets null.

    Args:
        root: The pipeline, a mapping.
        overrides: The arguments.
        problems: Takes what cannot be applied.
        option: What the option of the command line is called, for messages.

    Returns:
        The changed pipeline; new values have the argument as their position.
    """
    for override in overrides:
        root = _apply_override(root, override, problems, option)
    return root


def _apply_override(root: Node, override: str, problems: Problems, option: str) -> Node:
    here = Position(Document(f"{option} {override}", override, is_file=False), 0, 0)
    target, equals, text = override.partition("=")
    steps = target.strip().split(".")
    if not equals or not all(steps):
        message = "expected KEY.KEY=VALUE, such as stages.train.epochs=3"
        problems.add(Problem(here, (), message))
        return root
    if steps[0] in ("profile", "profiles"):
        problems.add(Problem(here, (steps[0],), "expected a value of the pipeline; --profile NAME chooses a profile"))
        return root
    found = Problems()
    value = parse(Document(here.document.name, text, is_file=False), found)
    if found:
        problems.extend(found)
        return root
    return _set(root, steps, 0, _placed(value, here), problems)


def _placed(node: Node | None, here: Position) -> Node:
    """Return a value with the whole argument as the position of all its parts."""
    if node is None or node.value is None:
        return Node(None, here)
    if isinstance(node.value, dict):
        entries = {key: Entry(here, _placed(entry.node, here)) for key, entry in node.value.items()}
        return Node(entries, here, node.weight)
    if isinstance(node.value, list):
        return Node([_placed(item, here) for item in node.value], here, node.weight)
    return Node(node.value, here)


def _set(node: Node, steps: list[str], depth: int, value: Node, problems: Problems) -> Node:
    """Return `node` with `value` at `steps[depth:]`; unchanged, with a problem, where the path does not fit."""
    if depth == len(steps):
        return value
    step, here = steps[depth], value.position
    if isinstance(node.value, list):
        index = int(step) if step.isascii() and step.isdigit() and len(step) < 10 else -1
        if not 0 <= index < len(node.value):
            count = len(node.value)
            indices = "the index 0" if count == 1 else f"an index from 0 to {count - 1}"
            message = f"expected {indices}" if count else "expected no index: the list is empty"
            hint = f"`{'.'.join(steps[:depth])}=[…]` replaces the whole list."
            problems.add(Problem(here, tuple(steps[:depth]), message, shown(step), hint))
            return node
        items = list(node.value)
        items[index] = _set(items[index], steps, depth + 1, value, problems)
        return Node(items, node.position, node.weight + value.weight)
    if isinstance(node.value, dict) or node.value is None:
        entries = dict(node.value or {})
        old = entries.get(step)
        child = _set(old.node if old else Node(None, here), steps, depth + 1, value, problems)
        entries[step] = Entry(here if old is None or depth + 1 == len(steps) else old.key, child)
        return Node(entries, node.position, node.weight + value.weight)
    path = dotted(steps[:depth])
    hint = ""
    if isinstance(node.value, str) and steps[depth - 1] != "type":
        hint = f"Where {node.value!r} names a plugin's thing, write `{path}={{type: {node.value}, {step}: …}}`."
    message = f"expected a mapping or a list to look up {step!r} in"
    problems.add(Problem(here, tuple(steps[:depth]), message, shown(node.value), hint))
    return node
