"""pix2pix (Isola 2017, https://arxiv.org/abs/1611.07004)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from gantk import AdversarialModel, ConfigError, ModelContext, OptimizerOptions
from gantk_pix2pix.options import Pix2PixOptions


class Pix2Pix(AdversarialModel):
    """One generator between the two sides of a pair, and a discriminator that sees the input beside the image.

    One step, in the order of the authors' code: with x the input, y its target and G(x) computed once, first the
    discriminator,

        L_D = ½ adv(D(x, y), D(x, G(x))),

    then the generator against the discriminator so changed,

        L_G = adv(D(x, G(x))) + λ |y - G(x)|.

    With `discriminator_steps` above 1 the further updates of the discriminator come before these, each on pairs of its
    own; `discriminators` is then the mean of its losses.

    Input and image are laid one behind the other along the channels, the input first. The generator's noise is
    dropout inside it (section 2.1 of the paper), so there is no other random input.

    Losses, as they enter the sums, factors included: `generators` is the sum of `adversarial` and `pairwise`;
    `discriminators` is the discriminator's.

    Args:
        options: The model's options.
        context: The run it is built for, with `shapes` of the fields A and B.

    Raises:
        ConfigError: The two sides of a pair differ in size, or do not fit the networks.

    Reference:
        Isola 2017, equations 1 to 4 and section 3.3 (optimization).
    """

    def __init__(self, options: Pix2PixOptions, context: ModelContext) -> None:
        self.source, self.target = options.direction.split("to")
        source_shape, target_shape = context.shapes[self.source], context.shapes[self.target]
        if source_shape[:2] != target_shape[:2]:
            raise ConfigError(
                "The two sides of a pair must have one size, since the discriminator sees them together.\n"
                + "Received: "
                + ", ".join(
                    f"{name} {height} × {width}" for name, (height, width, _) in sorted(context.shapes.items())
                ),
                hint="Resize them alike in the transforms of the prepare stage.",
            )
        networks = {
            "generator": options.generator.create(input_shape=source_shape, output_channels=target_shape[-1]),
            "discriminator": options.discriminator.create(
                input_shape=(*source_shape[:2], source_shape[-1] + target_shape[-1])
            ),
        }
        default = OptimizerOptions(type="adam", learning_rate=2e-4, beta_1=0.5, beta_2=0.999)
        super().__init__(
            context,
            networks=networks,
            trained_by={"generators": ["generator"], "discriminators": ["discriminator"]},
            # Sums after their parts: the first loss that is not finite then names what went wrong.
            losses=["discriminators", "adversarial", "pairwise", "generators"],
            directions={options.direction: "generator"},
            optimizers={"generators": default, "discriminators": default},
            components={"generator": options.generator},
        )
        self.options = options
        self.game = self.adversarial_game("discriminator", options.adversarial_loss.create())
        self.pairwise_loss = options.pairwise_loss.create()

    def adversarial_step(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Update the discriminator, as often as `discriminator_steps` says, then the generator."""
        first, *others = ((part[self.source], part[self.target]) for part in self.discriminator_batches(batch))
        updates = [
            self.update_discriminator(source, target, self.networks["generator"](source, training=True))
            for source, target in others
        ]
        source, target = first

        def losses() -> tuple[Any, dict[str, Any]]:
            fake = self.networks["generator"](source, training=True)
            # Inside the generator's loss, so that both networks meet the same image: another pass would cost a third
            # of the step and, with other dropout, be another image.
            updates.append(self.update_discriminator(source, target, fake))
            total, parts = self.generator_losses(source, target, fake)
            return total, {"discriminators": sum(updates) / len(updates), **parts}

        _, reported = self.minimize("generators", losses)
        return reported

    def update_discriminator(self, source: Any, target: Any, fake: Any) -> Any:
        """Update the discriminator once.

        Args:
            source: Inputs, float32 in [-1, 1], batch × height × width × channels.
            target: What they should become.
            fake: What the generator made of them; nothing is differentiated through it.

        Returns:
            Its loss, a float32 scalar.
        """
        fake = ops.stop_gradient(fake)
        factor = self.options.discriminator_factor
        loss, _ = self.minimize(
            "discriminators", lambda: (factor * self.game.discriminator_loss(target, fake, condition=source), None)
        )
        return ops.stop_gradient(loss)

    def generator_losses(self, source: Any, target: Any, fake: Any) -> tuple[Any, dict[str, Any]]:
        """Compute the generator's losses.

        Args:
            source: Inputs, float32 in [-1, 1], batch × height × width × channels.
            target: What they should become.
            fake: What the generator made of them.

        Returns:
            `(total, losses by name)`.
        """
        losses = {
            "adversarial": self.game.generator_loss(fake, condition=source),
            "pairwise": self.options.lambda_pairwise * self.pairwise_loss(target, fake),
        }
        losses["generators"] = losses["adversarial"] + losses["pairwise"]
        return losses["generators"], losses

    def preview(self, batch: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Show each input, its translation, and the target."""
        ((direction, network),) = self.inference_networks().items()
        output = network(batch[self.source], training=False)
        return {direction: {"input": batch[self.source], "output": output, "target": batch[self.target]}}
