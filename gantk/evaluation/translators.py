"""What is measured: trained networks, untrained ones, and the input itself, as it is or enlarged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gantk.errors import RunFailed

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from gantk.config import Component


class NetworkTranslator:
    """Networks as a bundle of them would translate; they may change between calls. Implements `gantk.Translator`.

    Args:
        networks: A network from images to images by direction.
        components: What they were built from, by the same directions: says which sizes they take and give.
        batch_size: Images in one call of a network.
    """

    def __init__(
        self, networks: Mapping[str, keras.Model], components: Mapping[str, Component], batch_size: int = 8
    ) -> None:
        # On use: what only compares pictures loads no framework.
        from gantk.artifacts.image_translator import ImageTranslator

        self._batch_size = batch_size
        self._translators = {
            direction: ImageTranslator(
                network,
                size_multiple=getattr(components[direction].options, "size_multiple", 1),
                smallest_size=getattr(components[direction].options, "smallest_size", 1),
                scale=getattr(components[direction].options, "scale", 1),
            )
            for direction, network in networks.items()
        }

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions there is a network for."""
        return tuple(self._translators)

    def __call__(self, direction: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Translate images of any size, float32 in [-1, 1], batch × height × width × channels."""
        outputs = self._translators[direction](np.asarray(images, np.float32), batch_size=self._batch_size)
        return np.asarray(outputs, np.float32)


class IdentityTranslator:
    """Gives back its input: the floor that a translation must beat. Implements `gantk.Translator`.

    Args:
        directions: The directions it claims.
        scales: Height and width of a result over those of its input, by direction; 1 where none is given. Above 1
            every pixel becomes a square of so many equal ones.
    """

    def __init__(self, directions: tuple[str, ...], scales: Mapping[str, int] | None = None) -> None:
        self._directions = directions
        self._scales = dict(scales or {})

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions it claims."""
        return self._directions

    def __call__(self, direction: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the images as they are, enlarged by nearest neighbour where the direction has a scale."""
        scale = self._scales.get(direction, 1)
        return images if scale == 1 else images.repeat(scale, axis=1).repeat(scale, axis=2)


class BicubicTranslator:
    """Enlarges its input by Pillow's bicubic: what a network for super-resolution must beat. Implements `gantk.Translator`.

    Args:
        directions: The directions it claims.
        scales: Height and width of a result over those of its input, by direction.

    Raises:
        RunFailed: A direction does not enlarge.
    """

    def __init__(self, directions: tuple[str, ...], scales: Mapping[str, int]) -> None:
        for direction in directions:
            if scales.get(direction, 1) == 1:
                raise RunFailed(
                    "The baseline 'bicubic' enlarges the input of a model for super-resolution. "
                    f"Received: {direction} with results of the size of the input",
                    hint="Leave it out of `baselines`; `identity` gives back the input.",
                )
        self._scales = dict(scales)
        self._directions = directions
        self.protocol: Mapping[str, Any] = {"enlarged": "Pillow bicubic, of 8-bit levels", "scales": self._scales}

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions it claims."""
        return self._directions

    def __call__(self, direction: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Enlarge images, float32 in [-1, 1], batch × height × width × channels; the result has 8-bit levels."""
        levels = np.clip(np.rint((images + np.float32(1)) * np.float32(127.5)), 0, 255).astype(np.uint8)
        scale = self._scales[direction]
        return np.stack([enlarged_bicubic(picture, scale) for picture in levels]).astype(np.float32) / np.float32(
            127.5
        ) - np.float32(1)


def enlarged_bicubic(levels: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Enlarge a picture by Pillow's bicubic, each channel by itself.

    Args:
        levels: uint8, height × width × channels.
        scale: How many times higher and wider.

    Returns:
        uint8 of `scale` times the height and width.
    """
    height, width, channels = levels.shape
    size = (scale * width, scale * height)
    planes = [
        Image.fromarray(np.ascontiguousarray(levels[..., channel])).resize(size, Image.Resampling.BICUBIC)
        for channel in range(channels)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)
