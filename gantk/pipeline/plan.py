"""What a run would do, and why: which stages run, which are skipped, which continue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from gantk.config import Pipeline
from gantk.errors import UsageError
from gantk.pipeline.fingerprint import stage_fingerprint
from gantk.pipeline.run_directory import RunDirectory
from gantk.protocols import Artifact
from gantk.specs import StageSpec

Action = Literal["run", "skip", "resume", "refuse"]

_ENDS = {"running": "was killed", "interrupted": "was interrupted"}


@dataclass(frozen=True)
class PlannedStage:
    """What will happen to one stage.

    Args:
        action: `run`: from its beginning. `skip`: nothing has changed. `resume`: an interrupted run is
            continued. `refuse`: unfinished work would be lost: the run asks for `--resume` or `--from`, or
            `--resume` was given and cannot continue it.
        reason: Why, in a few words.
    """

    name: str
    type: str
    action: Action
    reason: str


def default_run_directory(pipeline: Pipeline) -> Path:
    """Return `runs/<name>`, or `runs/<name>-<profile>`, below the working directory."""
    return Path("runs") / (f"{pipeline.name}-{pipeline.profile}" if pipeline.profile else pipeline.name)


def select_stages(pipeline: Pipeline, first: str | None, last: str | None) -> list[str]:
    """Return the names of the stages up to `last`.

    Raises:
        UsageError: `first` or `last` is not a stage, or `first` comes after `last`.
    """
    names = list(pipeline.stages)
    for option, name in (("--from", first), ("--until", last)):
        if name is not None and name not in names:
            raise UsageError(
                f"{option} must name a stage of pipeline {pipeline.name!r}. Received: {name!r}",
                hint=f"Its stages are: {', '.join(names)}.",
            )
    if last is not None:
        names = names[: names.index(last) + 1]
    if first is not None and first not in names:
        raise UsageError(f"--from must not come after --until. Received: --from {first} --until {last}")
    return names


def decide(
    pipeline: Pipeline,
    name: str,
    inputs: Mapping[str, Artifact],
    directory: RunDirectory,
    *,
    resume: bool,
    forced: bool,
) -> PlannedStage:
    """Decide what happens to one stage, given what it will read.

    Args:
        resume: `--resume` was given.
        forced: The stage stands at or after `--from`.
    """
    component = pipeline.stages[name].component
    spec = cast(StageSpec, component.spec)
    record = directory.stages.get(name)
    fingerprint = stage_fingerprint(pipeline, name, inputs)

    def planned(action: Action, reason: str) -> PlannedStage:
        return PlannedStage(name, component.name, action, reason)

    if record is None:
        return planned("run", "has not run yet")
    if spec.checks_itself:
        return planned("run", "does again only what has changed")
    if directory.is_complete(name, fingerprint) and not forced:
        return planned("skip", "nothing about it has changed")
    unfinished = record.status != "done"
    left_work = unfinished and spec.resumable and directory.holds_work(name)
    continuable = spec.resumable and record.continuation == stage_fingerprint(pipeline, name, inputs, continued=True)
    if resume and continuable and (unfinished or record.fingerprint != fingerprint):
        return planned("resume", "continues where it stopped" if unfinished else "continues with changed options")
    if forced:
        return planned("run", "asked for by --from")
    if left_work and continuable:
        return planned("refuse", "unfinished work is there")
    if left_work and resume:
        return planned("refuse", "its options or inputs changed, so its unfinished work cannot be continued")
    if unfinished:
        return planned("run", f"the last run of it {_ENDS.get(record.status, record.status)}")
    return planned(
        "run", "what it left is gone" if record.fingerprint == fingerprint else "its options or inputs changed"
    )


def plan_pipeline(
    pipeline: Pipeline,
    *,
    run_dir: Path | None = None,
    resume: bool = False,
    first: str | None = None,
    last: str | None = None,
) -> list[PlannedStage]:
    """Say what `run_pipeline` with the same arguments would do. Nothing is written.

    Returns:
        One entry a stage, in order.

    Raises:
        UsageError: As `select_stages`.
    """
    directory = RunDirectory(run_dir or default_run_directory(pipeline))
    artifacts: dict[str, Artifact] = {}
    made_by: dict[str, str] = {}
    running: set[str] = set()
    plan = []
    names = select_stages(pipeline, first, last)
    for name in names:
        spec = cast(StageSpec, pipeline.stages[name].component.spec)
        forced = first is not None and names.index(name) >= names.index(first)
        upstream = [made_by[key] for key in spec.consumes if made_by.get(key) in running]
        missing = any(key not in artifacts for key in spec.consumes)
        if missing or upstream:
            why = f"needs what {upstream[0]!r} will leave" if upstream else "has not run yet"
            stage = PlannedStage(name, pipeline.stages[name].component.name, "run", why)
        else:
            stage = decide(
                pipeline,
                name,
                {key: artifacts[key] for key in spec.consumes},
                directory,
                resume=resume,
                forced=forced,
            )
        plan.append(stage)
        made_by.update(dict.fromkeys(spec.produces, name))
        if stage.action == "skip" or (spec.checks_itself and _is_unchanged(pipeline, name, artifacts, directory)):
            artifacts.update(directory.artifacts_of(name))
        else:
            running.add(name)
    return plan


def _is_unchanged(pipeline: Pipeline, name: str, artifacts: Mapping[str, Artifact], directory: RunDirectory) -> bool:
    """Tell whether a stage that checks itself would, as far as its options tell, leave what it left before."""
    consumed = cast(StageSpec, pipeline.stages[name].component.spec).consumes
    if any(key not in artifacts for key in consumed):
        return False
    inputs = {key: artifacts[key] for key in consumed}
    return directory.is_complete(name, stage_fingerprint(pipeline, name, inputs))
