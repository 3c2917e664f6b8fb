"""A plain enlargement that a network adds its result to, so that it learns the difference only."""

from __future__ import annotations

from typing import Any

from keras import layers

from gantk import ConfigError
from gantk_networks.bicubic_enlargement import BicubicEnlargement
from gantk_networks.enlargement import Enlargement


def add_enlarged(network: str, image: Any, details: Any, factor: int, *, interpolation: str) -> Any:
    """Add a network's result to the enlarged input, in float32.

    Args:
        network: Its name in a pipeline.
        image: The input, in [-1, 1].
        details: The result, of `factor` times its height and width, in units of the original's colours, from 0 to 1:
            it is doubled.
        factor: How many times higher and wider.
        interpolation: `nearest`, `bilinear` or `bicubic`, with half-pixel centres.

    Returns:
        Images about in [-1, 1]; not cut off.

    Raises:
        ConfigError: Input and result have different numbers of channels.
    """
    if image.shape[-1] != details.shape[-1]:
        raise ConfigError(
            f"The {network} network with these options adds its result to the enlarged input, so both need the same "
            f"number of channels.\nReceived: {image.shape[-1]} and {details.shape[-1]}",
            hint="Convert the images of one side with the transform `channels`.",
        )
    if interpolation == "bicubic":
        base = BicubicEnlargement(factor, dtype="float32", name="base")(image)
    else:
        base = Enlargement(factor, interpolation=interpolation, dtype="float32", name="base")(image)
    details = layers.Rescaling(2.0, dtype="float32", name="colours")(details)
    return layers.Add(dtype="float32", name="result")([details, base])
