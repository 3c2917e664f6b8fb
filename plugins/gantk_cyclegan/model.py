"""CycleGAN (Zhu 2017, https://arxiv.org/abs/1703.10593)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from gantk import AdversarialModel, ConfigError, ImagePool, ModelContext, OptimizerOptions
from gantk_cyclegan.options import CycleGANOptions


class CycleGAN(AdversarialModel):
    """Two generators, `AtoB` and `BtoA`, and a discriminator of each domain.

    One step, in the order of the authors' code: both generators by one optimizer,

        L_G = adv(D_B(G_AB(a))) + adv(D_A(G_BA(b)))
            + λ_A |G_BA(G_AB(a)) - a| + λ_B |G_AB(G_BA(b)) - b|
            + λ_id (λ_B |G_AB(b) - b| + λ_A |G_BA(a) - a|),

    then both discriminators by another, on real images and on generated ones from a history,

        L_D = ½ adv(D_A(a), D_A(pool(G_BA(b)))) + ½ adv(D_B(b), D_B(pool(G_AB(a)))).

    With `discriminator_steps` above 1 the generators take the first batch of the step and translate the others for the
    further updates of the discriminators; the discriminators' losses are then means over their updates.

    Images that meet the same network at the same time go through it as one batch, where no layer of the network
    mixes samples: the result is the same, with fewer and larger operations.

    Losses, as they enter the sums, factors included: `generators` is the sum of `adversarial_a_to_b`,
    `adversarial_b_to_a`, `cycle_a`, `cycle_b`, `identity_a` and `identity_b` (of domain A's and B's images; without
    them where `lambda_identity` is 0); `discriminators` of `discriminator_a` and `discriminator_b`.

    Args:
        options: The model's options.
        context: The run it is built for, with `shapes` of the fields A and B.

    Raises:
        ConfigError: The two domains do not fit the networks or the identity loss.

    Reference:
        Zhu 2017, equations 1 to 3, section 4 (training details) and 5.2 (identity loss).
    """

    def __init__(self, options: CycleGANOptions, context: ModelContext) -> None:
        shape_a, shape_b = context.shapes["A"], context.shapes["B"]
        if options.lambda_identity and shape_a[-1] != shape_b[-1]:
            raise ConfigError(
                "The identity loss needs domains with the same number of channels.\n"
                f"Received: {shape_a[-1]} in A, {shape_b[-1]} in B",
                hint="Set lambda_identity: 0, or convert the images of one domain.",
            )
        one_size = shape_a[:2] == shape_b[:2]
        # With images of two sizes every network meets both.
        size_a, size_b = (shape_a[:2], shape_b[:2]) if one_size else ((None, None), (None, None))
        input_a, input_b = (*size_a, shape_a[-1]), (*size_b, shape_b[-1])
        networks = {
            "generator_a_to_b": options.generator.create(input_shape=input_a, output_channels=shape_b[-1]),
            "generator_b_to_a": options.generator.create(input_shape=input_b, output_channels=shape_a[-1]),
            "discriminator_a": options.discriminator.create(input_shape=input_a),
            "discriminator_b": options.discriminator.create(input_shape=input_b),
        }
        identities = ["identity_a", "identity_b"] if options.lambda_identity else []
        default = OptimizerOptions(type="adam", learning_rate=2e-4, beta_1=0.5, beta_2=0.999)
        super().__init__(
            context,
            networks=networks,
            trained_by={
                "generators": ["generator_a_to_b", "generator_b_to_a"],
                "discriminators": ["discriminator_a", "discriminator_b"],
            },
            # Sums after their parts: the first loss that is not finite then names what went wrong.
            losses=[
                "adversarial_a_to_b",
                "adversarial_b_to_a",
                "cycle_a",
                "cycle_b",
                *identities,
                "generators",
                "discriminator_a",
                "discriminator_b",
                "discriminators",
            ],
            directions={"AtoB": "generator_a_to_b", "BtoA": "generator_b_to_a"},
            optimizers={"generators": default, "discriminators": default},
            components={"generator_a_to_b": options.generator, "generator_b_to_a": options.generator},
        )
        self.options = options
        loss = options.adversarial_loss.create()
        self.game_a = self.adversarial_game("discriminator_a", loss)
        self.game_b = self.adversarial_game("discriminator_b", loss)
        self.cycle_loss = options.cycle_loss.create()
        self.pool_a = ImagePool((*shape_b[:2], shape_a[-1]), options.pool_size, seed=context.seed, name="pool_a")
        self.pool_b = ImagePool((*shape_a[:2], shape_b[-1]), options.pool_size, seed=context.seed + 1, name="pool_b")
        if not one_size:
            self.joined = dict.fromkeys(networks, False)

    def adversarial_step(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Update both generators, then both discriminators, these as often as `discriminator_steps` says."""
        first, *others = ((part["A"], part["B"]) for part in self.discriminator_batches(batch))
        _, (generator_losses, *fakes) = self.minimize("generators", lambda: self.generator_losses(*first))
        updates = [self.update_discriminators(*first, *fakes)]
        for real_a, real_b in others:
            fake_b = self.networks["generator_a_to_b"](real_a, training=True)
            fake_a = self.networks["generator_b_to_a"](real_b, training=True)
            updates.append(self.update_discriminators(real_a, real_b, fake_a, fake_b))
        discriminator_losses = {name: sum(losses[name] for losses in updates) / len(updates) for name in updates[0]}
        return {**generator_losses, **discriminator_losses}

    def update_discriminators(self, real_a: Any, real_b: Any, fake_a: Any, fake_b: Any) -> dict[str, Any]:
        """Update both discriminators once, after every generated image went through its pool.

        Args:
            real_a: Images of domain A, float32 in [-1, 1], batch × height × width × channels.
            real_b: Images of domain B.
            fake_a: Generated images of domain A.
            fake_b: Generated images of domain B.

        Returns:
            Losses by name.
        """
        fake_a, fake_b = self.pool_a(ops.stop_gradient(fake_a)), self.pool_b(ops.stop_gradient(fake_b))
        _, losses = self.minimize("discriminators", lambda: self.discriminator_losses(real_a, real_b, fake_a, fake_b))
        return losses

    def generator_losses(self, real_a: Any, real_b: Any) -> tuple[Any, tuple[dict[str, Any], Any, Any]]:
        """Compute the generators' losses.

        Args:
            real_a: Images of domain A, float32 in [-1, 1], batch × height × width × channels.
            real_b: Images of domain B.

        Returns:
            `(total, (losses by name, generated images of A, generated images of B))`.
        """
        options = self.options
        losses = {}
        if options.lambda_identity:
            fake_b, same_b = self.call_joined("generator_a_to_b", real_a, real_b)
            fake_a, same_a = self.call_joined("generator_b_to_a", real_b, real_a)
            losses["identity_a"] = options.lambda_a * options.lambda_identity * self.cycle_loss(real_a, same_a)
            losses["identity_b"] = options.lambda_b * options.lambda_identity * self.cycle_loss(real_b, same_b)
        else:
            (fake_b,) = self.call_joined("generator_a_to_b", real_a)
            (fake_a,) = self.call_joined("generator_b_to_a", real_b)
        (cycled_a,) = self.call_joined("generator_b_to_a", fake_b)
        (cycled_b,) = self.call_joined("generator_a_to_b", fake_a)
        losses["adversarial_a_to_b"] = self.game_b.generator_loss(fake_b)
        losses["adversarial_b_to_a"] = self.game_a.generator_loss(fake_a)
        losses["cycle_a"] = options.lambda_a * self.cycle_loss(real_a, cycled_a)
        losses["cycle_b"] = options.lambda_b * self.cycle_loss(real_b, cycled_b)
        losses["generators"] = sum(losses.values())
        return losses["generators"], (losses, fake_a, fake_b)

    def discriminator_losses(self, real_a: Any, real_b: Any, fake_a: Any, fake_b: Any) -> tuple[Any, dict[str, Any]]:
        """Compute the discriminators' losses.

        Args:
            real_a: Images of domain A, float32 in [-1, 1], batch × height × width × channels.
            real_b: Images of domain B.
            fake_a: Generated images of domain A, which are not differentiated.
            fake_b: Generated images of domain B, likewise.

        Returns:
            `(total, losses by name)`.
        """
        factor = self.options.discriminator_factor
        losses = {
            "discriminator_a": factor * self.game_a.discriminator_loss(real_a, fake_a),
            "discriminator_b": factor * self.game_b.discriminator_loss(real_b, fake_b),
        }
        losses["discriminators"] = losses["discriminator_a"] + losses["discriminator_b"]
        return losses["discriminators"], losses

    def preview(self, batch: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Show each image, its translation and its way back."""
        networks = self.inference_networks()
        shown = {}
        for direction, back, field in (("AtoB", "BtoA", "A"), ("BtoA", "AtoB", "B")):
            output = networks[direction](batch[field], training=False)
            reconstruction = networks[back](output, training=False)
            shown[direction] = {"input": batch[field], "output": output, "reconstruction": reconstruction}
        return shown
