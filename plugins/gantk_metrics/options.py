"""Options of the metrics. Imports no framework."""

from __future__ import annotations

from pydantic import Field

from gantk import Options


class DomainClassifierOptions(Options):
    """Options of `domain_classifier`."""

    train_split: str = "train"
    "Real samples the classifier learns from."
    test_split: str = "test"
    "Real samples that are translated, and on which the classifier itself is checked."
    steps: int = Field(400, ge=1)
    "Training steps of the classifier."
    batch_size: int = Field(32, ge=2)
    "Samples of a step, half of each domain."
    filters: int = Field(16, ge=1)
    "Width of its first layer; doubled twice."
    limit: int | None = Field(None, ge=1)
    "Translate at most this many samples of each domain."


class MaskedPSNROptions(Options):
    """Options of `masked_psnr`."""

    split: str = "test"
    "Aligned samples with the fields `A`, `B` and `mask`."
    limit: int | None = Field(None, ge=1)
    "Use at most this many samples."


class CycleErrorOptions(Options):
    """Options of `cycle_error`."""

    split: str = "test"
    "Real samples to translate there and back."
    limit: int | None = Field(None, ge=1)
    "Use at most this many samples of each domain."
