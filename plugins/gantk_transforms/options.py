"""Options of the built-in transforms. Imports no framework."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, model_validator

from gantk import Options


def _height_and_width(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else value


def _four_sides(value: Any) -> Any:
    return (value,) * 4 if isinstance(value, int) else value


def _sequence(value: Any) -> Any:
    return (value,) if isinstance(value, int | float) else value


Size = Annotated[
    tuple[PositiveInt, PositiveInt],
    BeforeValidator(_height_and_width, json_schema_input_type=PositiveInt | tuple[PositiveInt, PositiveInt]),
]
"""`[height, width]` in pixels, or one number for a square."""

PerChannel = Annotated[
    tuple[float, ...],
    Field(min_length=1, max_length=4),
    BeforeValidator(_sequence, json_schema_input_type=float | tuple[float, ...]),
]
"""One number, or one for each channel."""

Filter = Literal["lanczos", "bicubic", "bilinear", "box", "nearest"]
"""Resampling filters; all but `nearest` are widened when an image is made smaller, so that nothing is skipped."""


class ResizeOptions(Options):
    """Options of `resize`. Example: `{type: resize, size: 64}` or `{type: resize, size: [128, 256], mode: cover}`."""

    size: Size
    "`[height, width]` in pixels, or one number for both. Example: `256`."
    mode: Literal["exact", "cover", "contain", "shorter"] = "exact"
    """`exact`: stretch to the size. `cover`: keep the aspect, fill the size and cut what stands out, equally on both
    sides. `contain`: keep the aspect, the largest that fits inside (the result may be smaller than the size).
    `shorter`: keep the aspect, the shorter side becomes the size."""
    filter: Filter = "lanczos"
    "Resampling filter."

    @model_validator(mode="after")
    def _one_shorter_side(self) -> ResizeOptions:
        if self.mode == "shorter" and self.size[0] != self.size[1]:
            raise ValueError(f"resize with mode 'shorter' needs one number as size. Received: {list(self.size)}")
        return self


class CropOptions(Options):
    """Options of `crop`. Example: `{type: crop, size: 64}` or `{type: crop, size: 256, position: centre}`."""

    size: Size
    "`[height, width]` of the window in pixels, or one number for both."
    position: Literal["random", "centre"] = "random"
    "Where the window lies."
    pad: Literal["none", "reflect"] = "none"
    "What to do with an image smaller than the window: `none` is an error, `reflect` mirrors it beyond its edges."


Level = Annotated[int, Field(ge=0, le=255)]
"""A value of one channel."""


class PadOptions(Options):
    """Options of `pad`. Example: `{type: pad, margin: 2}` for digits of 28², or `{type: pad, size: 256, fill: edge}`."""

    margin: (
        Annotated[
            tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt, NonNegativeInt],
            BeforeValidator(
                _four_sides,
                json_schema_input_type=NonNegativeInt
                | tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt, NonNegativeInt],
            ),
        ]
        | None
    ) = None
    "Pixels to add: `[top, bottom, left, right]`, or one number for all sides."
    size: Size | None = None
    """`[height, width]` of the result, or one number for both, with the image in its centre (an odd pixel goes to the bottom or
    right). A larger image is an error."""
    fill: Literal["colour", "edge", "reflect"] = "colour"
    "What stands there: one `colour`, the nearest pixel of the `edge`, or the image mirrored about its outermost pixels."
    colour: Annotated[
        tuple[Level, ...],
        Field(min_length=1, max_length=3),
        BeforeValidator(_sequence, json_schema_input_type=Level | tuple[Level, ...]),
    ] = (0,)
    "One number for every channel, or one for each; alpha is opaque there."

    @model_validator(mode="after")
    def _one_measure(self) -> PadOptions:
        if (self.margin is None) == (self.size is None):
            given = "neither" if self.margin is None else "both"
            raise ValueError(f"pad needs `margin` or `size`. Received: {given}")
        return self


class ModcropOptions(Options):
    """Options of `modcrop`. Example: `{type: modcrop, multiple: 4}`."""

    multiple: int = Field(ge=1)
    "Rows and columns at the end that are no whole multiple of it are cut off: the high resolution of a `downscale` by it."


class PairedCropOptions(Options):
    """Options of `paired_crop`. Example: `{type: paired_crop, size: 24}`: 24² pixels of A and 96² of B, where B is four
    times as large.

    All images of a sample show the same part: the window lies on the pixel grid of the smallest, and the others are cut
    in proportion.
    """

    size: Size
    "`[height, width]` of the window in pixels of a sample's smallest image, or one number for both."
    position: Literal["random", "centre"] = "random"
    "Where the window lies."


class RotateOptions(Options):
    """Options of `rotate`. Example: `{type: rotate}` or, for pictures that are not square, `{type: rotate, angles: [0, 180]}`."""

    angles: tuple[Literal[0, 90, 180, 270], ...] = Field((0, 90, 180, 270), min_length=1)
    """Degrees, counter-clockwise, of which one is drawn; each equally likely. 90 and 270 swap height and width: pictures
    that are not square then differ in size and make no batch."""


class FlipOptions(Options):
    """Options of `flip`. Example: `{type: flip}` or `{type: flip, horizontal: 0, vertical: 0.5}`."""

    horizontal: float = Field(0.5, ge=0, le=1)
    "Probability of mirroring left to right."
    vertical: float = Field(0.0, ge=0, le=1)
    "Probability of mirroring top to bottom."


class JitterOptions(Options):
    """Options of `jitter`. Example: `{type: jitter, load_size: 72, size: 64}`."""

    load_size: Size = Field((286, 286))
    "`[height, width]` that the image is stretched to first, or one number for both."
    size: Size = Field((256, 256))
    "`[height, width]` of the random window cut out of it, or one number for both."
    filter: Literal["lanczos", "bicubic", "bilinear"] = "bicubic"
    "Resampling filter."

    @model_validator(mode="after")
    def _window_fits(self) -> JitterOptions:
        if self.load_size[0] < self.size[0] or self.load_size[1] < self.size[1]:
            raise ValueError(
                f"jitter needs load_size >= size. Received: load_size={list(self.load_size)}, size={list(self.size)}"
            )
        return self


class ColourJitterOptions(Options):
    """Options of `colour_jitter`. Example: `{type: colour_jitter, brightness: 0.1, hue: 0.02}`."""

    brightness: float = Field(0.2, ge=0, le=1)
    "Multiply by a factor drawn from [1 - brightness, 1 + brightness]."
    contrast: float = Field(0.2, ge=0, le=1)
    "Move away from the image's mean grey by a factor drawn from [1 - contrast, 1 + contrast]."
    saturation: float = Field(0.2, ge=0, le=1)
    "Move away from the pixel's grey by a factor drawn from [1 - saturation, 1 + saturation]; no effect on grey images."
    hue: float = Field(0.0, ge=0, le=0.5)
    "Turn the colours about the grey axis by [-hue, hue] of a full turn (0.5: half a turn); no effect on grey images."


class ChannelsOptions(Options):
    """Options of `channels`. Example: `{type: channels, to: grey}`."""

    to: Literal["grey", "rgb"] = "rgb"
    "`grey`: one channel, luma of ITU-R BT.601. `rgb`: three channels."
    background: tuple[
        Annotated[int, Field(ge=0, le=255)], Annotated[int, Field(ge=0, le=255)], Annotated[int, Field(ge=0, le=255)]
    ] = (255, 255, 255)
    "Red, green and blue, 0 to 255, behind transparent parts of images with alpha."


class CannyOptions(Options):
    """Options of `canny`. Example: `{type: canny}` or `{type: canny, sigma: 1, low: 0.05, high: 0.15, invert: false}`."""

    sigma: float = Field(2.0, ge=0, le=50)
    "Standard deviation of the Gaussian that smooths the grey image first, in pixels; 0 does not smooth."
    low: float = Field(0.1, gt=0, le=1)
    "Contrast from which a point continues an edge."
    high: float = Field(0.2, gt=0, le=1)
    """Contrast from which a point begins an edge. Contrasts are those of a straight step between two greys, as fractions
    of the step from black to white, and mean the same whatever `sigma` is."""
    invert: bool = True
    "Black lines on white, as in edges2photo data sets; false: white lines on black."
    channels: Literal[1, 3] = 3
    "Channels of the result, all alike."

    @model_validator(mode="after")
    def _low_is_lower(self) -> CannyOptions:
        if self.low > self.high:
            raise ValueError(f"canny needs low <= high. Received: low={self.low:g}, high={self.high:g}")
        return self


class NormaliseOptions(Options):
    """Options of `normalise`: `(value - mean) / scale`. Example: just `normalise`."""

    mean: PerChannel = Field((127.5,))
    "Subtracted from 0..255: one number or one for each channel."
    scale: PerChannel = Field((127.5,))
    "Divided by afterwards: one number or one for each channel. The default makes [-1, 1], what the models expect."

    @model_validator(mode="after")
    def _scale_is_positive(self) -> NormaliseOptions:
        if min(self.scale) <= 0:
            raise ValueError(f"normalise needs scale > 0. Received: {list(self.scale)}")
        return self
