"""Built-in transforms: resize, crop, flip, jitter, colour_jitter, channels, canny, normalise."""

from __future__ import annotations

from gantk import TransformSpec, hookimpl
from gantk_transforms.options import (
    CannyOptions,
    ChannelsOptions,
    ColourJitterOptions,
    CropOptions,
    FlipOptions,
    JitterOptions,
    NormaliseOptions,
    ResizeOptions,
)


@hookimpl
def gantk_transforms() -> list[TransformSpec]:
    """Return the built-in transforms."""
    return [
        TransformSpec(
            name="resize",
            factory="gantk_transforms.resize:Resize",
            options=ResizeOptions,
            summary="Resample to a size: stretch, cover and cut, fit inside, or by the shorter side.",
        ),
        TransformSpec(
            name="crop",
            factory="gantk_transforms.crop:Crop",
            options=CropOptions,
            summary="Cut a window out of the image, at random or from the centre.",
        ),
        TransformSpec(
            name="flip",
            factory="gantk_transforms.flip:Flip",
            options=FlipOptions,
            summary="Mirror at random, left to right or top to bottom.",
        ),
        TransformSpec(
            name="jitter",
            factory="gantk_transforms.jitter:Jitter",
            options=JitterOptions,
            summary="Stretch to a larger size, then cut a random window: the random jitter of pix2pix and CycleGAN.",
            reference="Isola 2017, appendix 6.2, https://arxiv.org/abs/1611.07004",
        ),
        TransformSpec(
            name="colour_jitter",
            factory="gantk_transforms.colour_jitter:ColourJitter",
            options=ColourJitterOptions,
            summary="Change brightness, contrast, saturation and hue at random.",
        ),
        TransformSpec(
            name="channels",
            factory="gantk_transforms.channels:Channels",
            options=ChannelsOptions,
            summary="Convert to grey or RGB; transparent parts are laid over one colour.",
        ),
        TransformSpec(
            name="canny",
            factory="gantk_transforms.canny:Canny",
            options=CannyOptions,
            summary="Edges as thin lines, one pixel wide: smoothed, thinned, and kept where they hang on a strong one.",
            reference="Canny 1986, A computational approach to edge detection, https://doi.org/10.1109/TPAMI.1986.4767851",
        ),
        TransformSpec(
            name="normalise",
            factory="gantk_transforms.normalise:Normalise",
            options=NormaliseOptions,
            summary="8-bit values to float32 in [-1, 1]; the last of the training transforms.",
            at_preparation=False,
        ),
    ]
