"""SRResNet (Ledig 2017, https://arxiv.org/abs/1609.04802): super-resolution without a discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gantk import ModelContext, OptimizerOptions
from gantk_srgan.options import SRResNetOptions
from gantk_srgan.super_resolution import HIGH, LOW, SuperResolution, build_generator, content_names


class SRResNet(SuperResolution):
    """One generator, trained to come close to the original: L = λ_p |B - G(A)| (+ λ_v of a perceptual loss).

    Any generator with a `factor` will do; with `rrdb` or `compact` it is their training for the highest PSNR.

    Losses, weights included: `pixel`, `perceptual` where there is one, and their sum `generators`.

    Args:
        options: The model's options.
        context: The run it is built for, with `shapes` of the fields A and B.

    Raises:
        ConfigError: The two fields do not differ by the generator's factor, or no loss has a weight.

    Reference:
        Ledig 2017, equation 4 (the mean squared difference) and section 3.2.
    """

    def __init__(self, options: SRResNetOptions, context: ModelContext) -> None:
        contents = content_names(options, options.lambda_pixel)
        super().__init__(
            options,
            options.lambda_pixel,
            context,
            networks={"generator": build_generator(options, context)},
            trained_by={"generators": ["generator"]},
            losses=[*contents, "generators"],
            optimizers={"generators": OptimizerOptions(type="adam", learning_rate=1e-4, beta_1=0.9, beta_2=0.999)},
        )

    def adversarial_step(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Update the generator."""

        def losses() -> tuple[Any, dict[str, Any]]:
            parts = self.content_losses(batch[HIGH], self.networks["generator"](batch[LOW], training=True))
            parts["generators"] = sum(parts.values())
            return parts["generators"], parts

        _, reported = self.minimize("generators", losses)
        return reported
