"""Which labels a user wants: names or numbers, in turn. Imports no framework."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from gantk.errors import UsageError

ALL = "all"
_LISTED = 20


def chosen_labels(text: str | None, classes: Sequence[str]) -> tuple[int, ...] | None:
    """Return the numbers of the labels that a text names; pictures take them in turn.

    Args:
        text: Names or numbers of labels with commas between, or `all`; None is `all`, too. What is both the name of one
            label and the number of another is the name.
        classes: Names of the model's labels, in the order of their numbers.

    Returns:
        At least one number, each from 0 to the number of classes less 1; None of a model without labels.

    Raises:
        UsageError: The model takes no labels, or has not this one; the nearest name is told.
    """
    if not classes:
        if text is not None:
            raise UsageError(
                f"Labels are for a model that was trained with them. Received: {text!r}, and a model without",
                hint="Leave --labels out.",
            )
        return None
    if text is None or (text == ALL and ALL not in classes):
        return tuple(range(len(classes)))
    # A name may have commas in it.
    return (
        (classes.index(text),) if text in classes else tuple(_number(part.strip(), classes) for part in text.split(","))
    )


def labels_in_turn(chosen: Sequence[int] | None, numbers: Sequence[int]) -> list[int] | None:
    """Return the label of each picture: number k has that at place k modulo how many were chosen."""
    return None if chosen is None else [chosen[number % len(chosen)] for number in numbers]


def _number(label: str, classes: Sequence[str]) -> int:
    if label in classes:
        return list(classes).index(label)
    if label.isascii() and label.isdigit() and int(label) < len(classes):
        return int(label)
    near = difflib.get_close_matches(label, classes, n=1)
    shown = ", ".join(classes[:_LISTED]) + (f", … ({len(classes)} in all)" if len(classes) > _LISTED else "")
    raise UsageError(
        f"A label must be one of {shown}, a number from 0 to {len(classes) - 1}, or {ALL}. Received: {label!r}",
        hint=f"Did you mean {near[0]!r}?" if near else "gantk models show tells a model's labels.",
    )
