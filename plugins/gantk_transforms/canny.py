"""Edges as thin lines."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gantk_transforms.channels import Channels
from gantk_transforms.options import CannyOptions, ChannelsOptions
from gantk_transforms.pictures import require_image

# The preparation has a process for each CPU, and training its own threads: more would get in each other's way.
cv2.setNumThreads(1)

_SMOOTHING_RADIUS = 4
"""Standard deviations at which the Gaussian is cut off: less than one of 10 000 is left outside."""

_STEP = 65_535
"""A step from black to white in the 16-bit grey that is smoothed."""

_STEEPEST = 30_000
"""What the derivative of that step becomes: OpenCV takes 16-bit integers, and its smoothing may round up a little."""


class Canny:
    """Canny's edge detector: Gaussian, gradient, non-maximum suppression, hysteresis.

    The gradient is Sobel's, its length Euclidean. OpenCV smooths in fixed point and what follows is exact, so that
    every machine finds the same edges. Transparent parts count as white.

    Reference:
        Canny 1986, sections II–V and VIII, https://doi.org/10.1109/TPAMI.1986.4767851
    """

    def __init__(self, options: CannyOptions) -> None:
        self.options = options
        self._grey = Channels(ChannelsOptions(to="grey"))
        radius = math.ceil(_SMOOTHING_RADIUS * options.sigma)
        self._side = 2 * radius + 1
        taps = np.zeros(self._side + 1)
        taps[:-1] = cv2.getGaussianKernel(self._side, options.sigma)[:, 0] if radius else 1.0
        # Sobel's derivative, [-1, 0, 1] times [1, 2, 1]ᵀ, on the slope of a smoothed step: the two middle taps of the
        # Gaussian fall between its outer points, and no image in the same range is steeper along an axis.
        self._scale = _STEEPEST / (4 * _STEP * (taps[radius] + taps[radius + 1]))

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the edges, uint8, height × width × `channels`, every value 0 or 255."""
        require_image(image, "canny")
        grey = self._grey(image, random).astype(np.uint16) * np.uint16(257)
        if self._side > 1:
            size = (self._side, self._side)
            grey = cv2.GaussianBlur(grey, size, self.options.sigma, borderType=cv2.BORDER_REPLICATE)
        low, high = self.options.low * _STEEPEST, self.options.high * _STEEPEST
        edges = cv2.Canny(self._derivative(grey, 1, 0), self._derivative(grey, 0, 1), low, high, L2gradient=True)
        found: NDArray[np.uint8] = 255 - edges if self.options.invert else edges
        return np.repeat(found[..., None], self.options.channels, axis=2)

    def _derivative(self, grey: NDArray[np.uint16], across: int, down: int) -> NDArray[np.int16]:
        slope = cv2.Sobel(grey, cv2.CV_64F, across, down, ksize=3, borderType=cv2.BORDER_REPLICATE)
        return np.rint(slope * self._scale).astype(np.int16)
