"""Errors that end a run, left by a worker process for the one that started it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import gantk.errors
from gantk.atomic_files import write_json
from gantk.errors import GantkError, InternalError


def record_failure(folder: Path, error: BaseException, *, what: str) -> bool:
    """Leave an error in a folder; the first one found there ends the run.

    Args:
        folder: Made where it is missing.
        error: An error that is none of gantk's own is told as a defect.
        what: What has stopped: `the preparation`.

    Returns:
        Whether it was left: a full disk is a likely reason for the failure.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{uuid.uuid4().hex}.json", plain_failure(error, what=what))
    except (OSError, GantkError):
        return False
    return True


def recorded_failure(folder: Path) -> GantkError | None:
    """Return the error that a worker has left, if any."""
    for path in sorted(folder.glob("[!.]*.json")) if folder.is_dir() else ():
        return rebuilt_failure(json.loads(path.read_bytes()))
    return None


def plain_failure(error: BaseException, *, what: str) -> dict[str, Any]:
    """Return an error as plain JSON values. The arguments are those of `record_failure`."""
    if not isinstance(error, GantkError):
        error = InternalError(f"{what} stopped. Received: {type(error).__name__}: {error}")
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint}


def rebuilt_failure(plain: dict[str, Any]) -> GantkError:
    """Return the error that `plain_failure` was given."""
    kind: type[GantkError] = getattr(gantk.errors, plain["type"], GantkError)
    return kind(plain["message"], hint=plain["hint"])
