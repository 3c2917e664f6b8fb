"""Built-in plugin: rendered horses and zebras, a data set that needs no download."""

from __future__ import annotations

from gantk import SourceSpec, hookimpl
from gantk_quadrupeds.options import QuadrupedsOptions


@hookimpl
def gantk_sources() -> list[SourceSpec]:
    """Register the source `quadrupeds`."""
    return [
        SourceSpec(
            name="quadrupeds",
            factory="gantk_quadrupeds.source:QuadrupedsSource",
            options=QuadrupedsOptions,
            summary="Rendered horse and zebra scenes, unpaired with aligned truth for evaluation, or single with labels; needs no download.",
        )
    ]
