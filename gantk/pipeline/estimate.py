"""How long the stages of a plan will take, and what they need: from earlier runs, or from trying."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from gantk.config import Pipeline
from gantk.engine.phases import Phase, phase_starts
from gantk.pipeline.fingerprint import stage_fingerprint
from gantk.pipeline.phase_estimate import (
    measure_phases,
    phase_facts,
    phase_lines,
    seconds_left,
    seconds_of_phases,
)
from gantk.pipeline.plan import PlannedStage
from gantk.pipeline.run_directory import RunDirectory
from gantk.pipeline.stages.options import PrepareOptions, TrainOptions
from gantk.pipeline.stages.phase_data import epoch_steps, training_phases
from gantk.protocols import Artifact
from gantk.specs import GrowingModelOptions, StageSpec
from gantk.wording import byte_size, counted

PACE_LINES = 20
"""Lines of the metrics, at the end, that tell the pace of an earlier training."""


@dataclass(frozen=True)
class StageEstimate:
    """What one stage will take.

    Args:
        seconds: Its time; None where it is not known.
        how: How that was estimated, in a few words.
        facts: Plain values: counts, sizes in bytes, times in seconds.
        lines: The facts for people.
    """

    seconds: float | None
    how: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()


def earlier_times(pipeline: Pipeline, plan: Sequence[PlannedStage], run_dir: Path) -> dict[str, StageEstimate]:
    """Say what the stages to run took when they ran before in the same run directory. Imports no framework.

    A training is told by its pace where the same model trained on the same data, and counts only the steps left
    where it is continued; other stages by their last time.
    """
    directory = RunDirectory(run_dir)
    found = {}
    for stage in plan:
        record = directory.stages.get(stage.name)
        if stage.action in ("skip", "refuse") or record is None or record.type != stage.type:
            continue
        component = pipeline.stages[stage.name].component
        if isinstance(component.options, TrainOptions):
            estimate = _from_pace(pipeline, stage, directory)
        elif record.status == "done":
            estimate = StageEstimate(
                record.seconds, "the last time", lines=(f"took {record.seconds:.0f} s the last time",)
            )
        else:
            continue
        if estimate is not None:
            found[stage.name] = estimate
    return found


def _from_pace(pipeline: Pipeline, stage: PlannedStage, directory: RunDirectory) -> StageEstimate | None:
    inputs = _recorded_inputs(pipeline, stage.name, directory)
    folder = directory.stage_directory(stage.name)
    if inputs is None or not (folder / "metrics.jsonl").is_file():
        return None
    record = directory.stages[stage.name]
    # What may differ in a continuation (epochs, schedule, logging) leaves the time of a step as it is.
    if record.continuation != stage_fingerprint(pipeline, stage.name, inputs, continued=True):
        return None
    lines = _metric_lines(folder / "metrics.jsonl")
    pace = seconds_a_step(lines[-PACE_LINES:])
    if pace is None:
        return None
    from gantk.data import PreparedDataset, batch_shapes, steps_per_epoch

    options = cast(TrainOptions, pipeline.stages[stage.name].component.options)
    dataset = PreparedDataset.open(inputs["dataset"].path)
    done = int(lines[-1]["step"]) if stage.action == "resume" else 0
    if isinstance(options.model.options, GrowingModelOptions):
        shapes = batch_shapes(dataset, split=options.split, transforms=options.transforms, seed=pipeline.seed)
        return _from_pace_of_phases(training_phases(options, shapes), lines, done)
    steps = options.epochs * (
        options.steps_per_epoch or steps_per_epoch(dataset, options.split, options.samples_per_step)
    )
    left = max(0, steps - done)
    return StageEstimate(
        left * pace,
        "from the pace of the earlier run",
        {"steps": steps, "steps_left": left, "step_seconds": pace},
        (f"{counted(left, 'step')} to do, {1000 * pace:.0f} ms a step in the earlier run",),
    )


def _from_pace_of_phases(
    phases: Sequence[Phase], lines: Sequence[Mapping[str, Any]], done: int
) -> StageEstimate | None:
    seconds = seconds_left(phases, lines, done, seconds_a_step)
    if seconds is None:
        return None
    steps = phase_starts(phases)[-1]
    left = max(0, steps - done)
    mean = seconds / left if left else 0.0
    return StageEstimate(
        seconds,
        "from the pace of the earlier run in each phase",
        {"steps": steps, "steps_left": left, "step_seconds": mean},
        (f"{counted(left, 'step')} to do, {1000 * mean:.0f} ms a step on average in the earlier run",),
    )


def _recorded_inputs(pipeline: Pipeline, name: str, directory: RunDirectory) -> dict[str, Artifact] | None:
    """Return what the stage will read in the run directory; None where it is not there, or made by other options."""
    artifacts: dict[str, Artifact] = {}
    for stage_name, stage in pipeline.stages.items():
        consumed = cast(StageSpec, stage.component.spec).consumes
        inputs = {key: artifacts[key] for key in consumed if key in artifacts}
        whole = len(inputs) == len(consumed)
        if stage_name == name:
            return inputs if whole else None
        if whole and directory.is_complete(stage_name, stage_fingerprint(pipeline, stage_name, inputs)):
            artifacts.update(directory.artifacts_of(stage_name))
    return None


def _metric_lines(path: Path) -> list[dict[str, Any]]:
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            # Half a line, of a process that was killed while writing it.
            break
    return lines


def seconds_a_step(lines: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the median time of a step between lines of `metrics.jsonl`, so that a pause between two counts for nothing."""
    paces = [
        (later["time"] - earlier["time"]) / (later["step"] - earlier["step"])
        for earlier, later in itertools.pairwise(lines)
        if later["step"] > earlier["step"]
    ]
    return statistics.median(paces) if paces else None


def estimate_stages(
    pipeline: Pipeline, plan: Sequence[PlannedStage], run_dir: Path
) -> tuple[dict[str, StageEstimate], dict[str, str]]:
    """Estimate what `prepare` and `train` will take by trying a little of each. Imports the framework; writes nothing.

    Samples are prepared in memory, and the model is built and tried for some steps on random pictures of the right
    shape. Where an earlier run has measured the pace of the training, that is used for its time.

    Returns:
        `(estimates by stage, reasons by stage of those that could not be made)`.
    """
    from gantk.errors import GantkError

    estimates = earlier_times(pipeline, plan, run_dir)
    reasons: dict[str, str] = {}
    planned = {stage.name: stage for stage in plan}
    directory = RunDirectory(run_dir)
    preparation: PrepareOptions | None = None
    for name, stage in pipeline.stages.items():
        if name not in planned:
            break
        options = stage.component.options
        try:
            if isinstance(options, PrepareOptions):
                preparation = options
                if planned[name].action != "skip" and not _is_prepared(pipeline, name, directory):
                    estimates[name] = _estimate_preparation(pipeline, options)
            elif isinstance(options, TrainOptions) and planned[name].action not in ("skip", "refuse"):
                estimates[name] = _estimate_training(pipeline, name, preparation, directory, estimates.get(name))
        except GantkError as error:
            reasons[name] = f"{error.message}{f' {error.hint}' if error.hint else ''}"
    return estimates, reasons


def _is_prepared(pipeline: Pipeline, name: str, directory: RunDirectory) -> bool:
    inputs = _recorded_inputs(pipeline, name, directory)
    return inputs is not None and directory.is_complete(name, stage_fingerprint(pipeline, name, inputs))


def _estimate_preparation(pipeline: Pipeline, options: PrepareOptions) -> StageEstimate:
    from gantk.data.estimate import estimate_preparation

    split, transforms = _trained_on(pipeline)
    data = estimate_preparation(options, split=split, transforms=transforms, seed=pipeline.seed)
    total = sum(count for domains in data.counts.values() for count in domains.values())
    bound = "" if data.complete else "at least "
    counts = ", ".join(
        f"{split} {domain} {count}" for split, domains in data.counts.items() for domain, count in domains.items()
    )
    return StageEstimate(
        data.seconds,
        f"{counted(data.tried, 'sample')} tried",
        {
            "samples": data.counts,
            "complete": data.complete,
            "disk_bytes": data.disk_bytes,
            "samples_tried": data.tried,
        },
        (
            f"{bound}{counted(total, 'sample')} ({counts}), {bound}{_size(data.disk_bytes)} of shards "
            f"({counted(data.tried, 'sample')} tried)",
        ),
    )


def _trained_on(pipeline: Pipeline) -> tuple[str, Sequence[Any]]:
    for stage in pipeline.stages.values():
        if isinstance(stage.component.options, TrainOptions):
            return stage.component.options.split, stage.component.options.transforms
    return "train", ()


def _estimate_training(
    pipeline: Pipeline,
    name: str,
    preparation: PrepareOptions | None,
    directory: RunDirectory,
    earlier: StageEstimate | None,
) -> StageEstimate:
    from gantk.data import PreparedDataset, batch_shapes, steps_per_epoch
    from gantk.data.estimate import estimate_preparation, steps_of
    from gantk.engine.backend import choose_backend
    from gantk.errors import RunFailed

    options = cast(TrainOptions, pipeline.stages[name].component.options)
    inputs = _recorded_inputs(pipeline, name, directory)
    if inputs is not None:
        dataset = PreparedDataset.open(inputs["dataset"].path)
        shapes = batch_shapes(dataset, split=options.split, transforms=options.transforms, seed=pipeline.seed)
        classes = dataset.classes
        phases = training_phases(options, shapes)
        epoch = epoch_steps(options, phases, lambda size: steps_per_epoch(dataset, options.split, size))
    elif preparation is not None:
        data = estimate_preparation(preparation, split=options.split, transforms=options.transforms, seed=pipeline.seed)
        shapes, classes = data.shapes, data.classes
        phases = training_phases(options, shapes)
        epoch = epoch_steps(options, phases, lambda size: steps_of(data, options.split, size))
    else:
        raise RunFailed("There is no prepared data to train on, and no stage `prepare` that would make it.")
    choose_backend(
        pipeline.runtime.backend, threads=pipeline.runtime.threads, deterministic=pipeline.runtime.deterministic
    )
    from gantk.engine.building import build_model
    from gantk.engine.distribution import use_one_device
    from gantk.engine.footprint import measure_footprint
    from gantk.engine.model_context import ModelContext

    context = ModelContext(shapes=shapes, training=options, steps_per_epoch=epoch, seed=pipeline.seed, classes=classes)
    model = build_model(options.model, context)
    of_phases: list[dict[str, Any]] = []
    if model.phases:
        each, taken = measure_phases(model, shapes, lambda size: size * options.discriminator_steps)
        of_phases = phase_facts(model.phases, each)
        seconds, steps = seconds_of_phases(model.phases, each), phase_starts(model.phases)[-1]
    else:
        taken = measure_footprint(model, {field: (options.samples_per_step, *shape) for field, shape in shapes.items()})
        steps = epoch * options.epochs
        seconds = taken.first_step_seconds + taken.step_seconds * (steps - 1)
    use_one_device()
    checkpoints = options.checkpoint.keep + (1 if options.evaluate is not None and options.evaluate.keep_best else 0)
    facts = {
        "steps": steps,
        "steps_per_epoch": epoch,
        "parameters": dict(taken.parameters),
        "memory_bytes": {
            "weights": taken.weights,
            "gradients": taken.gradients,
            "optimizers": taken.optimizers,
            "averages": taken.averages,
            "other": taken.other,
            "working": taken.working,
            "peak": taken.peak,
        },
        "checkpoint_bytes": taken.checkpoint,
        "checkpoints": checkpoints,
        "device": taken.device,
        "first_step_seconds": taken.first_step_seconds,
        "step_seconds": taken.step_seconds,
        **({"phases": of_phases} if of_phases else {}),
    }
    tried = f"{counted(taken.timed_steps, 'step')} tried on random pictures"
    lines = _training_lines(options, facts, tried)
    if earlier is None:
        return StageEstimate(seconds, tried, facts, lines)
    # A pace measured over a whole run goes before that of three steps, which the facts keep beside it.
    pace = {"steps_left": earlier.facts["steps_left"], "earlier_step_seconds": earlier.facts["step_seconds"]}
    return StageEstimate(earlier.seconds, earlier.how, {**facts, **pace}, (*lines, *earlier.lines))


def _training_lines(options: TrainOptions, facts: Mapping[str, Any], tried: str) -> list[str]:
    memory = facts["memory_bytes"]
    parts = ", ".join(
        f"{word} {_size(memory[word])}"
        for word in ("weights", "gradients", "optimizers", "averages", "other")
        if memory[word]
    )
    networks = ", ".join(f"{name} {count:,}" for name, count in facts["parameters"].items())
    if facts.get("phases"):
        times = [
            f"{counted(facts['steps'], 'step')} in phases, {facts['steps_per_epoch']} an epoch, on a {facts['device']} "
            f"({tried} of each resolution); evaluations and samples come on top",
            *phase_lines(facts["phases"]),
        ]
    else:
        times = [
            f"{counted(facts['steps'], 'step')}, {facts['steps_per_epoch']} an epoch, with batches of "
            f"{options.samples_per_step}; {1000 * facts['step_seconds']:.0f} ms a step on a {facts['device']} after "
            f"{facts['first_step_seconds']:.0f} s for the first ({tried}); evaluations and samples come on top"
        ]
    lines = [*times, f"parameters: {networks}", f"memory: {parts}"]
    if memory["peak"] is not None:
        of = "the process, with the framework" if facts["device"] == "cpu" else "the device"
        lines[-1] += (
            f"; activations and workspace {_size(memory['working'])}; at its peak {of} held {_size(memory['peak'])}"
        )
    lines.append(
        f"disk: {_size(facts['checkpoint_bytes'])} a checkpoint, {facts['checkpoints']} of them at a time: "
        f"{_size(facts['checkpoints'] * facts['checkpoint_bytes'])}"
    )
    return lines


def _size(count: float | None) -> str:
    return "unknown" if count is None else byte_size(count)


def hours_and_minutes(seconds: float | None) -> str:
    """Return a time in words: `3 h 07 min`, `< 1 min`, `?` where it is not known."""
    if seconds is None:
        return "?"
    if seconds < 60:
        return "< 1 min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
