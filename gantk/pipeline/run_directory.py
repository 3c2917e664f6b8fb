"""The folder of a run: who may write to it, and what it records of its stages."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gantk.atomic_files import write_json
from gantk.errors import RunFailed, UsageError
from gantk.protocols import Artifact


@dataclass
class StageRecord:
    """What `run.json` says of one stage.

    Args:
        status: `running`, `done`, `failed` or `interrupted`.
        fingerprint: Hash of everything the stage's result depends on.
        continuation: The same without what may differ in a continuation.
        seconds: Time the stage took when it last ran, all its continuations together.
        outputs: Path (relative to the run directory where inside it) and digest by artifact.
    """

    type: str
    status: str
    fingerprint: str
    continuation: str = ""
    seconds: float = 0.0
    skipped: bool = False
    error: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)


class RunDirectory:
    """A run directory and its record, `run.json`.

    Args:
        path: The folder. It is made when it does not exist.

    Raises:
        UsageError: The path is a file.
        RunFailed: `run.json` is there and cannot be understood.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stages: dict[str, StageRecord] = {}
        self.facts: dict[str, Any] = {}
        if path.exists() and not path.is_dir():
            raise UsageError(f"The run directory must be a folder. Received a file: {path}")
        self._read()

    def _read(self) -> None:
        record = self.path / "run.json"
        if not record.exists():
            return
        try:
            content = json.loads(record.read_text(encoding="utf-8"))
            self.stages = {name: StageRecord(**stage) for name, stage in content.pop("stages").items()}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunFailed(
                f"{record} is not the record of a gantk run: {error}",
                hint="Give another --run-dir, or remove this folder if nothing in it is needed.",
            ) from error
        self.facts = content

    def write(self) -> None:
        """Replace `run.json` by the present record, in one step."""
        stages = {name: asdict(stage) for name, stage in self.stages.items()}
        write_json(self.path / "run.json", {**self.facts, "stages": stages})

    def stage_directory(self, name: str) -> Path:
        """Return the folder of a stage."""
        return self.path / name

    def artifacts_of(self, name: str) -> dict[str, Artifact]:
        """Return the artifacts a finished stage left, by name."""
        return {
            key: Artifact(self.path / output["path"], output["digest"])
            for key, output in self.stages[name].outputs.items()
        }

    def is_complete(self, name: str, fingerprint: str) -> bool:
        """Tell whether a stage ended well with this fingerprint and all it left is still there."""
        record = self.stages.get(name)
        return (
            record is not None
            and record.status == "done"
            and record.fingerprint == fingerprint
            and all(artifact.path.exists() for artifact in self.artifacts_of(name).values())
        )

    def holds_work(self, name: str) -> bool:
        """Tell whether a stage has left anything in its folder."""
        folder = self.stage_directory(name)
        return folder.is_dir() and any(folder.iterdir())

    def record_outputs(self, name: str, artifacts: Mapping[str, Artifact]) -> None:
        """Note what a stage left, with paths relative to the run directory where they are inside it."""
        self.stages[name].outputs = {
            key: {"path": _relative(artifact.path, self.path), "digest": artifact.digest}
            for key, artifact in artifacts.items()
        }

    def set_aside(self, name: str) -> Path | None:
        """Move a stage's folder to `<name>.previous`, replacing an older one; return the new place."""
        folder = self.stage_directory(name)
        if not self.holds_work(name):
            return None
        previous = self.path / f"{name}.previous"
        if previous.exists():
            doomed = self.path / f".{name}.removing-{os.getpid()}"
            previous.rename(doomed)
            shutil.rmtree(doomed)
        folder.rename(previous)
        return previous

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run directory for one process; the lock goes with the process, however it ends.

        Raises:
            RunFailed: Another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                raise RunFailed(
                    f"{self.path} is in use by another gantk run (process {lock.read().strip() or 'unknown'}).",
                    hint="Wait for it to end, or give another --run-dir.",
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self.stages.clear()
            self._read()
            yield

    def begin(self, name: str) -> None:
        """Note that a run of the pipeline `name` has started."""
        self.facts.update({"name": name, "status": "running", "started": time.time(), "finished": None})
        self.write()

    def finish(self, status: str) -> None:
        """Note that the run has ended: `done`, `failed` or `interrupted`."""
        self.facts.update({"status": status, "finished": time.time()})
        self.write()


def _relative(path: Path, root: Path) -> str:
    path, root = path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
