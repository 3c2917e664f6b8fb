"""Checkpoints: the whole state of a training run in one safetensors file.

A file is written under a temporary name, synced and renamed, so a process killed at any moment leaves the
previous checkpoints whole. Its header holds the step and, for each tensor, a checksum; a damaged newest file
is passed over for the one before. Nothing in it is ever executed.
"""

from __future__ import annotations

import json
import logging
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from gantk import __version__
from gantk.atomic_files import write_bytes
from gantk.engine.model import AdversarialModel
from gantk.engine.numerics import check_weights
from gantk.engine.state import named_state, synchronise
from gantk.errors import RunFailed

FORMAT = "gantk-training-state/1"

logger = logging.getLogger("gantk.engine")

_NAME = re.compile(r"step-(\d{8,})\.safetensors\Z")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says about itself.

    Args:
        path: The file.
        step: Training steps done, which is also the position of the reader: the next batch is number `step`.
        epoch: The epoch of the last step, counted from one.
        extra: What the training loop wanted to find again, plain JSON values.
    """

    path: Path
    step: int
    epoch: int
    extra: Mapping[str, Any]


class CheckpointStore:
    """The checkpoints of one run.

    Args:
        directory: Where they are, `step-00000100.safetensors`; made when the first is saved.
        keep: How many of the newest stay.
        fingerprint: Says what configuration the run has. A checkpoint with another one is refused; empty
            accepts every one.
    """

    def __init__(self, directory: Path, *, keep: int = 2, fingerprint: str = "") -> None:
        self.directory = directory
        self.keep = keep
        self.fingerprint = fingerprint

    def paths(self) -> list[Path]:
        """Return the files, the newest first."""
        if not self.directory.is_dir():
            return []
        found = [(int(match[1]), path) for path in self.directory.iterdir() if (match := _NAME.match(path.name))]
        return [path for _, path in sorted(found, reverse=True)]

    def save(
        self,
        model: AdversarialModel,
        *,
        step: int,
        epoch: int,
        extra: Mapping[str, Any] | None = None,
        guard: bool = False,
    ) -> Path:
        """Save the state after `step` steps and remove the oldest files beyond `keep`.

        Args:
            model: The model in training.
            step: Training steps done.
            epoch: The epoch of the last step, counted from one.
            extra: What to find again on resuming, plain JSON values.
            guard: Refuse networks with weights that are not finite: a finite loss may have gradients that are not, and
                the loss tells of it one step later only.

        Raises:
            RunFailed: The disk is full, or the guard refuses; the earlier checkpoints stay.
        """
        synchronise(model)
        tensors = {
            name: np.asarray(keras.ops.convert_to_numpy(variable.value), order="C")
            for name, variable in named_state(model).items()
        }
        if guard:
            check_weights(tensors, step)
        about: dict[str, Any] = {
            "format": FORMAT,
            "gantk": __version__,
            "backend": keras.backend.backend(),
            "step": step,
            "epoch": epoch,
            "fingerprint": self.fingerprint,
            "bfloat16": [name for name, value in tensors.items() if value.dtype == ml_dtypes.bfloat16],
            "checksums": {name: _checksum(value) for name, value in tensors.items()},
            "extra": dict(extra or {}),
        }
        # The NumPy reader of safetensors knows no bfloat16, so its bits go as integers.
        tensors.update({name: tensors[name].view(np.uint16) for name in about["bfloat16"]})
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"step-{step:08d}.safetensors"
        write_bytes(path, safetensors.numpy.save(tensors, metadata={"gantk": json.dumps(about)}))
        for old in self.paths()[self.keep :]:
            old.unlink(missing_ok=True)
        # What a killed process left half written.
        for partial in self.directory.glob(".step-*.tmp-*"):
            partial.unlink(missing_ok=True)
        return path

    def clear(self) -> None:
        """Delete every checkpoint: a run that begins anew must not be continued from an older one's."""
        for path in self.paths():
            path.unlink(missing_ok=True)

    def restore(self, model: AdversarialModel) -> Checkpoint | None:
        """Load the newest checkpoint that is whole into the model.

        Returns:
            What was loaded; None where there are no checkpoints.

        Raises:
            RunFailed: The checkpoint belongs to another configuration or another model, or none is whole.
        """
        damaged: list[str] = []
        for path in self.paths():
            try:
                about, tensors = read_checkpoint(path)
            except RunFailed as error:
                logger.warning("%s", error.message)
                damaged.append(path.name)
                continue
            if self.fingerprint and about["fingerprint"] not in ("", self.fingerprint):
                raise RunFailed(
                    f"{path} was made by a run with another configuration.\n"
                    f"Received: fingerprint {about['fingerprint']}, expected {self.fingerprint}",
                    hint="Continue with the configuration of that run, or start in a new run directory.",
                )
            assign_state(model, tensors, source=str(path))
            return Checkpoint(path, about["step"], about["epoch"], about["extra"])
        if damaged:
            raise RunFailed(
                f"No checkpoint in {self.directory} can be read.\nReceived: {', '.join(damaged)}",
                hint="Run without --resume to train from the start.",
            )
        return None


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read a checkpoint and check it whole.

    Returns:
        `(about, tensors)`: the header's facts and the arrays by name.

    Raises:
        RunFailed: The file is truncated, altered, or no checkpoint of this format.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as stream:
            about = json.loads((stream.metadata() or {})["gantk"])
            if about["format"] != FORMAT:
                raise ValueError(f"format {about['format']!r}")
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        altered = [name for name, value in tensors.items() if about["checksums"][name] != _checksum(value)]
        if altered or tensors.keys() != about["checksums"].keys():
            raise ValueError(f"content that does not match its checksum in {', '.join(altered[:3]) or 'its names'}")
        tensors.update({name: tensors[name].view(ml_dtypes.bfloat16) for name in about["bfloat16"]})
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise RunFailed(
            f"{path} is not a whole checkpoint of the format {FORMAT}.\nReceived: {error}",
            hint="Delete it; an earlier one is used where there is one.",
        ) from error
    return about, tensors


def assign_state(model: AdversarialModel, tensors: Mapping[str, NDArray[Any]], *, source: str) -> None:
    """Set every variable of a model to the values of a checkpoint, of either backend.

    The state of a schedule is taken where both have one, since a run may be continued with another schedule.

    Raises:
        RunFailed: The names, shapes or kinds of number differ; the message lists them and nothing is assigned.
    """
    variables = {
        name: variable for name, variable in named_state(model).items() if name in tensors or not _of_schedule(name)
    }
    tensors = {name: value for name, value in tensors.items() if name in variables or not _of_schedule(name)}
    problems = [f"missing {name}" for name in variables.keys() - tensors.keys()]
    problems += [f"unknown {name}" for name in tensors.keys() - variables.keys()]
    for name in variables.keys() & tensors.keys():
        expected, value = variables[name], tensors[name]
        if tuple(expected.shape) != value.shape:
            problems.append(f"{name} has shape {value.shape}, not {tuple(expected.shape)}")
        elif not _fits(value, expected.dtype):
            problems.append(f"{name} has type {value.dtype}, not {expected.dtype}, or values beyond it")
    if problems:
        shown = "; ".join(sorted(problems)[:8])
        more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise RunFailed(
            f"{source} belongs to a model with other variables than this one's {len(variables)}.\n"
            f"Received: {shown}{more}",
            hint="Continue with the model's options of that run, or start in a new run directory.",
        )
    for name, variable in variables.items():
        variable.assign(tensors[name].astype(variable.dtype))


def _of_schedule(name: str) -> bool:
    return name.startswith("schedule/")


def _fits(value: NDArray[Any], dtype: str) -> bool:
    """Say whether a variable of this type can hold the values.

    Counts and random states are int64 on TensorFlow and 32 bits wide on JAX.
    """
    if "int" in dtype and "int" in str(value.dtype):
        return bool(np.array_equal(value.astype(dtype), value))
    return dtype == str(value.dtype)


def _checksum(value: NDArray[Any]) -> int:
    return zlib.crc32(value.reshape(-1).view(np.uint8).data)
