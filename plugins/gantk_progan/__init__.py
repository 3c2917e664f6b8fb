"""Built-in plugin: ProGAN, progressive growing of generative adversarial networks."""

from __future__ import annotations

from gantk import DiscriminatorSpec, GeneratorSpec, ModelSpec, hookimpl
from gantk_progan.options import ProGANDiscriminatorOptions, ProGANGeneratorOptions, ProGANOptions

_REFERENCE = "Karras 2018, https://arxiv.org/abs/1710.10196"


@hookimpl
def gantk_generators() -> list[GeneratorSpec]:
    """Return the generator."""
    return [
        GeneratorSpec(
            name="progan",
            role="synthesis",
            factory="gantk_progan.generator:build",
            options=ProGANGeneratorOptions,
            summary="Images from latent vectors with pixelwise normalization and an equalized learning rate; can grow.",
            reference=_REFERENCE,
        ),
    ]


@hookimpl
def gantk_discriminators() -> list[DiscriminatorSpec]:
    """Return the discriminator."""
    return [
        DiscriminatorSpec(
            name="progan",
            factory="gantk_progan.discriminator:build",
            options=ProGANDiscriminatorOptions,
            takes_outputs=True,
            summary="Judges images of one size, with the minibatch standard deviation; can grow.",
            reference=_REFERENCE,
        ),
    ]


@hookimpl
def gantk_models() -> list[ModelSpec]:
    """Return the model."""
    return [
        ModelSpec(
            name="progan",
            factory="gantk_progan.model:ProGAN",
            options=ProGANOptions,
            layout="single",
            summary="Images from random vectors by networks that grow from 4 × 4 pixels while they train.",
            reference=_REFERENCE,
        ),
    ]
