"""Pictures that are of no domain, made of real ones and of chance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DESCRIPTION = "noise of several grains, real pictures under strong noise, real pictures through random filters"
"""What `ruined` makes, for protocols."""


def ruined(images: NDArray[Any], random: np.random.Generator) -> NDArray[np.float32]:
    """Return as many pictures of no domain, a third of each kind on average.

    Noise; a real picture under noise that is stronger than the picture; and a real picture convolved with random
    kernels that mix its channels, with random contrast and brightness, as a network with random weights leaves it.

    Args:
        images: Real pictures in [-1, 1], batch × height × width × channels.
        random: The source of randomness.

    Returns:
        float32 in [-1, 1], of the same shape.
    """
    kinds = (_noise, _under_noise, _filtered)
    chosen = random.integers(len(kinds), size=len(images))
    return np.stack([kinds[kind](image, random) for kind, image in zip(chosen, images, strict=True)])


def _noise(image: NDArray[Any], random: np.random.Generator) -> NDArray[np.float32]:
    """Noise of a random grain, contrast and colour, grey or not."""
    height, width, channels = image.shape
    grain = int(random.choice([1, 1, 2, 4, 8]))
    depth = int(random.choice([1, channels]))
    cells = random.normal(0, random.uniform(0.15, 0.8), (-(-height // grain), -(-width // grain), depth))
    spread = cells.repeat(grain, axis=0).repeat(grain, axis=1)[:height, :width]
    return _in_range(spread + random.uniform(-0.6, 0.6, channels))


def _under_noise(image: NDArray[Any], random: np.random.Generator) -> NDArray[np.float32]:
    """A real picture, faded, under noise of a random grain."""
    noise = _noise(image, random)
    share = random.uniform(0.5, 0.8)
    strength = random.uniform(0.5, 1.0)
    return _in_range(share * strength * random.normal(0, 0.6, image.shape) + share * noise + (1 - share) * image)


def _filtered(image: NDArray[Any], random: np.random.Generator) -> NDArray[np.float32]:
    """A real picture through two or three random convolutions, at a random contrast and brightness."""
    features = np.asarray(image, np.float64)
    for _ in range(random.integers(2, 4)):
        features = np.tanh(_random_convolution(features, random))
    deviation = features.std() + 1e-6
    contrast = random.uniform(0.05, 0.6)
    return _in_range((features - features.mean()) / deviation * contrast + random.uniform(-0.5, 0.5, image.shape[-1]))


def _random_convolution(features: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    channels = features.shape[-1]
    side = int(random.choice([3, 5]))
    kernel = random.normal(0, 1 / np.sqrt(side * side * channels), (side, side, channels, channels))
    around = np.pad(features, ((side // 2, side // 2), (side // 2, side // 2), (0, 0)), mode="reflect")
    height, width = features.shape[:2]
    result = np.zeros(features.shape)
    for row in range(side):
        for column in range(side):
            result += around[row : row + height, column : column + width] @ kernel[row, column]
    return result


def _in_range(image: NDArray[Any]) -> NDArray[np.float32]:
    return np.clip(image, -1, 1).astype(np.float32)
