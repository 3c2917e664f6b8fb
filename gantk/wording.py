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


def byte_size(count: float) -> str:
    """Return a size with a unit: `12 kB`, `3.4 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
