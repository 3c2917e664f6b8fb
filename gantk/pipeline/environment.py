"""What a run ran on: versions, machine, and the state of the working folder's repository."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from gantk.pipeline.devices import describe_devices
from gantk.registry import default_registry

_PACKAGES = ("gantk", "keras", "tensorflow", "jax", "apache-beam", "grain", "numpy", "pillow", "simplejpeg")


def describe_environment(folder: Path) -> dict[str, Any]:
    """Return versions, the machine and the git state of a folder as plain values. Imports no framework."""
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "machine": platform.machine(),
        "devices": describe_devices(),
        "packages": {name: _version(name) for name in _PACKAGES if _version(name)},
        "plugins": {
            info.name: {"distribution": info.distribution, "version": info.version, "status": info.status}
            for info in default_registry().plugins
        },
        "git": _git_state(folder),
        "command": sys.argv,
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit and whether tracked files are changed, or None outside a repository or without git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder.resolve()), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return {
            "commit": git("rev-parse", "HEAD"),
            "changed": bool(git("status", "--porcelain", "--untracked-files=no")),
        }
    except (OSError, subprocess.SubprocessError):
        return None
