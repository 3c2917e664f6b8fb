"""What a batch job is going to do with each input, decided before the first one is read."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from gantk.errors import UsageError
from gantk.inference.archives import fitting_name
from gantk.inference.destination import JobOutput
from gantk.inference.inputs import SUFFIXES, Discovery, PictureInput, discover
from gantk.inference.job_records import JobRecords
from gantk.inference.picture import FORMATS
from gantk.inference.record_files import FAILURES, MANIFEST


@dataclass(frozen=True, slots=True)
class Task:
    """One input to be done.

    Args:
        picture: The input.
        output: Where its result goes: a POSIX path in the output folder.
        known: The line of an earlier job for the same output and settings; if its checksum turns out to be the
            input's, nothing is to be done.
    """

    picture: PictureInput
    output: str
    known: Mapping[str, Any] | None = None


@dataclass
class JobPlan:
    """What a job is going to do.

    Args:
        tasks: To be done.
        skipped: Done by an earlier job, unchanged since.
        failed: Inputs that fail without being tried, each with its reason.
        ignored: Files in folders and archives that are no pictures.
        order: The names of all results, failed ones too, in the order of the inputs.
    """

    tasks: list[Task] = field(default_factory=list)
    skipped: list[Task] = field(default_factory=list)
    failed: list[tuple[Task, str]] = field(default_factory=list)
    ignored: int = 0
    order: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        """How many inputs there are."""
        return len(self.tasks) + len(self.skipped) + len(self.failed)


def output_name(name: str, form: str | None, suffix: str = "") -> str:
    """Return the path of a result: that of the input, with the suffix of the format where another is asked for.

    Args:
        name: The input's POSIX path.
        form: A key of `FORMATS`; None keeps name and format, but for GIF, whose results are PNG.
        suffix: Comes behind the name, before what tells the format: `_x4`.
    """
    ending = PurePosixPath(name).suffix
    if form is None:
        form = "png" if ending.lower() == ".gif" else None
    kept = name.removesuffix(ending) if ending.lower() in SUFFIXES else name
    if form is None or ending.lower() in _SUFFIXES_OF[form]:
        return fitting_name(kept + suffix + name[len(kept) :])
    return fitting_name(kept + suffix + FORMATS[form])


_SUFFIXES_OF = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "webp": (".webp",),
    "tiff": (".tif", ".tiff"),
    "bmp": (".bmp", ".dib"),
}


def discover_and_plan(
    inputs: Iterable[str | Path | PictureInput],
    output: JobOutput,
    *,
    form: str | None,
    settings: Mapping[str, Any],
    overwrite: bool,
    retry_failures: bool,
    suffix: str = "",
) -> tuple[Discovery, JobRecords, JobPlan]:
    """Find the inputs and decide what is to be done with each.

    Args:
        inputs: As for `gantk.inference.inputs.discover`.
        output: What the job writes to (`gantk.inference.destination.destination_for`).
        form: As for `plan_job`, like all that follows.
        settings: What, beside an input, decides its result.
        overwrite: Do everything again.
        retry_failures: Try again what failed before.
        suffix: Comes behind the names of the results.

    Returns:
        The inputs, which the caller closes, the records of the output, not open yet, and the plan.

    Raises:
        UsageError: An input does not exist, there is none, or a result would replace one.
    """
    found = discover(inputs, output)
    try:
        records = JobRecords(output)
        plan = plan_job(
            found,
            records,
            form=form,
            settings=settings,
            overwrite=overwrite,
            retry_failures=retry_failures,
            suffix=suffix,
        )
    except BaseException:
        found.close()
        raise
    return found, records, plan


def plan_job(
    found: Discovery,
    records: JobRecords,
    *,
    form: str | None,
    settings: Mapping[str, Any],
    overwrite: bool = False,
    retry_failures: bool = False,
    suffix: str = "",
) -> JobPlan:
    """Decide what is to be done with every input.

    Args:
        found: The inputs.
        records: What earlier jobs did in the output folder.
        form: The format of the results; None keeps that of each file.
        settings: What, beside an input, decides its result: model, direction, format, quality.
        overwrite: Do everything again, and replace files that no job has written.
        retry_failures: Try again what failed before and has not changed.
        suffix: Comes behind the names of the results.

    Raises:
        UsageError: A result would replace one of the inputs.
    """
    plan = JobPlan(ignored=found.ignored)
    taken: dict[str, PictureInput] = {}
    case_matters = _case_matters(records.folder)
    originals = {picture.identity for picture in found.pictures if picture.identity is not None}
    known: set[tuple[str, str]] = set()
    for picture in found.pictures:
        output = output_name(picture.name, form, suffix)
        task = Task(_told_apart(picture, output, known), output)
        target = records.folder / task.output
        key = task.output if case_matters else unicodedata.normalize("NFC", task.output).casefold()
        plan.order.append(task.output)
        problem = records.output.problem(task.output)
        if problem:
            plan.failed.append((task, picture.problem or problem))
            continue
        size = records.size(task.output)
        if size is None:
            # Whatever becomes of the input, its former result is not there.
            records.forget(task.output)
        if picture.problem:
            plan.failed.append((task, picture.problem))
            continue
        if task.output in (MANIFEST, FAILURES) or task.output in records.output.reserved:
            plan.failed.append((task, "Its result would replace a record of this job."))
            continue
        if key in taken:
            plan.failed.append(
                (
                    task,
                    f"Its result would replace that of {taken[key].label}: both go to {task.output}. Rename one, or "
                    "give each folder a job of its own, with another -o.",
                )
            )
            continue
        taken[key] = picture
        there = _status(target)
        if there is not None and (there.st_dev, there.st_ino) in originals:
            raise UsageError(
                f"A result must not replace an input. Received: {picture.label}, whose result would be {target}",
                hint="Choose another folder with -o.",
            )
        _decide(plan, task, size, records, settings, overwrite, retry_failures)
    return plan


def _told_apart(picture: PictureInput, output: str, known: set[tuple[str, str]]) -> PictureInput:
    """Return an input with a number behind its label where there was one of the same label and output before.

    An archive may hold two members of one name. What is recorded of the second must not hide what is of the first.
    """
    label, number = picture.label, 1
    while (label, output) in known:
        number += 1
        label = f"{picture.label} ({number})"
    known.add((label, output))
    return picture if number == 1 else replace(picture, label=label)


def _decide(
    plan: JobPlan,
    task: Task,
    size: int | None,
    records: JobRecords,
    settings: Mapping[str, Any],
    overwrite: bool,
    retry_failures: bool,
) -> None:
    stamp = task.picture.stamp
    record = records.done.get(task.output)
    failure = records.failure(task.picture.label, task.output)
    if overwrite:
        plan.tasks.append(task)
    elif (
        record is not None
        and size is not None
        and (not stamp or record.get("stamp") != stamp)
        and not _same_place(str(record.get("input", "")), task.picture.label)
    ):
        plan.failed.append(
            (
                task,
                f"Its result would replace that of {record['input']}, which an earlier job has put there: both go to "
                f"{task.output}. Choose another -o, or --overwrite.",
            )
        )
    elif record is not None and record.get("settings") == settings and size is not None and size == record.get("bytes"):
        if stamp and record.get("stamp") == stamp:
            plan.skipped.append(task)
        else:
            plan.tasks.append(Task(task.picture, task.output, known=record))
    elif (
        not retry_failures
        and failure is not None
        and stamp
        and failure.get("stamp") == stamp
        and failure.get("settings") == settings
    ):
        plan.failed.append((task, str(failure.get("reason", ""))))
    elif record is None and task.output not in records.started and size is not None:
        plan.failed.append(
            (
                task,
                f"{records.folder / task.output} is there already, and no such job has written it; --overwrite replaces it.",
            )
        )
    else:
        plan.tasks.append(task)


def _same_place(one: str, other: str) -> bool:
    """Whether two labels are those of one input: of the same path, however it was written."""
    return one == other or os.path.abspath(one) == os.path.abspath(other)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _case_matters(folder: Path) -> bool:
    """Whether `A.png` and `a.png` are two files; where the folder is not there yet, in the nearest one above it."""
    existing = next((parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir()), None)
    if existing is None or existing.name == existing.name.swapcase():
        return sys.platform != "darwin"
    swapped = existing.with_name(existing.name.swapcase())
    return not swapped.exists() or not swapped.samefile(existing)


def preview(plan: JobPlan, action: str = "translate") -> Sequence[Mapping[str, str]]:
    """Return what would be done with each input, in plain words: `input`, `output`, `action` and, on failure, `reason`."""
    rows = [{"input": task.picture.label, "output": task.output, "action": action} for task in plan.tasks]
    rows += [{"input": task.picture.label, "output": task.output, "action": "skip"} for task in plan.skipped]
    rows += [
        {"input": task.picture.label, "output": task.output, "action": "fail", "reason": reason}
        for task, reason in plan.failed
    ]
    return rows
