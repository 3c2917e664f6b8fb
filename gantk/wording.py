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


def printable(text: str) -> str:
    """Return a text that can be written anywhere: the odd bytes of a file name that is no UTF-8 as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def figures(value: float) -> str:
    """Return a number with three significant digits and no exponent: `0.0038`, `1.23`, `81.2`, `12346`."""
    return f"{value:.0f}" if value >= 100 else f"{float(f'{value:.3g}'):f}".rstrip("0").rstrip(".")


def byte_size(count: float) -> str:
    """Return a size with a unit: `12 kB`, `3.4 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
