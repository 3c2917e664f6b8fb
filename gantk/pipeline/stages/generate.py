"""The stage `generate`: pictures that the trained model makes of chance."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from gantk.atomic_files import write_json
from gantk.errors import RunFailed
from gantk.pipeline.stage_context import StageContext
from gantk.pipeline.stages.options import GenerateOptions
from gantk.protocols import Artifact
from gantk.wording import counted

logger = logging.getLogger("gantk.pipeline")


class GenerateStage:
    """Make pictures, and a sheet of them for the run's page."""

    def __init__(self, options: GenerateOptions) -> None:
        self.options = options

    def run(self, context: StageContext) -> Mapping[str, Artifact]:
        """Make pictures in the stage's folder: `pictures/`, `sheet.png` and `sheet.json`, which says what it shows.

        Raises:
            UsageError: The model makes no pictures of latent vectors, or has no such labels.
            RunFailed: Some pictures could not be made.
        """
        from gantk.artifacts import load_bundle
        from gantk.engine.backend import choose_backend
        from gantk.inference.generation import BundleSampler, PictureSeries, chosen_labels, plan_folder, run_folder
        from gantk.inference.generation.sheet import labels_of_rows, sheet_rows, write_sheet

        options = self.options
        bundle = load_bundle(context.artifact("model").path)
        sampler = BundleSampler(bundle, options.direction, truncation=options.truncation)
        series = PictureSeries(options.count, options.seed, labels=chosen_labels(options.labels, sampler.classes))
        choose_backend(
            context.runtime.backend, threads=context.runtime.threads, deterministic=context.runtime.deterministic
        )
        folder = context.directory / "pictures"
        # What lies in the stage's own folder is of earlier runs of the stage.
        plan = plan_folder(sampler, series, folder, format=options.format, overwrite=not context.resume)
        summary = run_folder(plan, sampler, series, progress=context.progress)
        if summary.failed:
            raise RunFailed(
                f"{summary.failed} of {counted(summary.count, 'picture')} could not be made; see {folder / 'failures.jsonl'}.",
                hint="Did the training end well? The curves tell.",
            )
        shown = PictureSeries(min(options.shown, options.count), options.seed, labels=series.labels)
        rows = sheet_rows(shown)
        write_sheet(context.directory / "sheet.png", sampler, shown)
        facts: dict[str, Any] = {
            "seed": options.seed,
            "truncation": options.truncation,
            "count": options.count,
            "shown": shown.count,
            "rows": rows,
            "labels": labels_of_rows(rows, shown, sampler.classes),
        }
        write_json(context.directory / "sheet.json", facts)
        logger.info("made %s of seed %d", counted(options.count, "picture"), options.seed)
        digest = hashlib.sha256(json.dumps([dict(plan.settings), facts]).encode()).hexdigest()
        return {"generated": Artifact(context.directory, digest)}
