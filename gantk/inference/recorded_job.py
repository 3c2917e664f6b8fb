"""What every batch job does, whoever works on its pictures: it keeps the records, the counts and the progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gantk.atomic_files import remove_all_leftovers
from gantk.errors import InternalError
from gantk.inference.job_plan import JobPlan, Task
from gantk.inference.job_progress import JobProgress, shown_job
from gantk.inference.job_records import Records
from gantk.wording import counted, figures, printable

logger = logging.getLogger("gantk.inference")


@dataclass
class JobSummary:
    """What a job did. `inputs == done + skipped + failed` always holds.

    Args:
        inputs: How many inputs there were.
        done: Outputs written by this job.
        skipped: Inputs whose outputs an earlier job had written.
        failed: Inputs without an output; `failures.jsonl` in the output folder tells why.
        ignored: Files in folders and archives that are no pictures.
        megapixels: Of the inputs done, in 10⁶ pixels.
        seconds: Time taken.
        output: The output folder, or archive.
        reasons: Label and reason of each failed input.
    """

    inputs: int
    output: Path
    done: int = 0
    skipped: int = 0
    failed: int = 0
    ignored: int = 0
    megapixels: float = 0.0
    seconds: float = 0.0
    reasons: list[tuple[str, str]] = field(default_factory=list)

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON values."""
        plain: dict[str, Any] = {
            name: getattr(self, name) for name in ("inputs", "done", "skipped", "failed", "ignored", "seconds")
        }
        plain["megapixels"] = round(self.megapixels, 6)
        plain["output"] = str(self.output)
        plain["failures"] = [{"input": label, "reason": reason} for label, reason in self.reasons]
        return plain

    def sentence(self) -> str:
        """Return the counts in one line."""
        speed = f", {figures(self.megapixels / self.seconds)} MP/s" if self.done and self.seconds > 0 else ""
        ignored = f"; {counted(self.ignored, 'other file')} passed over" if self.ignored else ""
        return (
            f"{counted(self.inputs, 'picture')}: {self.done} done, {self.skipped} skipped, {self.failed} failed "
            f"({self.seconds:.1f} s{speed}){ignored}"
        )


class RecordedJob:
    """A job under way.

    Args:
        plan: What is to be done.
        records: The records, open.
        settings: What, beside an input, decides its result; recorded with every output.
        display: Shows the progress.
    """

    def __init__(self, plan: JobPlan, records: Records, settings: Mapping[str, Any], display: JobProgress) -> None:
        self.plan = plan
        self.records = records
        self.settings = dict(settings)
        self.display = display
        self.summary = JobSummary(inputs=plan.inputs, output=records.output.path, ignored=plan.ignored)

    def run(self) -> JobSummary:
        """Do what is planned. Raises as `run_recorded`."""
        raise NotImplementedError

    def _begin(self) -> None:
        """Sweep up after a job that was killed, and note what needs no work."""
        remove_all_leftovers(self.records.folder / output for output in self.records.started)
        for task in self.plan.skipped:
            self.summary.skipped += 1
            self.records.settle(task.picture.label, task.output)
        for task, reason in self.plan.failed:
            self._note_failure(task, reason)

    def _fail(self, task: Task, reason: str) -> None:
        self._note_failure(task, reason)
        self.display.ended(task)

    def _note_failure(self, task: Task, reason: str) -> None:
        logger.warning("%s: %s", printable(task.picture.label), printable(reason))
        self.summary.failed += 1
        self.summary.reasons.append((task.picture.label, reason))
        self.records.fail(
            {
                "input": task.picture.label,
                "output": task.output,
                "reason": reason,
                "stamp": task.picture.stamp,
                "settings": self.settings,
            }
        )


def run_recorded(
    plan: JobPlan,
    records: Records,
    begun: Callable[[JobProgress], RecordedJob],
    *,
    progress: bool = False,
    max_pixels: int = 1 << 62,
) -> JobSummary:
    """Run a job to its end, and leave its records complete.

    Args:
        plan: What is to be done.
        records: The records of the output folder, not open yet.
        begun: Returns the job, which has the same plan and records.
        progress: Show a bar on a terminal, log lines elsewhere.
        max_pixels: Pictures of more will fail: no work for the progress to count.

    Raises:
        RunFailed: Another job writes to the folder, or whatever ends the job. What is done stays done, and the same job
            continues there.
        KeyboardInterrupt: Ctrl-C; the same holds.
    """
    records.open()
    try:
        with shown_job(plan.tasks, max_pixels=max_pixels, show=progress) as display:
            began = time.monotonic()
            summary = begun(display).run()
            summary.seconds = time.monotonic() - began
        records.complete()
        records.output.finish(plan.order, records.done, records.failed_outputs())
    finally:
        records.close()
    if summary.inputs != summary.done + summary.skipped + summary.failed:
        raise InternalError(
            f"Every input must end as an output or as a failure.\nReceived: {summary.inputs} inputs, {summary.done} done, "
            f"{summary.skipped} skipped, {summary.failed} failed"
        )
    return summary
