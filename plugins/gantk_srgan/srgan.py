"""SRGAN (Ledig 2017, https://arxiv.org/abs/1609.04802)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from gantk import ModelContext, OptimizerOptions
from gantk_srgan.options import SRGANOptions
from gantk_srgan.super_resolution import HIGH, LOW, SuperResolution, build_generator, content_names


class SRGAN(SuperResolution):
    """A generator that comes close to the original and looks real to a discriminator.

    One step: with x the image of low resolution, y the original and G(x) computed once, first the generator,

        L_G = λ_p |y - G(x)| + λ_v perceptual(y, G(x)) + λ_a adv(D(G(x))),

    then the discriminator on the same images,

        L_D = adv(D(y), D(G(x))).

    A relativistic loss sees D(y) in L_G too. With `discriminator_steps` above 1 the generator takes the first batch of
    the step and enlarges the others for the further updates of the discriminator; `discriminators` is then the mean of
    its losses.

    Losses, weights included: `generators` is the sum of `pixel`, `perceptual` (each where it has a weight) and
    `adversarial`; `discriminators` is the discriminator's.

    Args:
        options: The model's options.
        context: The run it is built for, with `shapes` of the fields A and B.

    Raises:
        ConfigError: The two fields do not differ by the generator's factor, or do not fit the networks; no content loss
            has a weight.

    Reference:
        Ledig 2017, equations 2 to 6 and section 3.2 (training details).
    """

    def __init__(self, options: SRGANOptions, context: ModelContext) -> None:
        contents = content_names(options, options.pixel_weight)
        default = OptimizerOptions(type="adam", learning_rate=1e-4, beta_1=0.9, beta_2=0.999)
        super().__init__(
            options,
            options.pixel_weight,
            context,
            networks={
                "generator": build_generator(options, context),
                "discriminator": options.discriminator.create(input_shape=context.shapes[HIGH]),
            },
            trained_by={"generators": ["generator"], "discriminators": ["discriminator"]},
            # Sums after their parts: the first loss that is not finite then names what went wrong.
            losses=[*contents, "adversarial", "generators", "discriminators"],
            optimizers={"generators": default, "discriminators": default},
        )
        loss = options.adversarial_loss.create()
        self.relativistic = bool(getattr(loss, "relativistic", False))
        self.game = self.adversarial_game("discriminator", loss)

    def adversarial_step(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Update the generator, then the discriminator, this as often as `discriminator_steps` says."""
        first, *others = ((part[LOW], part[HIGH]) for part in self.discriminator_batches(batch))
        _, (losses, fake) = self.minimize("generators", lambda: self.generator_losses(*first))
        updates = [self.update_discriminator(first[1], fake)]
        for low, real in others:
            updates.append(self.update_discriminator(real, self.networks["generator"](low, training=True)))
        return {**losses, "discriminators": sum(updates) / len(updates)}

    def generator_losses(self, low: Any, real: Any) -> tuple[Any, tuple[dict[str, Any], Any]]:
        """Compute the generator's losses.

        Args:
            low: Images of low resolution, float32 in [-1, 1], batch × height × width × channels.
            real: Their originals.

        Returns:
            `(total, (losses by name, generated images))`.
        """
        fake = self.networks["generator"](low, training=True)
        losses = self.content_losses(real, fake)
        adversarial = self.game.generator_loss(fake, real=real if self.relativistic else None)
        losses["adversarial"] = self.options.lambda_adversarial * adversarial
        losses["generators"] = sum(losses.values())
        return losses["generators"], (losses, fake)

    def update_discriminator(self, real: Any, fake: Any) -> Any:
        """Update the discriminator once.

        Args:
            real: Originals, float32 in [-1, 1], batch × height × width × channels.
            fake: Generated images; nothing is differentiated through them.

        Returns:
            Its loss, a float32 scalar.
        """
        fake = ops.stop_gradient(fake)
        loss, _ = self.minimize("discriminators", lambda: (self.game.discriminator_loss(real, fake), None))
        return loss
