"""What makes images of chance, or stands in for it: a network of latent vectors, and real pictures as the floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.errors import RunFailed
from gantk.randomness import generator_of

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from gantk.engine.latents import LatentOptions
    from gantk.protocols import EvaluationData

_BATCH_PIXELS = 1 << 18
"""Pixels that a network makes in one call, at most, where it makes more than one image."""


class NetworkSampler:
    """A network of latent vectors; its weights may change between calls. Implements `gantk.Sampler`.

    Args:
        network: From latent vectors, with classes from these and one-hot labels, to images in [-1, 1].
        latents: Where the vectors come from.
        classes: Names of the labels that it takes; empty where it takes none.
        batch_size: Images in one call of the network, fewer where they are large.
    """

    def __init__(
        self, network: keras.Model, latents: LatentOptions, classes: Sequence[str] = (), batch_size: int = 64
    ) -> None:
        self._network = network
        self._latents = latents
        self._classes = tuple(classes)
        height, width, _ = self.shape
        self._batch_size = max(1, min(batch_size, _BATCH_PIXELS // (height * width)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        height, width, channels = self._network.output_shape[1:]
        return int(height), int(width), int(channels)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels that it takes."""
        return self._classes

    def sample(
        self, count: int, *, seed: int, first: int = 0, labels: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Make images, float32 in [-1, 1], count × height × width × channels; see `gantk.Sampler`."""
        from gantk.engine.latents import latent_vectors

        images = np.empty((count, *self.shape), np.float32)
        numbers = self._labels(count, first, labels)
        for start in range(0, count, self._batch_size):
            size = min(self._batch_size, count - start)
            # Always one shape: a shorter last batch would be compiled for itself.
            vectors = latent_vectors(self._latents, self._batch_size, seed=seed, first=first + start)
            images[start : start + size] = self._generated(vectors, numbers[start : start + size])[:size]
        return images

    def _labels(self, count: int, first: int, labels: Sequence[int] | None) -> NDArray[np.int64]:
        if not self._classes:
            if labels is not None:
                raise ValueError("labels are for a sampler with classes. Received: labels for one without")
            return np.zeros(count, np.int64)
        if labels is None:
            return np.arange(first, first + count) % len(self._classes)
        if len(labels) != count:
            raise ValueError(f"each of {count} images needs one label. Received: {len(labels)}")
        return np.asarray(labels, np.int64)

    def _generated(self, vectors: NDArray[np.float32], numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        import keras

        inputs: Any = vectors
        if self._classes:
            padded = np.zeros(len(vectors), np.int64)
            padded[: len(numbers)] = numbers
            inputs = [vectors, np.eye(len(self._classes), dtype=np.float32)[padded]]
        # Called as it is: a network that grows changes what it does between calls, which a compiled one would not see.
        return np.asarray(keras.ops.convert_to_numpy(self._network(inputs, training=False)), np.float32)


class RealSampler:
    """Real pictures as if they were samples: the floor beside every metric of samples. Implements `gantk.Sampler`.

    No generator can be expected to be nearer to the real pictures of one split than those of another split are. The
    seed decides the order of the pictures; each is given once.

    Args:
        data: The prepared data, of single pictures.
        split: Where the pictures are taken from; metrics compare with those of another split.

    Raises:
        RunFailed: The split has no single pictures.
    """

    def __init__(self, data: EvaluationData, split: str) -> None:
        self.split = split
        if "image" not in data.fields(split, "image"):
            raise RunFailed(
                f"The baseline 'real' takes single pictures of the split {split!r}. Received: no such pictures",
                hint="Leave it out of `baselines`, or name another `baseline_split`.",
            )
        self._pictures = data.samples(split, "image", ("image",))
        self.protocol: Mapping[str, Any] = {"real_pictures": {"split": split, "available": self.available}}

    @property
    def available(self) -> int:
        """How many pictures there are."""
        return len(self._pictures)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the first picture."""
        height, width, channels = self._pictures[0]["image"].shape
        return height, width, channels

    @property
    def classes(self) -> tuple[str, ...]:
        """None: pictures are taken as they come."""
        return ()

    def sample(
        self, count: int, *, seed: int, first: int = 0, labels: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Return pictures in an order that the seed decides, float32 in [-1, 1].

        Raises:
            RunFailed: There are not so many, or they differ in size.
        """
        if labels is not None:
            raise ValueError("labels are for a sampler with classes. Received: labels for real pictures")
        if first + count > self.available:
            raise RunFailed(
                f"The baseline 'real' has {self.available} pictures of the split {self.split!r}. "
                f"Received: asked for {first + count}",
                hint="Set `samples` of the metric to no more, or name a larger `baseline_split`.",
            )
        order = generator_of("real pictures", seed).permutation(self.available)[first : first + count]
        pictures = [self._pictures[int(index)]["image"] for index in order]
        if {picture.shape for picture in pictures} - {self.shape}:
            raise RunFailed(
                f"The baseline 'real' needs pictures of one size. Received: {sorted({picture.shape for picture in pictures})[:4]}",
                hint="Add a resize to the transforms of the prepare stage.",
            )
        return np.stack(pictures) if pictures else np.zeros((0, *self.shape), np.float32)
