"""What the workers are told, as plain JSON in a file."""

from __future__ import annotations

import json
import os
import shutil
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gantk.atomic_files import write_json
from gantk.data.failures import record_failure, recorded_failure
from gantk.data.options import BeamOptions
from gantk.errors import GantkError, RunFailed
from gantk.inference.job_records import WORKERS
from gantk.inference.record_files import read_lines
from gantk.inference.upscaling_options import UpscalingOptions

TAKEN_UP = "taken up"
"""Status of a line that a worker writes before it reads a picture."""


@dataclass(frozen=True)
class UpscalingJob:
    """One job, the same in the driver and in every worker.

    Args:
        folder: Where results lie while the job runs.
        work: The folder of what driver and workers tell each other, inside that.
        model: The bundle's file.
        digest: The bundle's.
        options: How pictures are enlarged.
        settings: What is recorded with every result.
        backend: Keras' backend.
        network_threads: Threads of the network in each worker; None takes all cores.
        threads: Threads that decode and encode in each worker.
        stall_seconds: How long no worker may have got on before the run is ended.
        beam: The runner; None is the local one.
    """

    folder: Path
    work: Path
    model: Path
    digest: str
    options: UpscalingOptions
    settings: Mapping[str, Any]
    backend: str
    network_threads: int | None
    threads: int
    stall_seconds: float
    beam: BeamOptions | None

    title = "the upscaling"
    relief = "take fewer workers, or a smaller --tile"

    @property
    def directory(self) -> Path:
        """The folder that results go to."""
        return self.folder

    @property
    def plans(self) -> Path:
        """Folder of the units' plans."""
        return self.work / "plans"

    @property
    def lines(self) -> Path:
        """Folder of what workers note while they work: a file for each attempt at a unit."""
        return self.work / "lines"

    @property
    def reports(self) -> Path:
        """Folder of the done marks of units."""
        return self.work / "reports"

    @property
    def failures(self) -> Path:
        """Folder in which workers leave the errors that end the run."""
        return self.work / "failures"

    @property
    def file(self) -> Path:
        """The saved job."""
        return self.work / "job.json"

    def save(self, *, private: bool = False) -> None:
        """Make the folders and write the job for the workers.

        Args:
            private: Let no other user read the plans. The workers must then be this user's.
        """
        for folder in (self.lines, self.reports, self.failures):
            folder.mkdir(parents=True, exist_ok=True)
        self.plans.mkdir(mode=0o700 if private else 0o777, exist_ok=True)
        plain = {field: getattr(self, field) for field in self.__dataclass_fields__ if field not in ("work", "beam")}
        plain |= {"folder": os.fspath(self.folder), "model": os.fspath(self.model), "options": asdict(self.options)}
        plain["beam"] = None if self.beam is None else self.beam.model_dump(mode="json")
        write_json(self.file, plain)

    @classmethod
    def load(cls, path: Path) -> UpscalingJob:
        """Read a job that another process has saved.

        Raises:
            RunFailed: This machine does not see it.
        """
        try:
            plain = json.loads(path.read_bytes())
        except OSError as error:
            raise RunFailed(
                f"{socket.gethostname()}: every worker must see the output folder under the same path. "
                f"Received: {path}, {error.strerror or error}",
                hint="Put inputs, model and output on a disk that all machines share.",
            ) from error
        plain |= {"folder": Path(plain["folder"]), "model": Path(plain["model"]), "work": path.parent}
        plain["options"] = UpscalingOptions(**plain["options"])
        plain["beam"] = None if plain["beam"] is None else BeamOptions.model_validate(plain["beam"])
        return cls(**plain)

    def record_failure(self, error: BaseException) -> bool:
        """Leave an error that ends the run; return whether that could be done."""
        return record_failure(self.failures, error, what=self.title)

    def failure(self) -> GantkError | None:
        """Return the error that a worker has left, if any."""
        return recorded_failure(self.failures)

    def in_work(self) -> Sequence[str]:
        """Return the pictures that workers have taken up and not ended, as the user knows them, in that order."""
        begun: dict[str, str] = {}
        for path in sorted(self.lines.glob("*.jsonl")):
            for line in read_lines(path):
                output = str(line.get("output"))
                if line.get("status") == TAKEN_UP:
                    begun[output] = str(line.get("input"))
                elif line.get("status") != "started":
                    begun.pop(output, None)
        return list(begun.values())

    def keep_lines(self) -> None:
        """Remove all but what workers have noted, which the next job reads: the plans can hold passwords."""
        for path in (self.plans, self.reports, self.failures):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self.file, self.work / "beam.log"):
            path.unlink(missing_ok=True)
        if not any(self.lines.glob("*.jsonl")):
            self.remove()

    def remove(self) -> None:
        """Remove the folder of driver and workers, when all that they have noted is in the records."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.rmtree(self.work.parent, ignore_errors=True)


def new_work_folder(folder: Path) -> Path:
    """Return the name of a folder for driver and workers inside an output folder."""
    return folder / WORKERS / uuid.uuid4().hex[:12]
