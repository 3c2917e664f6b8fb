"""The stage `prepare`: from a source to shards."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from gantk.pipeline.stage_context import StageContext
from gantk.pipeline.stages.options import PrepareOptions
from gantk.protocols import Artifact
from gantk.wording import counted

logger = logging.getLogger("gantk.pipeline")


class PrepareStage:
    """Prepare the data; units of work that have not changed are not done again."""

    def __init__(self, options: PrepareOptions) -> None:
        self.options = options

    def run(self, context: StageContext) -> Mapping[str, Artifact]:
        """Prepare the data into the stage's folder."""
        from gantk.data.preparation import prepare_with_options

        result = prepare_with_options(
            self.options, directory=context.directory, seed=context.seed, progress=context.progress
        )
        counts = ", ".join(
            f"{split} {domain} {count}" for split, domains in result.counts.items() for domain, count in domains.items()
        )
        logger.info(
            "prepared %s; %d rejected; %d of %s unchanged",
            counts or "nothing",
            result.rejected,
            result.skipped_units,
            counted(result.units, "unit"),
        )
        return {"dataset": Artifact(context.directory, result.digest)}
