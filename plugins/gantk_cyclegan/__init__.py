"""Built-in plugin: CycleGAN, unpaired image-to-image translation."""

from __future__ import annotations

from gantk import ModelSpec, hookimpl
from gantk_cyclegan.options import CycleGANOptions


@hookimpl
def gantk_models() -> list[ModelSpec]:
    """Return the CycleGAN model."""
    return [
        ModelSpec(
            name="cyclegan",
            factory="gantk_cyclegan.model:CycleGAN",
            options=CycleGANOptions,
            layout="unpaired",
            summary="Two generators between two unpaired domains, held together by cycle consistency.",
            reference="Zhu 2017, https://arxiv.org/abs/1703.10593",
        )
    ]
