"""The checkpoint of the best evaluation so far: `best.safetensors`, beside the newest ones.

The record of the best value is part of every checkpoint, and the file appears right after the checkpoint that first
says so. A process killed between the two is mended on resuming, since the state is then in that checkpoint.
"""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gantk.engine.checkpoints import CheckpointStore, assign_state, read_checkpoint
from gantk.engine.model import AdversarialModel
from gantk.engine.periodic_evaluation import Best, best_from_plain
from gantk.errors import RunFailed

logger = logging.getLogger("gantk.engine")

FILE = "best.safetensors"


class BestCheckpoint:
    """The best state of a run, as a file of the form of a checkpoint.

    Args:
        store: The run's checkpoints.
        protocol: How is measured; see `PeriodicEvaluation`.
    """

    def __init__(self, store: CheckpointStore, *, protocol: str = "") -> None:
        self._store = store
        self._protocol = protocol
        self.path = store.directory / FILE
        self.record: Best | None = None

    def clear(self) -> None:
        """Forget the best state, and delete its file."""
        self.record = None
        self.path.unlink(missing_ok=True)

    def keep(self, checkpoint: Path, record: Best) -> None:
        """Make a checkpoint just saved the best one, in one step and without another copy where links are possible."""
        temporary = self.path.with_name(f".{FILE}.tmp-{uuid.uuid4().hex[:12]}")
        try:
            try:
                os.link(checkpoint, temporary)
            except OSError:
                # A file system without hard links.
                shutil.copyfile(checkpoint, temporary)
            os.replace(temporary, self.path)
        finally:
            temporary.unlink(missing_ok=True)
        self.record = record

    def resume(self, checkpoint: Path, step: int, extra: Mapping[str, Any]) -> None:
        """Find the best state again on resuming from a checkpoint.

        Args:
            checkpoint: Its file.
            step: Its step.
            extra: What the loop had put into it.
        """
        for partial in self._store.directory.glob(f".{FILE}.tmp-*"):
            partial.unlink(missing_ok=True)
        record = best_from_plain(extra.get("best"))
        if record is None or record.protocol != self._protocol:
            if record is not None:
                logger.warning(
                    "what `evaluate` measures has changed, so the best weights so far (%s %.4g of step %d) are forgotten",
                    record.name,
                    record.value,
                    record.step,
                )
            self.clear()
            return
        there = self._record_of_file()
        if there is not None and there.protocol == self._protocol and there.step >= record.step:
            # Of a later step only where this checkpoint is not the newest one: what was measured then still holds.
            self.record = there
        elif record.step == step:
            self.keep(checkpoint, record)
        else:
            logger.warning(
                "%s, the best weights so far (%s %.4g of step %d), is gone; the best is looked for from here on",
                self.path,
                record.name,
                record.value,
                record.step,
            )
            self.clear()

    def load(self, model: AdversarialModel) -> Best:
        """Give a model the best state.

        Raises:
            RunFailed: The file is damaged or gone.
        """
        about, tensors = read_checkpoint(self.path)
        assign_state(model, tensors, source=str(self.path))
        record = best_from_plain(about["extra"].get("best"))
        assert record is not None
        return record

    def _record_of_file(self) -> Best | None:
        if not self.path.exists():
            return None
        try:
            about, _ = read_checkpoint(self.path)
        except RunFailed as error:
            logger.warning("%s", error.message)
            return None
        return best_from_plain(about["extra"].get("best"))
