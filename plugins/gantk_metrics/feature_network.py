"""The network that turns pictures into feature vectors, chosen by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gantk import Component, FeatureNetwork, FeaturePreprocessing, PictureSet
from gantk_metrics.feature_options import PictureFeatures
from gantk_metrics.picture_levels import PixelDigest, to_rgb

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class PooledNetwork:
    """A feature network that gives one vector a picture, with what must be done to pictures before it.

    Args:
        network: A Keras model from batch × height × width × 3 to batch × features.
        preprocessing: From levels 0 … 255 to what it takes.
        size: Height and width it is given.
        resizer: Name of Pillow's filter.
        description: Name, weights and layer, for protocols.
    """

    network: keras.Model
    preprocessing: FeaturePreprocessing
    size: int
    resizer: str
    description: Mapping[str, Any]

    @property
    def dimension(self) -> int:
        """Length of a feature vector."""
        return int(self.network.output_shape[-1])

    @property
    def protocol(self) -> dict[str, Any]:
        """What must be the same for two results to be comparable."""
        return {
            **self.description,
            "dimension": self.dimension,
            "preprocessing": str(self.preprocessing),
            "resizer": f"Pillow {self.resizer}, antialiased, in floats, to {self.size} × {self.size}",
        }

    def features(self, pictures: PictureSet, batch_size: int, digest: PixelDigest) -> Iterator[NDArray[np.float64]]:
        """Yield the features of the pictures of a set that can be read.

        Args:
            pictures: The set; pictures of any size with 1 or 3 channels.
            batch_size: Pictures in one call of the network.
            digest: Takes every picture in, before resizing.

        Yields:
            float64, at most `batch_size` × `dimension`.
        """
        batch: list[NDArray[np.float32]] = []
        for name in pictures.names:
            picture = pictures.read(name)
            if picture is None:
                continue
            digest.add(picture)
            batch.append(resized(to_rgb(picture, name), self.size, self.resizer))
            if len(batch) == batch_size:
                yield self._forward(batch, batch_size)
                batch = []
        if batch:
            yield self._forward(batch, min(batch_size, len(pictures.names)))

    def _forward(self, batch: list[NDArray[np.float32]], batch_size: int) -> NDArray[np.float64]:
        # Always one shape, since a compiled network is compiled anew for every other.
        inputs = np.zeros((batch_size, self.size, self.size, 3), np.float32)
        inputs[: len(batch)] = self.preprocessing(np.stack(batch))
        return np.asarray(self.network.predict_on_batch(inputs), np.float64)[: len(batch)]


def resized(picture: NDArray[np.uint8], size: int, resizer: str) -> NDArray[np.float32]:
    """Resample a picture to a square, antialiased and without rounding (Parmar 2022, section 3).

    Args:
        picture: uint8, height × width × channels.
        size: Height and width of the result.
        resizer: `bicubic`, `bilinear` or `lanczos`.

    Returns:
        float32 in about [0, 255], size × size × channels; bicubic and Lanczos may overshoot a little.
    """
    if picture.shape[:2] == (size, size):
        return picture.astype(np.float32)
    channels = [
        np.asarray(Image.fromarray(picture[..., channel].astype(np.float32)).resize((size, size), _FILTERS[resizer]))
        for channel in range(picture.shape[2])
    ]
    return np.stack(channels, axis=-1)


def load_features(features: Component) -> PooledNetwork:
    """Build the chosen network up to the chosen layer, averaged over the picture.

    Raises:
        RunFailed: Its weights are missing, damaged or those of something else.
    """
    options = features.options
    if not isinstance(options, PictureFeatures):
        raise TypeError(f"features must have the options of PictureFeatures. Received: {type(options).__name__}")
    source: FeatureNetwork = features.create()
    built = source.build([options.chosen_layer])
    (outputs,) = built.outputs
    averaged = len(outputs.shape) == 4
    if averaged:
        outputs = keras.layers.GlobalAveragePooling2D(dtype="float32")(outputs)
    layer = f"{options.chosen_layer}, averaged over the picture" if averaged else options.chosen_layer
    return PooledNetwork(
        keras.Model(built.inputs[0], outputs),
        source.preprocessing,
        options.chosen_size,
        options.resizer,
        {**source.description, "layer": layer},
    )
