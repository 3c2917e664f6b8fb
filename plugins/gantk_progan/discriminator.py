"""The discriminator of ProGAN (Karras 2018, appendix A, table 2, https://arxiv.org/abs/1710.10196).

A 1×1 convolution makes features of the colours; for each halving of the resolution two 3×3 convolutions and a box filter;
at 4 × 4 pixels the minibatch standard deviation, a 3×3 convolution and two dense layers. LeakyReLU 0.2 behind each layer but
the last; no normalization.

While the network grows, a new resolution is faded in: the features that its layers make of an image are mixed with those
that the smaller network has of the halved image, (1 - fade) · smaller + fade · larger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from gantk_progan.activation import LeakyReLU
from gantk_progan.equalized import EqualizedConvolution2D, EqualizedDense
from gantk_progan.minibatch_deviation import MinibatchDeviation
from gantk_progan.options import ProGANDiscriminatorOptions
from gantk_progan.resolutions import SMALLEST, blended, features, halved, resolution_of, resolutions_to


def build(
    options: ProGANDiscriminatorOptions, *, input_shape: tuple[int | None, int | None, int], outputs: int = 1
) -> keras.Model:
    """Build the discriminator of one resolution.

    Args:
        options: The network's options.
        input_shape: `(height, width, channels)`, the only size it takes.
        outputs: Numbers for each image.

    Returns:
        A model from float images to batch × outputs.

    Raises:
        ConfigError: The images are not square, or their sides no power of two from 4 on.
    """
    resolution = resolution_of("progan", input_shape)
    parts = discriminator_layers(options, resolution, outputs)
    image = layers.Input(input_shape, name="image")
    return keras.Model(image, judgement_of(parts, image, resolution, 1.0), name="progan_discriminator")


def discriminator_layers(options: ProGANDiscriminatorOptions, resolution: int, outputs: int) -> dict[str, keras.Layer]:
    """Return the layers of a discriminator by name, not yet built; `colours_<resolution>` for each resolution.

    Args:
        options: The network's options.
        resolution: The last one.
        outputs: Numbers for each image.
    """
    found: list[keras.Layer] = [LeakyReLU(name="rectifier")]
    for size in resolutions_to(resolution):
        filters, fewer = features(options, size), features(options, size // 2)
        found.append(EqualizedConvolution2D(filters, 1, name=f"colours_{size}"))
        if size == SMALLEST and options.group > 1:
            found.append(MinibatchDeviation(options.group, name="deviation"))
        found.append(EqualizedConvolution2D(filters, 3, name=f"convolution_{size}"))
        if size > SMALLEST:
            found.append(EqualizedConvolution2D(fewer, 3, resampling="halve", name=f"halve_{size}"))
        else:
            found.append(layers.Flatten(name="features"))
            found.append(EqualizedDense(fewer, name="dense"))
            # Logits are float32 at any precision.
            found.append(EqualizedDense(outputs, gain=1.0, dtype="float32", name="logits"))
    return {layer.name: layer for layer in found}


def judgement_of(parts: Mapping[str, keras.Layer], image: Any, resolution: int, fade: Any) -> Any:
    """Return the outputs for images, batch × outputs, float32.

    Args:
        parts: The layers by name.
        image: float, batch × resolution × resolution × channels.
        resolution: Height and width of the images.
        fade: How far this resolution is faded in: 1.0, or a scalar tensor.
    """
    x = _through(parts, image, f"colours_{resolution}")
    for size in reversed(resolutions_to(resolution)[1:]):
        x = _through(parts, x, f"convolution_{size}", f"halve_{size}")
        if size == resolution and not isinstance(fade, float):
            before = _through(parts, halved(image), f"colours_{size // 2}")
            # Features may be of 16 bits, in which a fade would come in steps.
            mixed = blended(ops.cast(before, "float32"), ops.cast(x, "float32"), fade)
            x = ops.cast(mixed, x.dtype)
    if "deviation" in parts:
        x = parts["deviation"](x)
    x = parts["features"](_through(parts, x, f"convolution_{SMALLEST}"))
    return parts["logits"](_through(parts, x, "dense"))


def _through(parts: Mapping[str, keras.Layer], x: Any, *names: str) -> Any:
    for name in names:
        x = parts["rectifier"](parts[name](x))
    return x
