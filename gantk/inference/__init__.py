"""Trained models at work on files: pictures that keep what they had, and batch jobs that lose nothing."""

from __future__ import annotations

from gantk.inference.inputs import PictureInput
from gantk.inference.recorded_job import JobSummary
from gantk.inference.translation import translate
from gantk.inference.upscaling import upscale

__all__ = ["JobSummary", "PictureInput", "translate", "upscale"]
