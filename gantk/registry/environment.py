"""The environment variables that say which plugins are loaded, and their passing on to worker processes.

| variable | meaning |
|---|---|
| `GANTK_LOAD_PLUGINS` | unset: every installed plugin; empty: none; `a,b`: only these. Built-in plugins are always loaded |
| `GANTK_STRICT_PLUGINS` | `1`: a broken plugin is an error (exit code 5) and no longer a warning |
| `GANTK_PLUGINS` | what `-p` and a pipeline's `plugins:` ask for, as a JSON list of strings |

`GANTK_PLUGINS` is written by `configure` and by `Registry.extend` of the default registry, so that a process
started from here, such as a Beam worker, builds the same registry when it calls `default_registry()`. Files are
written there as absolute paths.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from gantk.errors import PluginError, UsageError

LOAD = "GANTK_LOAD_PLUGINS"
STRICT = "GANTK_STRICT_PLUGINS"
REQUESTED = "GANTK_PLUGINS"

_YES = ("1", "true", "yes", "on")
_NO = ("", "0", "false", "no", "off")


def installed_plugins_to_load() -> frozenset[str] | None:
    """Return the entry points that `GANTK_LOAD_PLUGINS` allows; None for all."""
    value = os.environ.get(LOAD)
    return None if value is None else frozenset(name.strip() for name in value.split(",") if name.strip())


def is_strict() -> bool:
    """Return whether a broken plugin is an error.

    Raises:
        UsageError: `GANTK_STRICT_PLUGINS` is neither a yes nor a no.
    """
    value = os.environ.get(STRICT, "").strip().lower()
    if value not in _YES + _NO:
        raise UsageError(f"{STRICT} must be 1 or 0. Received: {value!r}")
    return value in _YES


def requested_plugins() -> list[str]:
    """Return what `GANTK_PLUGINS` asks for.

    Raises:
        PluginError: It is not a JSON list of strings.
    """
    value = os.environ.get(REQUESTED, "")
    if not value:
        return []
    try:
        requests = json.loads(value)
    except ValueError:
        requests = None
    if not isinstance(requests, list) or not all(isinstance(request, str) for request in requests):
        raise PluginError(
            f"{REQUESTED} must be a JSON list of strings. Received: {value!r}",
            hint=f"""For example: {REQUESTED}='["my_module", "/home/me/my_gan.py", "no:acme"]'""",
        )
    return requests


def configure(plugins: Iterable[str]) -> None:
    """Ask for more plugins, for this process and those started from it; what `-p` does.

    The default registry is built anew at its next use. The requests are checked then, too.

    Args:
        plugins: Each a module, an installed plugin's name, a path such as `./my_gan.py` (relative to the
            working directory), or `no:NAME` to leave a plugin out. Later ones win over earlier ones.
    """
    from gantk.registry.process import forget_default_registry

    pass_on([*requested_plugins(), *(absolute(request, Path.cwd()) for request in plugins)])
    forget_default_registry()


def pass_on(requests: Iterable[str]) -> None:
    """Write requests to `GANTK_PLUGINS`, for the processes started from this one."""
    unique = list(dict.fromkeys(reversed(list(requests))))[::-1]
    if unique:
        os.environ[REQUESTED] = json.dumps(unique, ensure_ascii=False)
    else:
        os.environ.pop(REQUESTED, None)


def is_path(request: str) -> bool:
    """Return whether a request names a file or folder, not a module: it has a separator or ends in `.py`."""
    return request.endswith(".py") or "/" in request or os.sep in request


def absolute(request: str, base: Path) -> str:
    """Return the request with a path made absolute, as seen from the folder `base`."""
    if request.startswith("no:") or not is_path(request):
        return request
    return os.path.abspath(base / Path(request).expanduser())
