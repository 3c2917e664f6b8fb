"""A plugin with generators small enough for tests, whose results are known by heart."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gantk import GeneratorOptions, GeneratorSpec, hookimpl


class TinyOptions(GeneratorOptions):
    filters: int = Field(3, ge=1)
    "Channels inside."

    @property
    def size_multiple(self) -> int:
        return 4


class PointwiseOptions(GeneratorOptions):
    multiple: int = 1
    "What sizes must be multiples of."

    @property
    def size_multiple(self) -> int:
        return self.multiple

    @property
    def smallest_size(self) -> int:
        return 2 * self.multiple


class EnlargingOptions(GeneratorOptions):
    factor: int = 3
    "How many times higher and wider the result is."

    @property
    def size_multiple(self) -> int:
        return 4

    @property
    def scale(self) -> int:
        return self.factor

    @property
    def halo(self) -> int:
        return 0


@hookimpl
def gantk_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name=name.replace("_", "-"), factory=f"tiny_generators:{name}", options=options, summary="For tests."
        )
        for name, options in {
            "tiny": TinyOptions,
            "identity": PointwiseOptions,
            "negative": PointwiseOptions,
            "not_finite_where_black": PointwiseOptions,
            "halving": PointwiseOptions,
            "enlarging": EnlargingOptions,
        }.items()
    ]


def tiny(options: TinyOptions, *, input_shape: Any, output_channels: int) -> Any:
    """Every kind of weight: kernels, BatchNorm's moving statistics, a scalar-like alpha, a nested model."""
    import keras
    from keras import layers

    image = layers.Input(input_shape)
    x = layers.Conv2D(options.filters, 3, strides=2, padding="same")(image)
    x = layers.BatchNormalization()(x)
    x = layers.PReLU(shared_axes=(1, 2))(x)
    x = keras.Sequential([layers.Conv2D(options.filters, 3, padding="same"), layers.LeakyReLU()])(x)
    x = layers.Conv2DTranspose(options.filters, 4, strides=2, padding="same")(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(image, layers.Conv2D(output_channels, 1, activation="tanh", dtype="float32")(x))


def identity(options: PointwiseOptions, *, input_shape: Any, output_channels: int) -> Any:
    return _pointwise(lambda x: x, input_shape, output_channels)


def negative(options: PointwiseOptions, *, input_shape: Any, output_channels: int) -> Any:
    return _pointwise(lambda x: -x, input_shape, output_channels)


def not_finite_where_black(options: PointwiseOptions, *, input_shape: Any, output_channels: int) -> Any:
    return _pointwise(lambda x: x + (x * 0) / (x + 1), input_shape, output_channels)


def halving(options: PointwiseOptions, *, input_shape: Any, output_channels: int) -> Any:
    return _pointwise(lambda x: x[:, ::2, ::2], input_shape, output_channels)


def enlarging(options: EnlargingOptions, *, input_shape: Any, output_channels: int) -> Any:
    """Makes a square of equal pixels out of each, negated."""
    import keras
    from keras import layers

    image = layers.Input(input_shape)
    return keras.Model(image, layers.UpSampling2D(options.factor)(layers.Rescaling(-1.0)(image)))


def _pointwise(function: Any, input_shape: Any, output_channels: int) -> Any:
    import keras
    from keras import layers

    image = layers.Input(input_shape)
    # Grey comes of RGB by its red channel, RGB of grey by three copies.
    x = image if input_shape[-1] == output_channels else layers.Concatenate()([image] * output_channels)
    x = x[..., :output_channels]
    return keras.Model(image, layers.Lambda(function)(x))
