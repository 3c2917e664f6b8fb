"""Built-in transforms: sizes and windows, flips and turns, colours, edges, and low resolution out of high."""

from __future__ import annotations

from gantk import TransformSpec, hookimpl
from gantk_transforms.degradation_options import BlindDegradationOptions, DownscaleOptions
from gantk_transforms.options import (
    CannyOptions,
    ChannelsOptions,
    ColourJitterOptions,
    CropOptions,
    FlipOptions,
    JitterOptions,
    ModcropOptions,
    NormaliseOptions,
    PadOptions,
    PairedCropOptions,
    ResizeOptions,
    RotateOptions,
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
            name="paired_crop",
            factory="gantk_transforms.paired_crop:PairedCrop",
            options=PairedCropOptions,
            summary="Cut the same window out of images of different resolution.",
        ),
        TransformSpec(
            name="modcrop",
            factory="gantk_transforms.modcrop:Modcrop",
            options=ModcropOptions,
            summary="Cut off the last rows and columns that are no whole multiple.",
        ),
        TransformSpec(
            name="pad",
            factory="gantk_transforms.pad:Pad",
            options=PadOptions,
            summary="Add a margin: one colour, the edge's pixels, or the image mirrored.",
        ),
        TransformSpec(
            name="flip",
            factory="gantk_transforms.flip:Flip",
            options=FlipOptions,
            summary="Mirror at random, left to right or top to bottom.",
        ),
        TransformSpec(
            name="rotate",
            factory="gantk_transforms.rotate:Rotate",
            options=RotateOptions,
            summary="Turn by right angles at random.",
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
            name="downscale",
            factory="gantk_transforms.downscale:Downscale",
            options=DownscaleOptions,
            summary="Make smaller by a whole factor: bicubic as Pillow or as MATLAB, by area, or Lanczos.",
            reference="Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711",
        ),
        TransformSpec(
            name="blind_degradation",
            factory="gantk_transforms.blind_degradation:BlindDegradation",
            options=BlindDegradationOptions,
            summary="Blur, resize, noise and JPEG, twice, at random: what unknown photographs have been through.",
            reference="Wang 2021 (Real-ESRGAN), section 3, https://arxiv.org/abs/2107.10833",
        ),
        TransformSpec(
            name="normalise",
            factory="gantk_transforms.normalise:Normalise",
            options=NormaliseOptions,
            summary="8-bit values to float32 in [-1, 1]; the last of the training transforms.",
            at_preparation=False,
        ),
    ]
