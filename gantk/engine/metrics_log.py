"""The losses of a run as JSON lines and as TensorBoard events."""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from gantk.atomic_files import write_text


class MetricsLog:
    """`metrics.jsonl`: one line for every `log_every` steps, `{"step", "epoch", "time", <losses>}`.

    A line holds the means of the losses since the line before. Lines of the same form hold what an evaluation has
    measured, under `metric.value`, and the diversity of a sample grid; lines with `warning` and `message` hold warnings.

    Args:
        path: The file.
        step: Steps already done: what the file says of later ones is cut off, so that a run that was killed and
            resumed leaves the same lines (but for `time`) as one that was not.
    """

    def __init__(self, path: Path, *, step: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(_lines_up_to(path, step)))
        self._stream = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by __exit__

    def write(self, step: int, epoch: int, losses: Mapping[str, float]) -> None:
        """Append a line; it is in the file at once."""
        # JSON has no NaN: with the guard off a loss that is not finite becomes null.
        values = {name: value if math.isfinite(value) else None for name, value in losses.items()}
        self._append({"step": step, "epoch": epoch, "time": round(time.time(), 3), **values})

    def warn(self, step: int, epoch: int, cause: str, message: str) -> None:
        """Append a line `{"step", "epoch", "time", "warning", "message"}`: what a guard rail has to say."""
        self._append(
            {"step": step, "epoch": epoch, "time": round(time.time(), 3), "warning": cause, "message": message}
        )

    def _append(self, line: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, *details: object) -> None:
        self._stream.close()


class EventLog:
    """TensorBoard events, written with the `tensorboard` package alone: TensorFlow is not imported.

    Args:
        directory: Where the event file goes.
        step: Steps already done: TensorBoard forgets what an earlier file says of later ones.
    """

    def __init__(self, directory: Path, *, step: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self._stream: IO[bytes] = open(directory / name, "wb")  # noqa: SIM115 - closed by __exit__
        self._records = RecordWriter(self._stream)
        self._write(Event(file_version="brain.Event:2"))
        self._write(Event(step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def write(self, step: int, losses: Mapping[str, float]) -> None:
        """Write the losses as scalars."""
        values = [Summary.Value(tag=name, simple_value=value) for name, value in losses.items()]
        self._write(Event(step=step, summary=Summary(value=values)))

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *details: object) -> None:
        self._stream.close()

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())
        self._stream.flush()


def _lines_up_to(path: Path, step: int) -> list[str]:
    if step == 0 or not path.exists():
        return []
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if json.loads(line)["step"] > step:
                break
        except (ValueError, KeyError, TypeError):
            # A process killed while writing leaves half a line at the end.
            break
        kept.append(line)
    return kept
