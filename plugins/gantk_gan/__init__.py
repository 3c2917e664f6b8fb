"""Built-in plugin: images from latent vectors, by any generator, discriminator and loss that fit together."""

from __future__ import annotations

from gantk import ModelSpec, hookimpl
from gantk_gan.options import GANOptions


@hookimpl
def gantk_models() -> list[ModelSpec]:
    """Return the model."""
    return [
        ModelSpec(
            name="gan",
            factory="gantk_gan.model:GAN",
            options=GANOptions,
            layout="single",
            summary="Images from random vectors: DCGAN, WGAN-GP, SNGAN and their kind, by labels or without.",
            reference="Goodfellow 2014, https://arxiv.org/abs/1406.2661; Radford 2016, https://arxiv.org/abs/1511.06434",
        ),
    ]
