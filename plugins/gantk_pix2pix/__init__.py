"""Built-in plugin: pix2pix, image-to-image translation learnt from pairs."""

from __future__ import annotations

from gantk import ModelSpec, hookimpl
from gantk_pix2pix.options import Pix2PixOptions


@hookimpl
def gantk_models() -> list[ModelSpec]:
    """Return the pix2pix model."""
    return [
        ModelSpec(
            name="pix2pix",
            factory="gantk_pix2pix.model:Pix2Pix",
            options=Pix2PixOptions,
            layout="aligned",
            summary="One generator from pairs: close to the target, and real to a discriminator that sees the input too.",
            reference="Isola 2017, https://arxiv.org/abs/1611.07004",
        )
    ]
