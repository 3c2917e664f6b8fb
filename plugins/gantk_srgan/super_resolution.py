"""What all models for super-resolution do: the generator, the content losses, and the preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from gantk import AdversarialModel, ConfigError, ModelContext, take_trained_weights
from gantk_srgan.options import SuperResolutionOptions

LOW, HIGH = "A", "B"
"""Fields of a batch: the image of low resolution, and the original."""


def build_generator(options: SuperResolutionOptions, context: ModelContext) -> keras.Model:
    """Build the generator, with the weights of the model to start from where one is named.

    Raises:
        ConfigError: The two fields do not differ by the generator's factor, or the model to start from is another one.
        UsageError: There is no model to start from at the path.
    """
    low, high = context.shapes[LOW], context.shapes[HIGH]
    scale = getattr(options.generator.options, "scale", 1)
    if high[:2] != (scale * low[0], scale * low[1]):
        raise ConfigError(
            f"B must be {scale} times as high and wide as A, as the generator {options.generator.name!r} makes it.\n"
            f"Received: A {low[0]} × {low[1]}, B {high[0]} × {high[1]}",
            hint=_hint(low, high),
        )
    generator: keras.Model = options.generator.create(input_shape=low, output_channels=high[-1])
    if options.initial is not None:
        take_trained_weights(generator, options.generator, options.initial)
    return generator


def _hint(low: tuple[int, ...], high: tuple[int, ...]) -> str:
    factor = high[0] // low[0]
    if factor > 1 and high[:2] == (factor * low[0], factor * low[1]):
        return f"Set `factor: {factor}` of the generator, or another one of the downscaling in the prepare stage."
    return "Make A of B: `derive: {A: [{type: downscale, factor: 4}], B: []}` in the prepare stage."


class SuperResolution(AdversarialModel):
    """A generator from field A, of low resolution, to field B, the original.

    Args:
        options: The model's options.
        lambda_pixel: Weight of the pixel loss.
        context: The run it is built for, with `shapes` of the fields A and B.
        arguments: For `AdversarialModel`.
    """

    def __init__(
        self, options: SuperResolutionOptions, lambda_pixel: float, context: ModelContext, **arguments: Any
    ) -> None:
        super().__init__(
            context, directions={"AtoB": "generator"}, components={"generator": options.generator}, **arguments
        )
        self.options = options
        self.lambda_pixel = lambda_pixel
        self.pixel_loss = options.pixel_loss.create() if lambda_pixel else None
        perceptual = options.perceptual_loss if options.lambda_perceptual else None
        self.perceptual_loss = perceptual.create() if perceptual is not None else None

    def content_losses(self, original: Any, result: Any) -> dict[str, Any]:
        """Compute what holds a result to its original.

        Args:
            original: Images of high resolution, float32 in [-1, 1], batch × height × width × channels.
            result: What the generator made of the same at low resolution, likewise.

        Returns:
            Losses by name, weights included: `pixel` and `perceptual`, each where it has a weight.
        """
        losses = {}
        if self.pixel_loss is not None:
            losses["pixel"] = self.lambda_pixel * self.pixel_loss(original, result)
        if self.perceptual_loss is not None:
            losses["perceptual"] = self.options.lambda_perceptual * self.perceptual_loss(original, result)
        return losses

    def preview(self, batch: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Show each input, what becomes of it, and the original."""
        output = self.inference_networks()["AtoB"](batch[LOW], training=False)
        return {"AtoB": {"input": batch[LOW], "output": output, "target": batch[HIGH]}}


def content_names(options: SuperResolutionOptions, lambda_pixel: float) -> list[str]:
    """Return the names of the content losses that have a weight.

    Raises:
        ConfigError: None has.
    """
    names = ["pixel"] if lambda_pixel else []
    if options.perceptual_loss is not None and options.lambda_perceptual:
        names.append("perceptual")
    if not names:
        raise ConfigError(
            "Something must hold the results to the originals.\n"
            "Received: lambda_pixel 0, and no perceptual loss with a weight",
            hint="Set lambda_pixel, or give a perceptual_loss.",
        )
    return names
