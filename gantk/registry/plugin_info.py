"""What is known of one plugin, whether it works or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gantk.specs import Spec

Status = Literal["ok", "broken", "blocked"]
Origin = Literal["entry point", "module", "file", "given"]

BUILTIN_DISTRIBUTION = "gantk"
"""The distribution whose plugins are built in: their names are bare."""


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """One plugin, as `gantk plugins list` shows it.

    Args:
        name: The name of its entry point, of its module, or of its file without `.py`.
        origin: How it was found; `given`: handed to `Registry(...)` by a program.
        location: The value of the entry point, the module, or the absolute path of the file.
        distribution: The installed distribution that declares the entry point; empty for the others.
        version: The version of that distribution.
        builtin: True where its names are bare.
        status: `ok`; `broken`: nothing of it is registered, and `reason` says why; `blocked`: left out
            on request, and `reason` says by what.
        reason: One line; empty where the status is `ok`.
        traceback: Where a broken plugin failed, for its author; empty where no exception was raised.
        hooks: The registering hooks it implements.
        listeners: The lifecycle notices it listens to.
        records: What it registers, by kind, in the order it returned them.
    """

    name: str
    origin: Origin
    location: str
    distribution: str = ""
    version: str = ""
    builtin: bool = False
    status: Status = "ok"
    reason: str = ""
    traceback: str = ""
    hooks: tuple[str, ...] = ()
    listeners: tuple[str, ...] = ()
    records: Mapping[str, tuple[Spec, ...]] = field(default_factory=dict)

    @property
    def provider(self) -> str:
        """Where it comes from, in a few words: `acme-gan 1.2`, `file /home/me/my_gan.py`."""
        if self.distribution:
            return f"{self.distribution} {self.version}".strip()
        return f"{self.origin} {self.location}"

    def address(self, spec: Spec) -> str:
        """Return the name by which a pipeline refers to one of its records."""
        return spec.name if self.builtin else f"{self.name}/{spec.name}"
