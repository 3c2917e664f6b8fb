"""A history of generated images for training discriminators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


class ImagePool(keras.layers.Layer):
    """A history of generated images, kept in variables inside the compiled step.

    Until the pool is full every image is stored and returned. Then each image, in turn, is either
    returned as it is or, with probability 1/2, takes the place of a random stored image, which is
    returned instead. An image of a batch may meet one stored earlier in the same batch.

    The buffer, its fill count and the random state are variables of the model, so checkpoints hold them.

    Args:
        shape: Shape of one image, `(height, width, channels)`.
        size: How many images are kept; 0 returns every batch as it is.
        seed: Seed of the choices.
        name: Name of the layer.

    Example:
        ```python
        self.pool = ImagePool((64, 64, 3), size=50, seed=context.seed)   # in the model's __init__
        fakes = self.pool(ops.stop_gradient(fakes))                      # in adversarial_step
        ```

    Reference:
        Shrivastava 2017, section 2.3; Zhu 2017, section 4: 50 images.
    """

    def __init__(self, shape: Sequence[int], size: int = 50, *, seed: int = 0, name: str | None = None) -> None:
        if size < 0:
            raise ValueError(f"ImagePool size must be 0 or more. Received: {size}")
        super().__init__(name=name, dtype="float32", trainable=False)
        self.size = size
        if size:
            self.buffer = self.add_weight(
                shape=(size, *shape), initializer="zeros", dtype="float32", trainable=False, name="buffer"
            )
            self.count = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="count")
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, images: Any) -> Any:
        """Return one image for each given, of the same dtype.

        Args:
            images: batch × height × width × channels; the batch size must be static.
        """
        if not self.size:
            return images
        batch = images.shape[0]
        if batch is None:
            raise ValueError("ImagePool needs a static batch size. Received: a batch dimension of None")
        coins, slots = ops.split(keras.random.uniform((2, batch), seed=self.seed_generator), 2)
        returned, rows, places, count = exchange(
            self.buffer.value, self.count.value, ops.cast(images, "float32"), coins[0], slots[0]
        )
        self.count.assign(count)
        self.buffer.assign(ops.scatter_update(self.buffer.value, ops.expand_dims(places, -1), rows))
        return ops.cast(returned, images.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def exchange(buffer: Any, count: Any, images: Any, coins: Any, slots: Any) -> tuple[Any, Any, Any, Any]:
    """Run a batch through a pool, image by image, without moving pixels until every choice is made.

    Where each image of the pool lies is followed through the batch as an index: below `size` a place of
    the buffer, from `size` on an image of the batch.

    Args:
        buffer: float32, size × height × width × channels.
        count: int32 scalar, how many places are filled.
        images: float32, batch × height × width × channels, batch static.
        coins: float32 in [0, 1), one an image: above ½ a full pool exchanges the image.
        slots: float32 in [0, 1), one an image: the place of a full pool.

    Returns:
        `(returned, rows, places, count)`: the images to use; what to write at `places` (int32; a place
        may occur twice, then with equal rows); the new count.
    """
    size, batch = buffer.shape[0], images.shape[0]
    random_places = ops.minimum(ops.cast(slots * size, "int32"), size - 1)
    contents = ops.arange(size, dtype="int32")
    positions = ops.arange(size, dtype="int32")
    sources, places = [], []
    for index in range(batch):
        filling = count < size
        place = ops.where(filling, count, random_places[index])
        here = positions == place
        swap = ops.logical_and(ops.logical_not(filling), coins[index] > 0.5)
        stored = ops.sum(ops.where(here, contents, 0))
        sources.append(ops.where(swap, stored, size + index))
        contents = ops.where(ops.logical_and(here, ops.logical_or(filling, swap)), size + index, contents)
        count = count + ops.cast(filling, "int32")
        places.append(place)
    final = ops.stack(places)
    return (
        _lookup(buffer, images, ops.stack(sources)),
        _lookup(buffer, images, ops.take(contents, final)),
        final,
        count,
    )


def _lookup(buffer: Any, images: Any, sources: Any) -> Any:
    size, batch = buffer.shape[0], images.shape[0]
    stored = ops.take(buffer, ops.clip(sources, 0, size - 1), axis=0)
    given = ops.take(images, ops.clip(sources - size, 0, batch - 1), axis=0)
    return ops.where(ops.reshape(sources < size, (-1,) + (1,) * (len(images.shape) - 1)), stored, given)
