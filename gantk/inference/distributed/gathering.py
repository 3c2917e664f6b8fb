"""Gathering what workers have noted into the records of a job."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from gantk.errors import InternalError, RunFailed
from gantk.inference.batch_job import JobSummary
from gantk.inference.distributed.job import UpscalingJob
from gantk.inference.job_plan import Task
from gantk.inference.job_progress import JobProgress
from gantk.inference.job_records import Records
from gantk.wording import counted

logger = logging.getLogger("gantk.inference")


class Gathering:
    """What has become of the pictures of a job, by what its workers note.

    Args:
        job: The job.
        tasks: Its pictures.
        records: Receive every line.
        summary: Receives the counts.
        display: Is told of every picture.
    """

    def __init__(
        self, job: UpscalingJob, tasks: Sequence[Task], records: Records, summary: JobSummary, display: JobProgress
    ) -> None:
        self._job = job
        self._left = {task.output: task for task in tasks}
        self._pictures = len(tasks)
        self._records = records
        self._summary = summary
        self._display = display
        self._read: dict[str, int] = {}
        self._begun: Counter[str] = Counter()

    @property
    def begun_twice(self) -> list[str]:
        """Results that more than one attempt has begun; one that was killed may have left something."""
        return [output for output, times in self._begun.items() if times > 1]

    def gather(self) -> bool:
        """Take what is new; return whether a picture has ended."""
        left = len(self._left)
        for line in self._new_lines():
            self._take(line)
        return len(self._left) < left

    def check(self) -> None:
        """Make sure that every picture has ended. Raises `InternalError`."""
        if self._left:
            raise InternalError(
                "Every unit is done, and so every picture must have ended. "
                f"Received: {counted(len(self._left), 'picture')} that nobody speaks of, such as "
                f"{next(iter(self._left.values())).picture.label}"
            )

    def stalled(self) -> RunFailed:
        """Return the error of a run that stands still."""
        return RunFailed(
            f"A picture must be finished every {self._job.stall_seconds:g} s. "
            f"Received: none, with {len(self._left)} of {counted(self._pictures, 'picture')} left",
            hint="Are the workers alive, and can they be reached? What is done is kept: run the same command again.",
        )

    def _new_lines(self) -> Iterator[dict[str, Any]]:
        try:
            entries = sorted(os.scandir(self._job.lines), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        for entry in entries:
            position = self._read.get(entry.name, 0)
            # Not the size that the folder was listed with, which some network file systems remember for long.
            with open(entry.path, "rb") as stream:
                stream.seek(position)
                content = stream.read()
            # A worker may be in the middle of its last line.
            whole = content[: content.rfind(b"\n") + 1]
            self._read[entry.name] = position + len(whole)
            yield from map(json.loads, whole.splitlines())

    def _take(self, line: dict[str, Any]) -> None:
        output = line["output"]
        if line.get("status") == "started":
            self._begun[output] += 1
            self._records.start(output)
            return
        task = self._left.pop(output, None)
        if task is None:
            # Two attempts at a unit have done the same.
            return
        if line.get("status") == "done":
            self._records.finish({name: value for name, value in line.items() if name != "status"})
            self._note_done(task, line)
        else:
            self._records.fail(line)
            logger.warning("%s: %s", line["input"], line["reason"])
            self._summary.failed += 1
            self._summary.reasons.append((line["input"], line["reason"]))
            self._display.ended(task)

    def _note_done(self, task: Task, line: dict[str, Any]) -> None:
        if task.known is not None and task.known.get("sha256") == line["sha256"]:
            self._summary.skipped += 1
            self._display.ended(task)
            return
        pixels = round(line["width"] * line["height"] / line["settings"]["scale"] ** 2)
        self._summary.done += 1
        self._summary.megapixels += pixels / 1e6
        self._display.found(task, pixels)
        self._display.worked(task, pixels)
        self._display.ended(task, pixels)
