"""Whether the names by which a model ties its networks together agree with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def check_names(
    networks: Mapping[str, Any],
    *,
    trained_by: Mapping[str, Sequence[str]],
    directions: Mapping[str, str],
    averaged: Sequence[str] | None,
) -> None:
    """Make sure that every name is that of a network, and that no two optimizers train the same one.

    Args:
        networks: Networks by name.
        trained_by: Names of networks by optimizer.
        directions: Names of networks by direction.
        averaged: Names of networks of which an average is kept.

    Raises:
        ValueError: They do not agree; the message says which argument is wrong.
    """
    asked = {
        "trained_by": [name for group in trained_by.values() for name in group],
        "directions": list(directions.values()),
        "averaged": list(averaged or ()),
    }
    for argument, names in asked.items():
        for name in names:
            if name not in networks:
                raise ValueError(f"`{argument}` must name networks: {', '.join(networks)}. Received: {name!r}")
    for name in set(asked["trained_by"]):
        if asked["trained_by"].count(name) > 1:
            raise ValueError(f"A network is trained by one optimizer. Received: {name!r} in two of `trained_by`")
