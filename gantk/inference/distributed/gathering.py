"""Gathering what workers have noted into the records of a job."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from gantk.errors import RunFailed
from gantk.inference.distributed.job import TAKEN_UP, UpscalingJob
from gantk.inference.job_plan import Task
from gantk.inference.job_progress import JobProgress
from gantk.inference.job_records import Records
from gantk.inference.recorded_job import JobSummary
from gantk.wording import counted, printable

logger = logging.getLogger("gantk.inference")

_POLL_SECONDS = 0.5


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
        """Take what is new; return whether a worker has got on."""
        got_on = False
        for line in self._new_lines():
            self._take(line)
            # A picture that is taken up again and again, because its workers die of it, gets nowhere.
            got_on = got_on or line.get("status") not in (TAKEN_UP, "started")
        return got_on

    def complete(self, patience: float) -> None:
        """Take the rest, when all units are done.

        Args:
            patience: Seconds to wait for it: some network file systems show late what others have written.

        Raises:
            RunFailed: There is a picture that nobody speaks of.
        """
        deadline = time.monotonic() + patience
        self.gather()
        while self._left and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            self.gather()
        if self._left:
            raise RunFailed(
                "Every unit is done, and so every picture must have ended. "
                f"Received: {counted(len(self._left), 'picture')} that nobody speaks of, such as "
                f"{next(iter(self._left.values())).picture.label}",
                hint=f"Does this machine see what the workers write to {self._job.lines}? What is done is kept: run the "
                "same command again.",
            )

    def stalled(self) -> RunFailed:
        """Return the error of a run that stands still."""
        return RunFailed(
            f"A worker must finish a tile every {self._job.stall_seconds:g} s. "
            f"Received: none, with {len(self._left)} of {counted(self._pictures, 'picture')} left",
            hint="Are the workers alive, and can they be reached? Raise --stall-seconds where a tile takes longer. What is "
            "done is kept: run the same command again.",
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
            for text in whole.splitlines(keepends=True):
                yield json.loads(text)
                # It is in the records now.
                position += len(text)
                self._read[entry.name] = position

    def _take(self, line: dict[str, Any]) -> None:
        status = line.get("status")
        if status not in ("started", "done") and "reason" not in line:
            return
        output = line["output"]
        if status == "started":
            self._begun[output] += 1
            self._records.start(output)
            return
        task = self._left.get(output)
        if task is None:
            # Two attempts at a unit have done the same.
            return
        if status == "done":
            self._records.finish({name: value for name, value in line.items() if name != "status"})
            self._note_done(task, line)
        else:
            self._records.fail(line)
            logger.warning("%s: %s", printable(line["input"]), printable(line["reason"]))
            self._summary.failed += 1
            self._summary.reasons.append((line["input"], line["reason"]))
            self._display.ended(task)
        del self._left[output]

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
