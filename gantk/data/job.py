"""What the workers are told, as plain JSON in a file, and how they report a failure."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gantk.atomic_files import write_json
from gantk.data.failures import record_failure, recorded_failure
from gantk.data.options import PreparationOptions
from gantk.errors import GantkError

WORK_FOLDER = "work"
"""Folder of plans and failures inside the dataset's folder, gone when the preparation has ended."""


@dataclass(frozen=True)
class Job:
    """One preparation, the same in the driver and in every worker.

    Args:
        directory: The dataset's folder.
        options: The options; components are rebuilt by the registry of each process.
        seed: Seed of the transforms.
        domain_names: Names a person knows the domains by, such as `{"A": "horse"}`.
    """

    directory: Path
    options: PreparationOptions
    seed: int
    domain_names: dict[str, str]

    @property
    def shards(self) -> Path:
        """Folder of the shards and their indexes."""
        return self.directory / "shards"

    @property
    def reports(self) -> Path:
        """Folder of the reports of finished units."""
        return self.directory / "reports"

    @property
    def work(self) -> Path:
        """Folder of this preparation's plans and failures."""
        return self.directory / WORK_FOLDER

    @property
    def plans(self) -> Path:
        """Folder of the plans of units that are to be run."""
        return self.work / "plans"

    @property
    def failures(self) -> Path:
        """Folder in which workers leave the errors that end the run."""
        return self.work / "failures"

    @property
    def units(self) -> Path:
        """File that names all units, in the order of the dataset, one JSON object a line."""
        return self.work / "units.jsonl"

    def save(self) -> Path:
        """Write the job for the workers and return the path of its file."""
        path = self.work / "job.json"
        write_json(
            path,
            {
                "directory": os.fspath(self.directory),
                "options": self.options.model_dump(mode="json"),
                "seed": self.seed,
                "domain_names": self.domain_names,
            },
        )
        return path

    @classmethod
    def load(cls, path: Path) -> Job:
        """Read a job that another process has saved."""
        plain = json.loads(path.read_bytes())
        return cls(
            directory=Path(plain["directory"]),
            options=PreparationOptions.model_validate(plain["options"]),
            seed=plain["seed"],
            domain_names=plain["domain_names"],
        )

    @property
    def title(self) -> str:
        """What it is, in a sentence."""
        return "the preparation"

    @property
    def relief(self) -> str:
        """What to do when the memory is not enough for its workers."""
        return "take fewer `workers` or smaller `unit_images`"

    @property
    def stall_seconds(self) -> float:
        """How long nothing may be finished before the run is ended."""
        return self.options.stall_seconds

    def in_work(self) -> Sequence[str]:
        """Return what its workers have begun and not ended: they do not say."""
        return ()

    def record_failure(self, error: BaseException) -> None:
        """Leave an error for the driver to raise; the first one found ends the run."""
        # A full disk is a likely reason for the failure: the driver then has its log only.
        record_failure(self.failures, error, what=self.title)

    def failure(self) -> GantkError | None:
        """Return the error that a worker has left, if any."""
        return recorded_failure(self.failures)
