"""Cutting an image to a multiple of a size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed
from gantk_transforms.options import ModcropOptions


def cropped_to_multiple(image: NDArray[Any], multiple: int, transform: str) -> NDArray[Any]:
    """Return the upper left part of an image whose height and width are the largest multiples; a view.

    Raises:
        RunFailed: A side is shorter than the multiple.
    """
    height, width = image.shape[0] // multiple * multiple, image.shape[1] // multiple * multiple
    if not height or not width:
        raise RunFailed(
            f"The transform {transform!r} needs images of at least {multiple} x {multiple} pixels. "
            f"Received: {image.shape[0]} x {image.shape[1]}"
        )
    return image[:height, :width]


class Modcrop:
    """Cut off the last rows and columns that are no whole multiple; see `ModcropOptions`.

    It is called so after the function that the authors of SRCNN published with their evaluation (Dong 2014).
    """

    def __init__(self, options: ModcropOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the upper left part, of the image's dtype.

        Raises:
            RunFailed: A side is shorter than the multiple.
        """
        return cropped_to_multiple(image, self.options.multiple, "modcrop").copy()
