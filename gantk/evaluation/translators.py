"""What is measured: trained networks, untrained ones, and giving back the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

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
