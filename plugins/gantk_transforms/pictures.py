"""The way between uint8 arrays and Pillow pictures, which do the resampling and colour conversions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gantk import RunFailed

RESAMPLING = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}
"""Pillow's filter by the name of the option."""


def require_image(image: NDArray[np.uint8], transform: str) -> None:
    """Raise unless the array is an 8-bit image.

    Raises:
        RunFailed: Not uint8, not height × width × 1, 3 or 4, or without pixels.
    """
    if image.dtype != np.uint8:
        raise RunFailed(
            f"The transform {transform!r} takes 8-bit images (uint8). Received: {image.dtype}",
            hint="Put `normalise` behind all other transforms.",
        )
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or image.size == 0:
        raise RunFailed(
            f"The transform {transform!r} takes images of height x width x 1, 3 or 4 channels. "
            f"Received: shape {image.shape}"
        )


def to_picture(image: NDArray[np.uint8]) -> Image.Image:
    """Return a Pillow picture (`L`, `RGB` or `RGBA`) of a uint8 image, height × width × 1, 3 or 4."""
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def to_array(picture: Image.Image) -> NDArray[np.uint8]:
    """Return a picture's pixels as a new, writable uint8 array, height × width × channels."""
    array = np.array(picture)
    return array[..., None] if array.ndim == 2 else array


def resample(
    image: NDArray[np.uint8],
    size: tuple[int, int],
    filter_name: str,
    box: tuple[float, float, float, float] | None = None,
) -> NDArray[np.uint8]:
    """Resample a window of an image in one step.

    Alpha is weighed in (Pillow multiplies the colours by it and divides them again), so transparent
    pixels leave no fringe.

    Args:
        image: uint8, height × width × 1, 3 or 4.
        size: Height and width of the result.
        filter_name: A key of `RESAMPLING`.
        box: The window as `(left, top, right, bottom)` in source pixels, fractions allowed; the whole
            image where None. Pixels beside the window still count in the filter at its edges.

    Returns:
        uint8, the size asked for, as many channels; a new array.
    """
    height, width = image.shape[:2]
    if box is not None:
        # Rounding may carry the far edges past the image by a few ulps, which Pillow refuses.
        box = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height)))
    if (height, width) == size and box in (None, (0.0, 0.0, float(width), float(height))):
        return image.copy()
    return to_array(to_picture(image).resize((size[1], size[0]), RESAMPLING[filter_name], box=box))
