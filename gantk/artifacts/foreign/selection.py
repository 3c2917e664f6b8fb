"""Which of the tensors of a checkpoint are the network's.

A state dict alone is taken as it is. In a training checkpoint it lies under a key, beside those of optimizers and of
other networks. The rule: the part that `--key` names; else the top, where it holds tensors itself; else the only part
that holds tensors; else the first of `PREFERRED` that does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gantk.artifacts.foreign.stored_tensor import StoredTensor
from gantk.errors import UsageError
from gantk.registry import nearest_names

PREFERRED = (
    "params_ema",
    "ema",
    "g_ema",
    "state_dict",
    "model_state_dict",
    "model",
    "generator",
    "netG",
    "params",
)
"""Keys of training checkpoints, moving averages first, since these are what is meant to be used."""

SEPARATOR = "/"
_DEEPEST = 6
_MOST_PARTS = 2000
_SHARED_PREFIXES = ("module.", "_orig_mod.")


def choose_tensors(tree: Any, *, key: str | None, origin: str) -> tuple[str, dict[str, StoredTensor]]:
    """Choose the part of a checkpoint that holds the network's tensors.

    Args:
        tree: As `Contents.tree`.
        key: The part, its keys from the top with `/` between them; None for the rule above.
        origin: The file, for errors.

    Returns:
        The key of the part, empty for the top, and its tensors by name. Other values of the part are left out.

    Raises:
        UsageError: There is no such part, no tensor at all, or no part that the rule prefers.
    """
    parts = dict(_parts(tree))
    if not parts:
        kind = {dict: "a dict without any", list: "a list", StoredTensor: "one tensor without a name"}
        raise UsageError(
            f"{origin}: tensors with names are needed, a state dict. Received: {kind.get(type(tree), 'other values')}",
            hint="With PyTorch: torch.save(network.state_dict(), 'weights.pth').",
        )
    if key is not None:
        if key not in parts:
            near = nearest_names(key, parts) or [name or "the top, without --key" for name in parts]
            raise UsageError(
                f"{origin}: --key must name a part that holds tensors. Received: {key!r}",
                hint=f"There are: {', '.join(near[:20])}.",
            )
        return key, parts[key]
    if "" in parts:
        return "", parts[""]
    chosen = [name for name in PREFERRED if name in parts]
    if len(parts) > 1 and not chosen:
        listed = [f"{name} ({len(tensors)} tensors)" for name, tensors in parts.items()]
        raise UsageError(
            f"{origin}: one part of the checkpoint must be the network. Received: {', '.join(listed[:20])}",
            hint="Say which with --key.",
        )
    name = chosen[0] if len(parts) > 1 else next(iter(parts))
    return name, parts[name]


def without_shared_prefix(tensors: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Take off what wrappers of networks put before every name: `module.` (DataParallel), `_orig_mod.` (compile)."""
    names = list(tensors)
    while names and (prefix := next((p for p in _SHARED_PREFIXES if all(n.startswith(p) for n in names)), "")):
        names = [name.removeprefix(prefix) for name in names]
    return dict(zip(names, tensors.values(), strict=True))


def _parts(tree: Any) -> Iterator[tuple[str, dict[str, StoredTensor]]]:
    """Yield every dict that holds tensors, not of single numbers alone; each object once, however often it is named."""
    seen: set[int] = set()
    waiting = [("", tree, 0)]
    count = 0
    while waiting and count < _MOST_PARTS:
        path, value, depth = waiting.pop(0)
        if type(value) is not dict or id(value) in seen or depth > _DEEPEST:
            continue
        seen.add(id(value))
        count += 1
        tensors = {name: item for name, item in value.items() if isinstance(name, str) and _is_tensor(item)}
        # A loss or a count beside the networks of a training checkpoint is no network.
        if any(tensor.shape for tensor in tensors.values()):
            yield path, tensors
        for name, item in value.items():
            if isinstance(name, str) and type(item) is dict:
                waiting.append((f"{path}{SEPARATOR}{name}" if path else name, item, depth + 1))


def _is_tensor(value: Any) -> bool:
    return isinstance(value, StoredTensor)
