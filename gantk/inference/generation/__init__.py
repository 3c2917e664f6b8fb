"""Pictures of latent vectors by a trained model: files, sheets, arrays, walks and arithmetic."""

from __future__ import annotations

from gantk.inference.generation.folder import GenerationSummary, plan_folder, run_folder
from gantk.inference.generation.labels import chosen_labels
from gantk.inference.generation.sampler import BundleSampler
from gantk.inference.generation.series import PictureSeries

__all__ = ["BundleSampler", "GenerationSummary", "PictureSeries", "chosen_labels", "plan_folder", "run_folder"]
