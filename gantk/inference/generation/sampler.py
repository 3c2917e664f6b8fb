"""A trained model of latent vectors: its images by seed and number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.engine.latents import LatentOptions, latent_vectors
from gantk.engine.truncation import check_truncation, truncated
from gantk.errors import RunFailed, UsageError
from gantk.wording import counted

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from gantk.artifacts import Bundle
    from gantk.artifacts.compiled_network import SynthesisFunction

_BATCH_PIXELS = 1 << 18
_MOST_IMAGES = 64


class BundleSampler:
    """A trained model that makes images of latent vectors. Implements `gantk.Sampler`.

    Image number k of a seed and a label is computed at the same place of a batch of the same shape, whatever else is asked
    for beside it: on one machine and backend it is always the same, byte for byte. With another `batch_size` the last bits
    of its colours may differ. Batches have one shape, so the network is compiled once.

    Not for use by several threads at once. Imports no framework before the first image.

    Args:
        bundle: The model.
        direction: What it does; by default `sample`, or the only direction of latent vectors.
        truncation: Largest magnitude of a latent vector's numbers (`gantk.engine.truncation`); None leaves them.
        batch_size: Images in one call of the network; by default as many as make 2¹⁸ pixels, 64 at most.
        network: In place of the trained network, such as the untrained one.

    Raises:
        UsageError: The model makes no images of latent vectors, or a truncation that such vectors do not take.
    """

    def __init__(
        self,
        bundle: Bundle,
        direction: str | None = None,
        *,
        truncation: float | None = None,
        batch_size: int | None = None,
        network: keras.Model | None = None,
    ) -> None:
        self.direction = bundle.latent_direction(direction)
        record = bundle.metadata.networks[self.direction]
        made = record.latents
        assert made is not None, "a direction of latent vectors"
        self.latents = LatentOptions(size=made.size, distribution=made.distribution)
        if truncation is not None:
            check_truncation(self.latents, truncation)
        self.truncation = truncation
        self.batch_size = batch_size or max(1, min(_MOST_IMAGES, _BATCH_PIXELS // (made.height * made.width)))
        self._bundle = bundle
        self._shape = (made.height, made.width, record.output_channels)
        self._classes = made.classes
        self._network = network
        self._function: SynthesisFunction | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What, beside seed, number and label, decides an image: plain values."""
        return {"model": self._bundle.digest[:16], "direction": self.direction, "truncation": self.truncation}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return self._shape

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels that it takes, in the order of their numbers; empty where it takes none."""
        return self._classes

    def sample(
        self, count: int, *, seed: int, first: int = 0, labels: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Make images.

        Args:
            count: How many.
            seed: Decides the images.
            first: Number of the first.
            labels: A class number for each; None where it takes labels: image number k has the class k modulo their number.

        Returns:
            float32, in [-1, 1] as far as the network keeps to it, count × height × width × channels.

        Raises:
            UsageError: Labels that the network does not have, or another number of them.
            OutOfMemory: The batch is too large for the device.
        """
        images = np.empty((count, *self.shape), np.float32)
        done = 0
        for numbers, made in self.numbered(range(first, first + count), seed=seed, labels=labels):
            images[done : done + len(numbers)] = made
            done += len(numbers)
        return images

    def pictures(
        self, count: int, *, seed: int, first: int = 0, labels: Sequence[int] | None = None
    ) -> NDArray[np.uint8]:
        """Make images as `sample` does, rounded to uint8; what is outside [-1, 1] is cut off.

        Raises:
            UsageError, OutOfMemory: As `sample`.
            RunFailed: The network gives values that are not finite.
        """
        return as_pictures(self.sample(count, seed=seed, first=first, labels=labels))

    def numbered(
        self, numbers: Sequence[int], *, seed: int, labels: Sequence[int] | None = None
    ) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Make the images of some numbers, batch by batch.

        Args:
            numbers: Numbers of the images; consecutive ones fill batches best.
            seed: Decides the images.
            labels: A class number for each of `numbers`, or None. See `sample`.

        Yields:
            Numbers, in the order given, and their images, float32, as many × height × width × channels.

        Raises:
            UsageError, OutOfMemory: As `sample`.
        """
        given = self.checked_labels(numbers, labels)
        begin = 0
        while begin < len(numbers):
            block = numbers[begin] // self.batch_size
            places: dict[int, int] = {}
            for index in range(begin, len(numbers)):
                place = numbers[index] % self.batch_size
                if numbers[index] // self.batch_size != block or place in places:
                    break
                places[place] = index
            indices = list(places.values())
            vectors = np.concatenate([self.vectors(1, seed=seed, first=numbers[index]) for index in indices])
            classes = None if given is None else self.one_hot([given[index] for index in indices])
            images = self._call(list(places), vectors, classes)
            yield [numbers[index] for index in indices], images
            begin += len(indices)

    def vectors(self, count: int, *, seed: int, first: int = 0) -> NDArray[np.float32]:
        """Return latent vectors, float32, count × size: those of `gantk.latent_vectors`, truncated."""
        vectors = latent_vectors(self.latents, count, seed=seed, first=first)
        return vectors if self.truncation is None else truncated(vectors, self.latents, self.truncation)

    def images(self, vectors: NDArray[np.float32], labels: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Make images of any latent vectors.

        Args:
            vectors: float32, count × size.
            labels: float32, count × classes, of a network with classes; rows that are not one-hot mix classes.

        Returns:
            float32, count × height × width × channels.

        Raises:
            OutOfMemory: The batch is too large for the device.
        """
        images = np.empty((len(vectors), *self.shape), np.float32)
        for start in range(0, len(vectors), self.batch_size):
            part = slice(start, min(start + self.batch_size, len(vectors)))
            given = None if labels is None else labels[part]
            images[part] = self._call(list(range(part.stop - start)), vectors[part], given)
        return images

    def one_hot(self, labels: Sequence[int]) -> NDArray[np.float32]:
        """Return labels as the network takes them, float32, count × classes."""
        return np.eye(len(self.classes), dtype=np.float32)[list(labels)]

    def checked_labels(self, numbers: Sequence[int], labels: Sequence[int] | None) -> list[int] | None:
        """Return the class number of each image, or None of a network without classes.

        Raises:
            UsageError: There are labels and no classes, another number of them, or there is no such class.
        """
        if not self.classes:
            if labels is not None:
                raise UsageError("The model takes no labels. Received: labels")
            return None
        if labels is None:
            return [number % len(self.classes) for number in numbers]
        if len(labels) != len(numbers):
            raise UsageError(
                f"There must be one label for each of {counted(len(numbers), 'image')}. Received: {len(labels)}"
            )
        for label in labels:
            if not 0 <= label < len(self.classes):
                raise UsageError(f"A label must be a number from 0 to {len(self.classes) - 1}. Received: {label}")
        return [int(label) for label in labels]

    def _call(
        self, places: list[int], vectors: NDArray[np.float32], labels: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Run the network on a batch in which these vectors have these places, and return their images."""
        inputs = [self._filled(places, array) for array in (vectors, labels) if array is not None]
        outputs = self._compiled()(*inputs)
        expected = (self.batch_size, *self.shape)
        if outputs.shape != expected:
            raise RunFailed(f"The network must make images of the shape {expected}. Received: {outputs.shape}")
        return outputs[places]

    def _compiled(self) -> SynthesisFunction:
        from gantk.artifacts.compiled_network import compile_synthesis

        if self._function is None:
            if self._bundle.metadata.colour_range != (-1.0, 1.0):
                raise RunFailed(
                    f"{self._bundle.path}: colours must be in [-1, 1]. Received: colour_range "
                    f"{list(self._bundle.metadata.colour_range)}"
                )
            self._function = compile_synthesis(self._network or self._bundle.network(self.direction))
        return self._function

    def _filled(self, places: list[int], rows: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = np.repeat(rows[:1], self.batch_size, axis=0)
        batch[places] = rows
        return batch


def as_pictures(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Round images in [-1, 1] to uint8; what is outside is cut off.

    Raises:
        RunFailed: Values are not finite.
    """
    from gantk.artifacts.image_translator import from_unit_range

    if not np.isfinite(images).all():
        raise RunFailed("The network must give finite values. Received: NaN or infinity", hint="Train it again.")
    return from_unit_range(np.asarray(images, np.float32), np.uint8)
