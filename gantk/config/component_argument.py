"""A component that an argument of the command line names: `--metric fid`, `--metric '{type: kid, subsets: 50}'`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from gantk.config.components import Choice, Component
from gantk.config.nodes import Document, Entry, Node, dotted
from gantk.config.overlays import apply_overrides
from gantk.config.problems import Problems, shown
from gantk.config.sentences import expectation
from gantk.config.yaml_reader import parse
from gantk.errors import UsageError


def parse_argument(option: str, text: str) -> Node:
    """Read the YAML value of an argument, by the rules of pipeline files.

    Args:
        option: The option, such as `--metric`, for messages.
        text: What follows it.

    Raises:
        UsageError: It is no YAML.
    """
    problems = Problems()
    node = parse(Document(f"{option} {text}", text, is_file=False), problems)
    if problems or node is None:
        raise UsageError("\n".join(str(problem) for problem in problems) or f"{option} must have a value.")
    return node


def component_argument(
    kind: str, option: str, text: str, *, defaults: Mapping[str, Node] | None = None, changes: Iterable[str] = ()
) -> Component:
    """Read and validate a component.

    Args:
        kind: A key of `gantk.specs.KINDS`.
        option: The option, such as `--metric`, for messages.
        text: The component's name, or a mapping with its name under `type`, in YAML.
        defaults: Options for where the text says nothing of them, as `parse_argument` returns them; passed over where
            the component has no such option.
        changes: Arguments of `--option`, `NAME.key=VALUE`; those with the component's name are applied.

    Raises:
        UsageError: It is no YAML, or not valid; the message tells everything that is wrong.
        PluginError: There is no such component.
    """
    from gantk.registry import default_registry

    node = parse_argument(option, text)
    named = node.child("type") if isinstance(node.value, dict) else node
    if named is None or not isinstance(named.value, str):
        raise UsageError(
            f"{option} must be a name, or a mapping with the name under 'type'. Received: {shown(node.plain())}"
        )
    name = named.value
    spec = default_registry().find(kind, name)
    written = node.value if isinstance(node.value, dict) else {"type": Entry(node.position, named)}
    known = spec.options.model_fields
    filled = {key: Entry(value.position, value) for key, value in (defaults or {}).items() if key in known}
    node = Node({**filled, **written}, node.position)
    problems = Problems()
    mine = [change for change in changes if change.partition("=")[0].strip().startswith(f"{name}.")]
    changed = apply_overrides(
        Node({name: Entry(node.position, node)}, node.position), mine, problems, option="--option"
    )
    if problems:
        raise UsageError("\n".join(str(problem) for problem in problems))
    plain = changed.plain()[name]
    try:
        component: Component = TypeAdapter(Annotated[Component, Choice(kind)]).validate_python(plain)
    except ValidationError as error:
        raise UsageError(
            f"{option} {text} is not valid.\n" + "\n".join(_sentence(item, plain) for item in error.errors()),
            hint=f"`gantk plugins show {name}` lists its options.",
        ) from error
    return component


def _sentence(error: Any, plain: Any) -> str:
    path = [step for step in error["loc"] if not _is_tag(step, plain)]
    where = f"{dotted(path)}: " if path else ""
    if error["type"] == "missing":
        return f"{where}expected this key, which has no default."
    if error["type"] == "extra_forbidden":
        return f"{where}expected a known key."
    context = error.get("ctx", {})
    phrase, sentence = expectation(error["type"], error["msg"], context)
    if sentence:
        return f"{where}{sentence}."
    received = context["tag"] if error["type"] == "union_tag_invalid" else error.get("input")
    return f"{where}expected {phrase}. Received: {shown(received)}"


def _is_tag(step: Any, plain: Any) -> bool:
    """Tell pydantic's word for a member of a union, which is the `type` inside it, from a key."""
    return isinstance(plain, Mapping) and any(
        (value.get("type") if isinstance(value, Mapping) else value) == step for value in plain.values()
    )
