"""Checks that the options of every job over pictures have in common."""

from __future__ import annotations

from gantk.errors import UsageError
from gantk.inference.picture import FORMATS


def check_format(form: str | None) -> None:
    """Refuse a format that cannot be written; None stands for that of each file.

    Raises:
        UsageError: With those that can.
    """
    if form is not None and form not in FORMATS:
        raise UsageError(f"The format must be one of {', '.join(FORMATS)}. Received: {form!r}")


def check_range(name: str, value: int | None, least: int, most: int | None = None) -> None:
    """Refuse a number outside its range; None stands for a default.

    Raises:
        UsageError: With the range.
    """
    if value is None or (value >= least and (most is None or value <= most)):
        return
    allowed = f"at least {least}" if most is None else f"{least} to {most}"
    raise UsageError(f"{name} must be {allowed}. Received: {value}")
