"""The generator of ProGAN (Karras 2018, appendix A, table 2, https://arxiv.org/abs/1710.10196).

Latent vectors, with the one-hot labels behind them, are normalized; a dense layer makes 4 × 4 pixels of them, a 3×3
convolution follows; then, for each doubling of the resolution, nearest neighbour enlargement and two 3×3 convolutions.
LeakyReLU 0.2 and pixelwise normalization behind each layer. A 1×1 convolution makes colours of the features, without a
tanh: images are clipped to [-1, 1] by whoever shows them.

While the network grows, a new resolution is faded in: image = (1 - fade) · enlarged smaller image + fade · image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from gantk_progan.activation import LeakyReLU, PixelNorm
from gantk_progan.equalized import GAIN, EqualizedConvolution2D, EqualizedDense
from gantk_progan.options import ProGANGeneratorOptions
from gantk_progan.resolutions import SMALLEST, blended, enlarged, features, resolution_of, resolutions_to


def build(
    options: ProGANGeneratorOptions, *, latents: int, output_shape: tuple[int, int, int], classes: int = 0
) -> keras.Model:
    """Build the generator of one resolution.

    Args:
        options: The network's options.
        latents: Length of a latent vector.
        output_shape: `(height, width, channels)` of the images.
        classes: Labels; their one-hot vectors are laid behind the latent ones.

    Returns:
        A model from latent vectors (and labels) to float32 images around [-1, 1].

    Raises:
        ConfigError: The images are not square, or their sides no power of two from 4 on.
    """
    resolution = resolution_of("progan", output_shape)
    vectors = layers.Input((latents,), name="latents")
    inputs: Any = [vectors, layers.Input((classes,), name="labels")] if classes else vectors
    parts = generator_layers(options, resolution, output_shape[-1])
    return keras.Model(inputs, image_of(parts, inputs, resolution, options.fade), name="progan_generator")


def generator_layers(options: ProGANGeneratorOptions, resolution: int, channels: int) -> dict[str, keras.Layer]:
    """Return the layers of a generator by name, not yet built; `colours_<resolution>` for each resolution.

    Args:
        options: The network's options.
        resolution: The last one.
        channels: Colours of the images.
    """
    found: list[keras.Layer] = [
        layers.Concatenate(name="latents_and_labels"),
        LeakyReLU(name="rectifier"),
        PixelNorm(name="normalization"),
    ]
    for size in resolutions_to(resolution):
        filters = features(options, size)
        if size == SMALLEST:
            # The gain of the authors' code, which matches that of their first one.
            found.append(EqualizedDense(filters, grid=(SMALLEST, SMALLEST), gain=GAIN / 4, name="dense"))
        else:
            found.append(EqualizedConvolution2D(filters, 3, resampling="enlarge", name=f"enlarge_{size}"))
        found.append(EqualizedConvolution2D(filters, 3, name=f"convolution_{size}"))
        # Colours are float32 at any precision.
        found.append(EqualizedConvolution2D(channels, 1, gain=1.0, dtype="float32", name=f"colours_{size}"))
    return {layer.name: layer for layer in found}


def features_of(parts: Mapping[str, keras.Layer], inputs: Any) -> Any:
    """Return the features of 4 × 4 pixels that vectors, or vectors and labels, become."""
    x = parts["latents_and_labels"](list(inputs)) if isinstance(inputs, list | tuple) else inputs
    return _through(parts, parts["normalization"](x), "dense", f"convolution_{SMALLEST}")


def doubled(parts: Mapping[str, keras.Layer], x: Any, resolution: int) -> Any:
    """Return the features of `resolution` pixels that those of half as many become."""
    return _through(parts, x, f"enlarge_{resolution}", f"convolution_{resolution}")


def image_of(parts: Mapping[str, keras.Layer], inputs: Any, resolution: int, fade: Any) -> Any:
    """Return images, float32.

    Args:
        parts: The layers by name.
        inputs: Latent vectors, or a list of these and labels.
        resolution: Height and width of the images.
        fade: How far this resolution is faded in: a number, then below 1 only where there is a smaller one; or a scalar
            tensor.
    """
    x = smaller = features_of(parts, inputs)
    for size in resolutions_to(resolution)[1:]:
        smaller, x = x, doubled(parts, x, size)
    image = parts[f"colours_{resolution}"](x)
    if resolution == SMALLEST or (isinstance(fade, float) and fade == 1.0):
        return image
    return blended(enlarged(parts[f"colours_{resolution // 2}"](smaller)), image, fade)


def _through(parts: Mapping[str, keras.Layer], x: Any, *names: str) -> Any:
    for name in names:
        x = parts["normalization"](parts["rectifier"](parts[name](x)))
    return x
