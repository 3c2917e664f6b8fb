"""The network that turns pictures into feature vectors, chosen by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gantk import PictureSet
from gantk_metrics.feature_options import (
    EfficientNetLite0Features,
    FeatureOptions,
    InceptionV3Features,
    VGG16Features,
)
from gantk_metrics.picture_levels import PixelDigest, to_rgb

if TYPE_CHECKING:
    import keras

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class FeatureNetwork:
    """A network with what must be done to pictures before it.

    Args:
        network: A Keras model from batch × height × width × 3 to batch × features.
        mean: Subtracted from levels 0 … 255, one number a channel.
        scale: Divided by afterwards.
        size: Height and width it is given.
        resizer: Name of Pillow's filter.
        description: Name, weights and layer, for protocols.
    """

    network: keras.Model
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
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
            "preprocessing": f"(level - {_listed(self.mean)}) / {_listed(self.scale)}, RGB",
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
        inputs[: len(batch)] = (np.stack(batch) - np.float32(self.mean)) / np.float32(self.scale)
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


def load_features(options: FeatureOptions) -> FeatureNetwork:
    """Build the network that the options name.

    Raises:
        RunFailed: Its weights are missing, damaged or those of something else.
    """
    match options:
        case InceptionV3Features():
            from gantk_metrics import inception_v3

            network, description = inception_v3.build(options.path)
            mean, scale = inception_v3.MEAN, inception_v3.SCALE
        case EfficientNetLite0Features():
            from gantk_metrics import efficientnet_lite0

            network, description = efficientnet_lite0.build(options.path)
            mean, scale = efficientnet_lite0.MEAN, efficientnet_lite0.SCALE
        case VGG16Features():
            from gantk_metrics import vgg16

            network, description = vgg16.build(options.path, options.layer)
            mean, scale = vgg16.MEAN, vgg16.SCALE
        case _:
            raise TypeError(f"options must be those of a known feature network. Received: {type(options).__name__}")
    return FeatureNetwork(network, mean, scale, options.size, options.resizer, description)


def _listed(values: tuple[float, float, float]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else f"[{', '.join(f'{value:g}' for value in values)}]"
