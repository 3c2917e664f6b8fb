"""What a stage is given when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gantk.errors import PluginError
from gantk.protocols import Artifact

if TYPE_CHECKING:
    from gantk.config import RuntimeOptions


@dataclass(frozen=True)
class StageContext:
    """Where a stage works and what it may use.

    Args:
        name: The stage's name in the pipeline.
        directory: The stage's own folder, `RUN/<name>`; it exists. Everything the stage leaves goes there.
        run_directory: The folder of the whole run.
        artifacts: What earlier stages left, by the names their specs give (`dataset`, `model`, …).
        seed: The pipeline's seed.
        runtime: The pipeline's `runtime` section: backend, threads.
        resume: True where an interrupted run of this very stage may be continued in `directory`.
        progress: False silences progress bars.
    """

    name: str
    directory: Path
    run_directory: Path
    artifacts: Mapping[str, Artifact]
    seed: int
    runtime: RuntimeOptions
    resume: bool = False
    progress: bool = True

    def artifact(self, name: str) -> Artifact:
        """Return what an earlier stage left.

        Raises:
            PluginError: The stage's spec does not list the name under `consumes`.
        """
        if name not in self.artifacts:
            raise PluginError(
                f"Stage {self.name!r} asked for the artifact {name!r}, which its spec does not list under `consumes`. "
                f"Received: {sorted(self.artifacts)}"
            )
        return self.artifacts[name]
