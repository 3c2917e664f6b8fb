"""Built-in plugin: super-resolution, by a pixel loss alone (SRResNet) and against a discriminator (SRGAN, ESRGAN)."""

from __future__ import annotations

from gantk import ModelSpec, hookimpl
from gantk_srgan.options import ESRGANOptions, SRGANOptions, SRResNetOptions


@hookimpl
def gantk_models() -> list[ModelSpec]:
    """Return the models for super-resolution."""
    return [
        ModelSpec(
            name="srresnet",
            factory="gantk_srgan.srresnet:SRResNet",
            options=SRResNetOptions,
            layout="aligned",
            starts_from=frozenset({"initial"}),
            summary="Super-resolution by one generator that comes close to the original, pixel by pixel.",
            reference="Ledig 2017, https://arxiv.org/abs/1609.04802",
        ),
        ModelSpec(
            name="srgan",
            factory="gantk_srgan.srgan:SRGAN",
            options=SRGANOptions,
            layout="aligned",
            starts_from=frozenset({"initial"}),
            summary="Super-resolution that a discriminator takes for real; starts from a trained srresnet.",
            reference="Ledig 2017, https://arxiv.org/abs/1609.04802",
        ),
        ModelSpec(
            name="esrgan",
            factory="gantk_srgan.esrgan:ESRGAN",
            options=ESRGANOptions,
            layout="aligned",
            starts_from=frozenset({"initial"}),
            summary="SRGAN with dense blocks and a relativistic average discriminator.",
            reference="Wang 2018, https://arxiv.org/abs/1809.00219",
        ),
    ]
