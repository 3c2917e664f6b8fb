"""The stage `report`: the run's page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from gantk.pipeline.stage_context import StageContext
from gantk.pipeline.stages.options import ReportOptions
from gantk.protocols import Artifact


class ReportStage:
    """Write `report.html` from what the run directory holds."""

    def __init__(self, options: ReportOptions) -> None:
        self.options = options

    def run(self, context: StageContext) -> Mapping[str, Artifact]:
        """Write the page into the run directory."""
        from gantk.report import write_report

        page = write_report(context.run_directory, title=self.options.title)
        return {"report": Artifact(page, hashlib.sha256(page.read_bytes()).hexdigest())}
