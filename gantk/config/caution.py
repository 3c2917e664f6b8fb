"""What is valid in a pipeline but hardly meant."""

from __future__ import annotations

from gantk.config.cross_checks import components_below
from gantk.config.nodes import dotted
from gantk.config.pipeline import Pipeline


def cautions(pipeline: Pipeline) -> list[str]:
    """Return what the options of the stages and of all that they name caution about, in file order.

    Returns:
        Sentences that begin with the place: `stages.train: the schedule's learning rate is zero after …`.
    """
    found = []
    for name, stage in pipeline.stages.items():
        for path, component in components_below(stage.component, ("stages", name)):
            found += [f"{dotted(path)}: {caution}" for caution in component.options.cautions()]
    return found
