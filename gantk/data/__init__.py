"""Preparation of raw images and texts into shards, and the reader that feeds training from them.

Names are imported on first use: preparing needs Beam, reading for training needs grain, and looking
at a prepared dataset needs neither. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gantk.data.batches import batch_shapes, steps_per_epoch, training_batches, training_dataset
    from gantk.data.options import BeamOptions, PreparationOptions
    from gantk.data.preparation import PreparationResult, prepare, prepare_with_options
    from gantk.data.reader import PreparedDataset, Records

_HOME = {
    "BeamOptions": "gantk.data.options",
    "PreparationOptions": "gantk.data.options",
    "PreparationResult": "gantk.data.preparation",
    "PreparedDataset": "gantk.data.reader",
    "Records": "gantk.data.reader",
    "batch_shapes": "gantk.data.batches",
    "prepare": "gantk.data.preparation",
    "prepare_with_options": "gantk.data.preparation",
    "steps_per_epoch": "gantk.data.batches",
    "training_batches": "gantk.data.batches",
    "training_dataset": "gantk.data.batches",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gantk.data' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "BeamOptions",
    "PreparationOptions",
    "PreparationResult",
    "PreparedDataset",
    "Records",
    "batch_shapes",
    "prepare",
    "prepare_with_options",
    "steps_per_epoch",
    "training_batches",
    "training_dataset",
]
