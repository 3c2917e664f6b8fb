"""Which of a picture's pixels and channels are compared: the border cut off, the luma alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed
from gantk_metrics.options import ChosenPixelsOptions

_LUMA = np.array([65.481, 128.553, 24.966]) / 255
_BLACK = 16.0


def luma(pictures: NDArray[Any]) -> NDArray[np.float64]:
    """Return the luma Y' of ITU-R BT.601: 16 + (65.481 R + 128.553 G + 24.966 B) / 255.

    MATLAB's `rgb2ycbcr` of 8-bit pictures rounds it to whole levels; here it is not rounded, as in BasicSR, whose
    figures most papers of today give.

    Args:
        pictures: Levels in 0 … 255, … × 3, or … × 1: grey, given to red, green and blue.

    Returns:
        float64 in [16, 235], … × 1.

    Raises:
        RunFailed: They have another number of channels.
    """
    channels = pictures.shape[-1]
    if channels not in (1, 3):
        raise RunFailed(
            f"Luma is made of 1 or 3 channels. Received: pictures with {channels}",
            hint="Put {type: channels, to: rgb} among the transforms of the prepare stage, or take `channels: rgb`.",
        )
    weights = _LUMA if channels == 3 else _LUMA.sum(keepdims=True)
    return (pictures.astype(np.float64) @ weights + _BLACK)[..., None]


def without_border(pictures: NDArray[Any], border: int, metric: str) -> NDArray[Any]:
    """Cut pixels off on each side.

    Args:
        pictures: batch × height × width × channels.
        border: How many.
        metric: Whose pictures they are, for the error message.

    Raises:
        RunFailed: Nothing would be left.
    """
    height, width = pictures.shape[1:3]
    if min(height, width) <= 2 * border:
        raise RunFailed(
            f"{metric}: pictures must be larger than the border of {border} pixels on each side. "
            f"Received: {width} × {height}"
        )
    return pictures[:, border : height - border, border : width - border]


def chosen_pixels(pictures: NDArray[np.uint8], options: ChosenPixelsOptions, metric: str) -> NDArray[Any]:
    """Return what is compared of pictures, batch × height × width × channels: uint8 levels, or luma in float64."""
    inner = without_border(pictures, options.border, metric)
    return luma(inner) if options.channels == "y" else inner


def value_name(metric: str, options: ChosenPixelsOptions) -> str:
    """Return what a value is called: `psnr`, `psnr_y`, `psnr_border4`, `psnr_y_border4`."""
    return metric + ("_y" if options.channels == "y" else "") + (f"_border{options.border}" if options.border else "")


def pixels_protocol(options: ChosenPixelsOptions, channels: str) -> Mapping[str, Any]:
    """Say what is compared.

    Args:
        options: The metric's options.
        channels: What is done with the channels of colour pictures.
    """
    return {
        "channels": "luma of ITU-R BT.601, 16 to 235, not rounded (as BasicSR)"
        if options.channels == "y"
        else channels,
        "border": f"{options.border} pixels cut off on each side" if options.border else "none cut off",
    }
