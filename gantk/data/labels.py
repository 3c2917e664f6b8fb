"""Names of classes in the order in which they are numbered."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DIGITS = re.compile(r"([0-9]+)")


def natural_order(names: Iterable[str]) -> list[str]:
    """Return different names in the order of people: by the numbers in them, `2` before `10`, and else by characters.

    It depends on nothing but the names, so that equal data numbers its classes alike.
    """
    return sorted(set(names), key=lambda name: (_parts(name), name))


def _parts(name: str) -> list[tuple[str, int]]:
    # Text and digits take turns, so that text is compared with text and number with number.
    parts = _DIGITS.split(name)
    return [(text, int(digits)) for text, digits in zip(parts[::2], [*parts[1::2], "-1"], strict=True)]
