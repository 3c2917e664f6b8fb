"""A plugin with networks for super-resolution, small enough for tests."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gantk import GeneratorOptions, GeneratorSpec, hookimpl


class EnlargingOptions(GeneratorOptions):
    factor: int = Field(2, ge=1)
    "The scale."
    layers: int = 0
    "Convolutions of 3 × 3, each of which looks one pixel further."
    reflect: bool = False
    "Pad by reflection, not by zeros."
    multiple: int = 1
    "What sizes must be multiples of."
    local: bool = True
    "False: subtract the mean of the whole picture."
    breaking: float = -2.0
    "Not finite in half precision, or in any for `spoilt`, at pixels above this."

    @property
    def scale(self) -> int:
        return self.factor

    @property
    def size_multiple(self) -> int:
        return self.multiple

    @property
    def smallest_size(self) -> int:
        return max(self.multiple, 2 if self.reflect else 1)

    @property
    def halo(self) -> int | None:
        return self.layers * (2 if self.multiple > 1 else 1) if self.local else None


@hookimpl
def gantk_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(name=name, factory=f"enlarging_generators:{name}", options=EnlargingOptions, summary="For tests.")
        for name in ("enlarging", "overflowing", "spoilt")
    ]


def enlarging(options: EnlargingOptions, *, input_shape: Any, output_channels: int) -> Any:
    """Without layers, nearest neighbour."""
    import keras
    from keras import layers, ops

    def padded(image: Any) -> Any:
        return ops.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect") if options.reflect else image

    padding = "valid" if options.reflect else "same"
    image = x = layers.Input(input_shape)
    if not options.local:
        x = layers.Lambda(lambda t: t - ops.mean(t, axis=(1, 2), keepdims=True))(x)
    for _ in range(options.layers):
        if options.reflect:
            x = layers.Lambda(padded)(x)
        x = layers.Conv2D(output_channels, 3, padding=padding, bias_initializer=keras.initializers.RandomNormal())(x)
        x = layers.LeakyReLU(0.3)(x)
    if options.multiple > 1:
        # Its grid begins at the picture's corner.
        x = layers.AveragePooling2D(options.multiple)(x)
        x = layers.UpSampling2D(options.multiple)(x)
    return keras.Model(image, layers.UpSampling2D(options.factor)(x))


def overflowing(options: EnlargingOptions, *, input_shape: Any, output_channels: int) -> Any:
    """The identity, through numbers that half precision does not have where a pixel is above `breaking`."""
    import keras
    from keras import layers, ops

    image = layers.Input(input_shape)

    def through(t: Any) -> Any:
        large = ops.cast(ops.where(t > options.breaking, 1e6, 1.0), t.dtype)
        return t * large / large

    x = layers.Lambda(through)(image)
    return keras.Model(image, layers.UpSampling2D(options.factor, dtype="float32")(x))


def spoilt(options: EnlargingOptions, *, input_shape: Any, output_channels: int) -> Any:
    """The identity, not a number where a pixel is above `breaking`."""
    import keras
    from keras import layers, ops

    image = layers.Input(input_shape)
    x = layers.Lambda(lambda t: ops.where(t > options.breaking, t * 0 / ops.zeros_like(t), t))(image)
    return keras.Model(image, layers.UpSampling2D(options.factor)(x))
