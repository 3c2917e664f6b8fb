"""Words that go with numbers in what people read."""

from __future__ import annotations


def counted(count: int, singular: str, plural: str = "") -> str:
    """Return a count with its noun.

    Args:
        count: How many there are.
        singular: The noun for one.
        plural: The noun for any other number; by default the singular with an `s`.

    Example:
        ```python
        counted(1, "picture")  # 1 picture
        counted(0, "picture")  # 0 pictures
        ```
    """
    return f"{count} {singular if count == 1 else plural or singular + 's'}"
