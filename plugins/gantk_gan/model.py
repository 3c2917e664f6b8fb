"""Generative adversarial networks (Goodfellow 2014, https://arxiv.org/abs/1406.2661), with labels or without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from gantk import AdversarialModel, ConfigError, ModelContext, OptimizerOptions, draw_latents
from gantk_gan.options import GANOptions

IMAGE, LABEL = "image", "label"
"""Fields of a batch."""


class GAN(AdversarialModel):
    """A generator that makes images of latent vectors, and a discriminator.

    One step: first the discriminator, on real images y and generated ones,

        L_D = adv(D(y), D(G(z))),

    as often as `discriminator_steps` says, each time with images and latent vectors z of its own; then the generator against
    the discriminator so changed,

        L_G = adv(D(G(z))).

    The generator is trained on what the discriminator saw last, as in Radford's code, or on images of new latent vectors, as
    Goodfellow 2014 and Gulrajani 2017 have it (`generator_images`). The loss `discriminator` is the mean over its updates.
    With labels, generated images have those of the real ones they stand beside.

    With the penalty `gradient` and the loss `wasserstein` this is WGAN-GP; with spectral normalization and the loss
    `hinge` SNGAN; with `labels` a conditional GAN.

    Losses: `discriminator`, with its penalties, and `generator`.

    Args:
        options: The model's options.
        context: The run it is built for, with the shape of the field `image`.

    Raises:
        ConfigError: The images do not fit the networks, or `labels` are asked for and the data has none.

    Reference:
        Goodfellow 2014, algorithm 1; Radford 2016, section 4; Gulrajani 2017, algorithm 1; Miyato 2018, equation 3.
    """

    def __init__(self, options: GANOptions, context: ModelContext) -> None:
        shape = context.shapes[IMAGE]
        self.label_use = None if options.labels == "none" else options.labels
        classes = len(context.classes) if self.label_use else 0
        if self.label_use and not classes:
            raise ConfigError(
                f"`labels: {options.labels}` needs data with labels.\nReceived: pictures without",
                hint="Give the source labels (`labels: folders` of a folder with a sub-folder for each class), or set "
                "`labels: none`.",
            )
        default = OptimizerOptions(type="adam", learning_rate=2e-4, beta_1=0.5, beta_2=0.999)
        super().__init__(
            context,
            networks={
                "generator": options.generator.create(
                    latents=options.latents.size, output_shape=shape, classes=classes
                ),
                "discriminator": self.build_discriminator(options, shape, classes),
            },
            trained_by={"generator": ["generator"], "discriminator": ["discriminator"]},
            losses=["discriminator", "generator"],
            directions={"sample": "generator"},
            optimizers={"generator": default, "discriminator": default},
            components={"generator": options.generator},
            latents={"sample": options.latents},
            takes_labels=self.label_use is not None,
        )
        self.options = options
        several = context.training.discriminator_steps > 1
        self.reuses_images = not several if options.generator_images == "auto" else options.generator_images == "same"
        self.random = keras.random.SeedGenerator(context.seed)
        self.game = self.adversarial_game(
            "discriminator", options.adversarial_loss.create(), labels=self.label_use, lambda_class=options.lambda_class
        )

    def build_discriminator(self, options: GANOptions, shape: tuple[int, ...], classes: int) -> keras.Model:
        """Build the discriminator for what it sees and what it has to say."""
        height, width, channels = shape
        seen = (height, width, channels + classes if self.label_use == "input" else channels)
        outputs = {"outputs": 1 + classes} if self.label_use in ("projection", "auxiliary") else {}
        network: keras.Model = options.discriminator.create(input_shape=seen, **outputs)
        return network

    def adversarial_step(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Update the discriminator, as often as `discriminator_steps` says, then the generator."""
        # The first is the generator's, too.
        first, *others = ((part[IMAGE], self.one_hot(part)) for part in self.discriminator_batches(batch))
        alone = others if self.reuses_images else [*others, first]
        updates = [
            self.update_discriminator(real, self.generate(real.shape[0], labels), labels) for real, labels in alone
        ]
        real, labels = first

        def loss() -> tuple[Any, Any]:
            fake = self.generate(real.shape[0], labels)
            last = []
            if self.reuses_images:
                # Inside the generator's loss, so that both networks meet the same images, which are made once.
                last.append(self.update_discriminator(real, fake, labels))
            seen = real if getattr(self.game.loss, "relativistic", False) else None
            return self.game.generator_loss(fake, real=seen, labels=labels), last

        generator, last = self.minimize("generator", loss)
        updates += last
        return {"discriminator": sum(updates) / len(updates), "generator": generator}

    def update_discriminator(self, real: Any, fake: Any, labels: Any) -> Any:
        """Update the discriminator once.

        Args:
            real: Real images, float32 in [-1, 1], batch × height × width × channels.
            fake: Generated ones; nothing is differentiated through them.
            labels: One-hot, batch × classes, of both; None without labels.

        Returns:
            Its loss, a float32 scalar.
        """
        fake = ops.stop_gradient(fake)
        loss, _ = self.minimize(
            "discriminator", lambda: (self.game.discriminator_loss(real, fake, labels=labels), None)
        )
        return ops.stop_gradient(loss)

    def generate(self, count: int, labels: Any = None) -> Any:
        """Make images of new latent vectors in training mode.

        Args:
            count: How many.
            labels: One-hot, count × classes; None without labels.

        Returns:
            float in [-1, 1], count × height × width × channels.
        """
        latents = draw_latents(self.options.latents, count, self.random)
        return self.networks["generator"](latents if labels is None else [latents, labels], training=True)

    def one_hot(self, batch: Mapping[str, Any]) -> Any:
        """Return the labels of a batch, float32, batch × classes; None where they are not used."""
        return ops.one_hot(batch[LABEL], len(self.classes), dtype="float32") if self.label_use else None
