"""What a run directory holds, read for its page. A part that is missing is left out, never an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gantk.artifacts import load_bundle
from gantk.errors import RunFailed, UsageError


@dataclass(frozen=True)
class SampleGrid:
    """One grid of samples and where in the training it was made."""

    path: Path
    step: int
    epoch: int
    columns: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """One picture before and after."""

    before: Path
    after: Path
    caption: str


@dataclass(frozen=True)
class Sheet:
    """Generated pictures in one."""

    path: Path
    labels: tuple[str, ...]
    facts: dict[str, Any]


@dataclass(frozen=True)
class TrainingWarning:
    """What a guard rail of the training had to say."""

    step: int
    epoch: int
    message: str


@dataclass
class RunContents:
    """Everything the page shows, as found.

    Args:
        run: `run.json`: name, status, times and the stages.
        config: The resolved pipeline, YAML text.
        environment: Versions, machine, git state.
        dataset: The manifest of the prepared data.
        history: One mapping a line of `metrics.jsonl`.
        training: Summary of the training.
        warnings: What the guard rails of the training said, the first one first.
        grids: Sample grids in the order of steps.
        metrics: Entries of `evaluation.json`, pictures as paths.
        per_picture: Lines of `per_picture.jsonl`, the shown parts of a picture as paths.
        pairs: Pictures before and after.
        sheets: Generated pictures.
        model: What the trained model says of itself, and its digest.
    """

    directory: Path
    run: dict[str, Any] = field(default_factory=dict)
    config: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    training: dict[str, Any] = field(default_factory=dict)
    warnings: list[TrainingWarning] = field(default_factory=list)
    grids: list[SampleGrid] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    per_picture: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)


def read_run(directory: Path) -> RunContents:
    """Read a run directory, finished or not.

    Args:
        directory: A run directory; stages may have any names.
    """
    contents = RunContents(directory)
    contents.run = _json(directory / "run.json") or {}
    contents.environment = _json(directory / "environment.json") or {}
    config = directory / "config.yaml"
    contents.config = config.read_text(encoding="utf-8") if config.is_file() else ""
    for name in contents.run.get("stages", {}):
        _read_stage(directory / name, contents)
    return contents


def _read_stage(folder: Path, contents: RunContents) -> None:
    if (folder / "manifest.json").is_file() and (folder / "shards").is_dir():
        contents.dataset = _json(folder / "manifest.json") or {}
    if (folder / "metrics.jsonl").is_file():
        contents.history = list(_json_lines(folder / "metrics.jsonl"))
        contents.warnings = [
            TrainingWarning(line["step"], line["epoch"], line["message"])
            for line in contents.history
            if "warning" in line
        ]
        contents.training = _json(folder / "training.json") or {}
        contents.grids = [_grid(path) for path in sorted((folder / "samples").glob("step-*.png"))]
    if (folder / "model.gantk").is_file():
        contents.model = _model(folder / "model.gantk")
    for entry in (_json(folder / "evaluation.json") or {}).get("metrics", []):
        pictures = {caption: folder / path for caption, path in entry.get("pictures", {}).items()}
        contents.metrics.append({**entry, "pictures": pictures})
    if (folder / "per_picture.jsonl").is_file():
        for line in _json_lines(folder / "per_picture.jsonl"):
            shown = {role: folder / path for role, path in line["shown"].items() if (folder / path).is_file()}
            contents.per_picture.append({**line, "shown": shown})
    for pair in (_json(folder / "pairs.json") or {}).get("pairs", []):
        before, after = folder / pair["before"], folder / pair["after"]
        if before.is_file() and after.is_file():
            contents.pairs.append(Pair(before, after, pair.get("caption", "")))
    if (folder / "sheet.png").is_file():
        facts = _json(folder / "sheet.json") or {}
        contents.sheets.append(Sheet(folder / "sheet.png", tuple(facts.get("labels", ())), facts))


def _model(path: Path) -> dict[str, Any]:
    try:
        bundle = load_bundle(path)
    except (UsageError, RunFailed):
        # Whoever uses a damaged model is told so; the page shows what there is.
        return {}
    return {**bundle.metadata.to_plain(), "digest": bundle.digest}


def _grid(path: Path) -> SampleGrid:
    beside = _json(path.with_suffix(".json")) or {}
    step = int(beside.get("step", path.stem.removeprefix("step-")))
    return SampleGrid(
        path, step, int(beside.get("epoch", 0)), tuple(beside.get("columns", ())), tuple(beside.get("rows", ()))
    )


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole lines; a line cut short by a killed run is left out."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)
