"""The second-order degradation of Real-ESRGAN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from gantk_transforms.blur_kernels import generalised_gaussian, plateau, sinc, squared_distances
from gantk_transforms.colour_jitter import LUMA
from gantk_transforms.degradation_options import BlindDegradationOptions, FirstDegradation
from gantk_transforms.downscale import block_means
from gantk_transforms.modcrop import cropped_to_multiple
from gantk_transforms.pictures import require_image

# The preparation has a process for each CPU, and training its own threads: more would get in each other's way.
cv2.setNumThreads(1)

_INTERPOLATIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)

_SMALL_KERNEL = 13
"""Sides below this have a sinc filter that lets more pass: it would have too few pixels for a lower cutoff."""


class BlindDegradation:
    """Blur, resize, noise and JPEG, twice, with a sinc filter at the end: what unknown photographs have been through.

    Everything is drawn anew for every picture, from the generator alone. Between the steps the picture is float32;
    OpenCV filters and resizes it, with mirrored edges, and JPEG is libjpeg-turbo's, colour at half the resolution. Of
    alpha the mean of each block is taken, and nothing else is done to it.

    Reference:
        Wang 2021, section 3, https://arxiv.org/abs/2107.10833
    """

    def __init__(self, options: BlindDegradationOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the degraded image, uint8, ⌊height / factor⌋ × ⌊width / factor⌋ × channels.

        Raises:
            RunFailed: A side is shorter than the factor.
        """
        require_image(image, "blind_degradation")
        factor, first, second = self.options.factor, self.options.first, self.options.second
        whole = np.ascontiguousarray(cropped_to_multiple(image, factor, "blind_degradation"))
        size = (whole.shape[0] // factor, whole.shape[1] // factor)
        picture = np.ascontiguousarray(whole[..., :3]).astype(np.float32) / np.float32(255)

        picture = blurred(picture, first, random)
        picture = resized(picture, _scaled(picture.shape[:2], first, random), random)
        picture = noisy(picture, first, random)
        picture = compressed(picture, first, random)

        picture = blurred(picture, second, random)
        picture = resized(picture, _scaled(size, second, random), random)
        picture = noisy(picture, second, random)
        if random.random() < 0.5:
            picture = self._ringing(resized(picture, size, random), random)
            picture = compressed(picture, second, random)
        else:
            picture = compressed(picture, second, random)
            picture = self._ringing(resized(picture, size, random), random)

        result = _as_bytes(picture)
        return result if image.shape[2] < 4 else np.concatenate([result, block_means(whole[..., 3:], factor)], axis=2)

    def _ringing(self, picture: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
        if random.random() >= self.options.final_sinc_probability:
            return picture
        side = _drawn_side(self.options.second.kernel_sides, random)
        return _filtered(picture, sinc(side, random.uniform(math.pi / 3, math.pi)))


def blurred(picture: NDArray[np.float32], step: FirstDegradation, random: np.random.Generator) -> NDArray[np.float32]:
    """Return a picture blurred by a kernel drawn for it, or as it is."""
    if random.random() >= step.blur_probability:
        return picture
    return _filtered(picture, drawn_kernel(step, random))


def drawn_kernel(step: FirstDegradation, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw a blur kernel: its kind, side, widths, angle and shape. Its sum is 1."""
    side = _drawn_side(step.kernel_sides, random)
    if random.random() < step.sinc_probability:
        return sinc(side, random.uniform(math.pi / (3 if side < _SMALL_KERNEL else 5), math.pi))
    kind = _drawn(step.kernels, random)
    sigma = random.uniform(*step.blur_sigma)
    if kind.endswith("anisotropic"):
        squared = squared_distances(side, (sigma, random.uniform(*step.blur_sigma)), random.uniform(-math.pi, math.pi))
    else:
        squared = squared_distances(side, (sigma, sigma))
    if kind.startswith("plateau"):
        return plateau(squared, _drawn_beta(step.plateau_beta, random))
    return generalised_gaussian(
        squared, _drawn_beta(step.generalised_beta, random) if kind.startswith("generalised") else 1.0
    )


def resized(picture: NDArray[np.float32], size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
    """Return a picture resized by area, bilinear or bicubic interpolation, whichever is drawn; not antialiased."""
    interpolation = _INTERPOLATIONS[int(random.random() * len(_INTERPOLATIONS))]
    if picture.shape[:2] == size:
        return picture
    return _with_channels(cv2.resize(picture, (size[1], size[0]), interpolation=interpolation))


def noisy(picture: NDArray[np.float32], step: FirstDegradation, random: np.random.Generator) -> NDArray[np.float32]:
    """Return a picture with Gaussian or Poisson noise, of each channel or the same in all, in [0, 1]."""
    gaussian = random.random() < step.gaussian_probability
    grey = random.random() < step.grey_noise_probability
    if gaussian:
        sigma = random.uniform(*step.gaussian_sigma) / 255
        shape = (*picture.shape[:2], 1) if grey else picture.shape
        noise = random.standard_normal(shape, np.float32) * np.float32(sigma)
    else:
        noise = _poisson_noise(picture, grey, random) * np.float32(random.uniform(*step.poisson_scale))
    return np.clip(picture + noise, 0, 1)


def _poisson_noise(picture: NDArray[np.float32], grey: bool, random: np.random.Generator) -> NDArray[np.float32]:
    """Return what differs when light is counted: as many quanta at full white as the picture has grey levels.

    The number of levels is rounded up to a power of two.
    """
    if grey and picture.shape[2] == 3:
        picture = (picture @ LUMA.astype(np.float32))[..., None]
    levels = _as_bytes(picture)
    quanta = 2.0 ** math.ceil(math.log2(np.count_nonzero(np.bincount(levels.ravel(), minlength=256))))
    expected = levels / 255
    return (random.poisson(expected * quanta) / quanta - expected).astype(np.float32)


def compressed(
    picture: NDArray[np.float32], step: FirstDegradation, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return a picture as it comes back from a JPEG file of a quality drawn for it."""
    low, high = step.jpeg_quality
    quality = int(random.integers(low, high + 1))
    colours = ("GRAY", "Gray") if picture.shape[2] == 1 else ("RGB", "420")
    file = simplejpeg.encode_jpeg(
        _as_bytes(picture), quality=quality, colorspace=colours[0], colorsubsampling=colours[1]
    )
    return simplejpeg.decode_jpeg(file, colorspace=colours[0]).astype(np.float32) / np.float32(255)


def _scaled(size: tuple[int, ...], step: FirstDegradation, random: np.random.Generator) -> tuple[int, int]:
    """Draw a size around another one."""
    what = _drawn(step.resizing, random)
    smallest, largest = step.resize_range
    scale = random.uniform(*{"enlarge": (1.0, largest), "reduce": (smallest, 1.0), "keep": (1.0, 1.0)}[what])
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _drawn(shares: Mapping[Any, float], random: np.random.Generator) -> str:
    position = random.random() * sum(shares.values())
    chosen = ""
    for name, share in shares.items():
        position -= share
        if share > 0:
            chosen = name
            if position < 0:
                break
    return chosen


def _drawn_side(sides: tuple[int, int], random: np.random.Generator) -> int:
    return sides[0] + 2 * int(random.integers(0, (sides[1] - sides[0]) // 2 + 1))


def _drawn_beta(between: tuple[float, float], random: np.random.Generator) -> float:
    middle = min(max(1.0, between[0]), between[1])
    return random.uniform(between[0], middle) if random.random() < 0.5 else random.uniform(middle, between[1])


def _filtered(picture: NDArray[np.float32], kernel: NDArray[np.float64]) -> NDArray[np.float32]:
    return _with_channels(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101))


def _with_channels(picture: Any) -> NDArray[np.float32]:
    # OpenCV drops the axis of a single channel.
    result: NDArray[np.float32] = picture[..., None] if picture.ndim == 2 else picture
    return result


def _as_bytes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(picture * np.float32(255)), 0, 255).astype(np.uint8)
