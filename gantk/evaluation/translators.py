"""What is measured: trained networks, untrained ones, and giving back the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray


class NetworkTranslator:
    """Networks that translate, one a direction. Implements `gantk.Translator`.

    Args:
        networks: A Keras model from images to images by direction.
        batch_size: Images in one call of a network.
    """

    def __init__(self, networks: Mapping[str, keras.Model], batch_size: int = 16) -> None:
        self._networks = dict(networks)
        self._batch_size = batch_size

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions there is a network for."""
        return tuple(self._networks)

    def __call__(self, direction: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Translate images, float32 in [-1, 1], batch × height × width × channels."""
        outputs = self._networks[direction].predict(images, batch_size=self._batch_size, verbose=0)
        return np.asarray(outputs, np.float32)


class IdentityTranslator:
    """Gives back its input: the floor that a translation must beat. Implements `gantk.Translator`.

    Args:
        directions: The directions it claims.
    """

    def __init__(self, directions: tuple[str, ...]) -> None:
        self._directions = directions

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions it claims."""
        return self._directions

    def __call__(self, direction: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the images as they are."""
        return images
