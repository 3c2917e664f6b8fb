"""From 8-bit values to what a network takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed
from gantk_transforms.options import NormaliseOptions
from gantk_transforms.pictures import require_image


class Normalise:
    """`(value - mean) / scale` as float32; by default 0 becomes exactly -1 and 255 exactly 1."""

    def __init__(self, options: NormaliseOptions) -> None:
        self.mean = np.array(options.mean, np.float32)
        self.scale = np.array(options.scale, np.float32)

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[np.float32]:
        """Return float32 of the image's shape.

        Raises:
            RunFailed: As many means or scales as the image has channels were expected, or one.
        """
        require_image(image, "normalise")
        height, width, channels = image.shape
        for name, values in (("mean", self.mean), ("scale", self.scale)):
            if values.size not in (1, channels):
                raise RunFailed(
                    f"The transform 'normalise' takes one {name} or one for each of the image's {channels} channels. "
                    f"Received: {values.size} values"
                )
        # Over whole rows: ten times faster than broadcasting over the few channels of each pixel.
        rows = image.reshape(height, width * channels)
        result: NDArray[np.float32] = np.subtract(rows, self._row(self.mean, width), dtype=np.float32)
        result /= self._row(self.scale, width)
        return result.reshape(image.shape)

    @staticmethod
    def _row(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
        return values if values.size == 1 else np.tile(values, width)
