"""Running the stages of a pipeline, one after the other, and recording what became of each."""

from __future__ import annotations

import errno
import logging
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal, cast

from gantk.atomic_files import write_json, write_text
from gantk.config import Pipeline, resolved_yaml
from gantk.errors import PluginError, RunFailed, UsageError
from gantk.pipeline.environment import describe_environment
from gantk.pipeline.fingerprint import stage_fingerprint
from gantk.pipeline.plan import PlannedStage, decide, default_run_directory, plan_pipeline, select_stages
from gantk.pipeline.run_directory import RunDirectory, StageRecord
from gantk.pipeline.stage_context import StageContext
from gantk.protocols import Artifact
from gantk.registry import default_registry
from gantk.specs import StageSpec

logger = logging.getLogger("gantk.pipeline")


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Args:
        run_dir: The run directory.
        status: `done`; every other end is an exception.
        stages: `run`, `resume` or `skip` by stage.
    """

    run_dir: Path
    status: Literal["done"]
    stages: Mapping[str, str]


def run_pipeline(
    pipeline: Pipeline,
    *,
    run_dir: Path | None = None,
    resume: bool = False,
    first: str | None = None,
    last: str | None = None,
    progress: bool = True,
) -> RunResult:
    """Run a pipeline: every stage that has not run yet or whose options or inputs have changed.

    Args:
        pipeline: A validated pipeline.
        run_dir: Where everything goes; by default `runs/<name>` or `runs/<name>-<profile>`.
        resume: Continue a stage that was interrupted.
        first: Run this stage and all after it anew, even if nothing has changed.
        last: Stop after this stage.
        progress: Show progress bars on a terminal.

    Returns:
        Where the results are and what was done.

    Raises:
        UsageError: A wrong `first` or `last`, or unfinished work that a new start would lose.
        RunFailed: A stage failed.
        KeyboardInterrupt: The run was interrupted, by Ctrl-C or SIGTERM; what was finished stays.
    """
    names = select_stages(pipeline, first, last)
    directory = RunDirectory(run_dir or default_run_directory(pipeline))
    with _terminable(), directory.locked(), _log_file(directory.path / "logs" / "run.log"):
        return _Run(pipeline, directory, names, resume=resume, first=first, progress=progress).run()


class _Run:
    """One run of a pipeline in a locked run directory."""

    def __init__(
        self,
        pipeline: Pipeline,
        directory: RunDirectory,
        names: list[str],
        *,
        resume: bool,
        first: str | None,
        progress: bool,
    ) -> None:
        self.pipeline = pipeline
        self.directory = directory
        self.names = names
        self.first = first
        self.resume = resume
        self.forced = set(names[names.index(first) :]) if first else set()
        self.progress = progress
        self.artifacts: dict[str, Artifact] = {}
        self.actions: dict[str, str] = {}

    def run(self) -> RunResult:
        # Before anything is written: a refused call must leave the record of the run as it was.
        for planned in plan_pipeline(
            self.pipeline,
            run_dir=self.directory.path,
            resume=self.resume,
            first=self.first,
            last=self.names[-1],
        ):
            self._refuse(planned)
        write_text(self.directory.path / "config.yaml", resolved_yaml(self.pipeline))
        write_json(self.directory.path / "environment.json", describe_environment(Path.cwd()))
        self.directory.begin(self.pipeline.name)
        registry = default_registry()
        registry.notify("gantk_before_run", run_dir=self.directory.path, config=self.pipeline.model_dump(mode="json"))
        status = "failed"
        try:
            for number, name in enumerate(self.names, start=1):
                self._stage(name, f"{number}/{len(self.names)}")
            status = "done"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            self.directory.finish(status)
            registry.notify("gantk_after_run", run_dir=self.directory.path, status=status)
        return RunResult(self.directory.path, "done", self.actions)

    def _stage(self, name: str, position: str) -> None:
        component = self.pipeline.stages[name].component
        spec = cast(StageSpec, component.spec)
        inputs = self._inputs(name, spec)
        planned = decide(self.pipeline, name, inputs, self.directory, resume=self.resume, forced=name in self.forced)
        self.actions[name] = planned.action
        self._refuse(planned)
        if planned.action == "skip":
            logger.info("stage %s %s: skipped, %s", position, name, planned.reason)
            record = self.directory.stages[name]
            record.skipped = True
            self.directory.write()
            self._after_stage(name, record)
            return
        logger.info("stage %s %s: %s", position, name, planned.reason)
        self._execute(name, inputs, resume=planned.action == "resume", keep=spec.checks_itself)

    def _refuse(self, planned: PlannedStage) -> None:
        if planned.action != "refuse":
            return
        name, folder = planned.name, self.directory.path
        if self.resume:
            raise UsageError(
                f"{folder} holds an unfinished {name!r} stage that --resume cannot continue. Received: {planned.reason}.",
                hint=f"Undo the change to continue it; --from {name} begins it anew; --run-dir puts this run elsewhere.",
            )
        raise UsageError(
            f"{folder} holds an unfinished {name!r} stage; a new start would lose it.",
            hint=f"--resume continues it; --from {name} begins it anew; --run-dir puts this run elsewhere.",
        )

    def _inputs(self, name: str, spec: StageSpec) -> dict[str, Artifact]:
        missing = [key for key in spec.consumes if key not in self.artifacts]
        if missing:
            raise UsageError(
                f"Stage {name!r} needs {', '.join(map(repr, missing))}, which no earlier stage of this run has left.",
                hint="Run the pipeline without --from, or add the stage that makes it.",
            )
        return {key: self.artifacts[key] for key in spec.consumes}

    def _execute(self, name: str, inputs: Mapping[str, Artifact], *, resume: bool, keep: bool) -> None:
        component = self.pipeline.stages[name].component
        previous = self.directory.stages.get(name)
        if not (resume or keep):
            moved = self.directory.set_aside(name)
            if moved is not None:
                logger.info("what stage %s left before is now in %s", name, moved)
        record = StageRecord(
            type=component.name,
            status="running",
            fingerprint=stage_fingerprint(self.pipeline, name, inputs),
            continuation=stage_fingerprint(self.pipeline, name, inputs, continued=True),
            seconds=previous.seconds if previous and resume else 0.0,
        )
        self.directory.stages[name] = record
        self.directory.write()
        folder = self.directory.stage_directory(name)
        folder.mkdir(parents=True, exist_ok=True)
        context = StageContext(
            name=name,
            directory=folder,
            run_directory=self.directory.path,
            artifacts=inputs,
            seed=self.pipeline.seed,
            runtime=self.pipeline.runtime,
            resume=resume,
            progress=self.progress,
        )
        started = time.monotonic()
        try:
            artifacts = component.create().run(context)
            self._check_outputs(name, cast(StageSpec, component.spec), artifacts)
        except BaseException as error:
            record.status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            record.error = f"{type(error).__name__}: {error}"
            record.seconds += time.monotonic() - started
            self.directory.write()
            if isinstance(error, KeyboardInterrupt):
                logger.info("stage %s was interrupted; the same command with --resume goes on from here", name)
            default_registry().notify("gantk_on_stage_error", run_dir=self.directory.path, stage=name, error=error)
            told = _as_run_failure(name, error)
            if told is None:
                raise
            raise told from error
        record.seconds += time.monotonic() - started
        record.status = "done"
        self.directory.record_outputs(name, artifacts)
        self.directory.write()
        self._after_stage(name, record)

    def _after_stage(self, name: str, record: StageRecord) -> None:
        self.artifacts.update(self.directory.artifacts_of(name))
        default_registry().notify(
            "gantk_after_stage",
            run_dir=self.directory.path,
            stage=name,
            seconds=record.seconds,
            skipped=record.skipped,
        )

    def _check_outputs(self, name: str, spec: StageSpec, artifacts: Any) -> None:
        if not isinstance(artifacts, Mapping) or set(artifacts) != set(spec.produces):
            raise PluginError(
                f"Stage {name!r} (type {spec.name!r}) must return the artifacts {sorted(spec.produces)}. "
                f"Received: {sorted(artifacts) if isinstance(artifacts, Mapping) else type(artifacts).__name__}",
                hint=f"Make what {spec.factory} returns and the `produces` of its StageSpec the same.",
            )


def _as_run_failure(name: str, error: BaseException) -> RunFailed | None:
    """Give a system's error the form of ours where a user can do something about it."""
    if isinstance(error, MemoryError):
        return RunFailed(f"Stage {name!r} ran out of memory.", hint="Use a smaller batch_size or size.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunFailed(
            f"Stage {name!r} found no space left on the disk: {error}",
            hint="Free some space, then run the same command with --resume.",
        )
    return None


@contextmanager
def _terminable() -> Iterator[None]:
    """End on SIGTERM as on Ctrl-C, so that the record says what became of the run. Only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Append everything logged under `gantk` to a file, with times, whatever the terminal shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("gantk")
    before = root.level
    root.addHandler(handler)
    if root.getEffectiveLevel() > logging.INFO:
        root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()
