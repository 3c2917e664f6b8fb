"""Which weight map foreign weights are for: as the user says, or as their names and shapes say."""

from __future__ import annotations

from gantk.artifacts.foreign.reading import ForeignWeights
from gantk.errors import UsageError
from gantk.registry import Registry, load_factory

_MOST_LISTED = 8


def full_name(name: str, registry: Registry) -> str:
    """Return the name of a weight map, of which the last word is enough where only one ends with it.

    Args:
        name: As a user writes it: `srgan/srresnet`, or `srresnet`.
        registry: Where plugins are looked up.

    Raises:
        PluginError: There is none.
    """
    ending = [known for known in registry.all("weight_map") if known.rpartition("/")[2] == name]
    if "/" not in name and len(ending) == 1:
        return ending[0]
    registry.find("weight_map", name)
    return name


def recognised_by(foreign: ForeignWeights, registry: Registry) -> str:
    """Return the name of the only weight map that recognises weights.

    Raises:
        UsageError: None does, or several do.
    """
    reasons: list[str] = []
    found: list[str] = []
    for name, spec in registry.all("weight_map").items():
        try:
            load_factory(spec)(spec.options()).recognise(foreign.shapes)
        except UsageError as error:
            reasons.append(f"  {name}: {error.message}")
        else:
            found.append(name)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{foreign.path}: the weights must be those of one network. Received: weights that fit {', '.join(found)}",
            hint="Say which with --as.",
        )
    raise UsageError(
        "\n".join(
            [
                f"{foreign.path}: the weights must be those of a network that is known. Received: "
                f"{', '.join(list(foreign.shapes)[:3])}, …",
                *reasons[:_MOST_LISTED],
            ]
        ),
        hint="`gantk plugins list --kind weight_map` shows the networks whose weights can be read.",
    )
