"""Turning by right angles at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk_transforms.options import RotateOptions


class Rotate:
    """Turn by one of some right angles, each equally likely; see `RotateOptions`."""

    def __init__(self, options: RotateOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the turned image, of the same dtype; a quarter turn swaps height and width."""
        angles = self.options.angles
        angle = angles[int(random.random() * len(angles))]
        return np.rot90(image, angle // 90).copy()
