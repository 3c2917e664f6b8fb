"""What every augmentation of a discriminator's pictures is."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Augmentation(keras.layers.Layer):
    """Changes pictures at random, each sample in its own way, before a discriminator sees them.

    Real and generated pictures go through it alike, and the generator learns through it: the result is
    differentiable by the pictures. Shapes are static, so that XLA compiles it. The random state is a variable.

    Args:
        seed: Seed of everything that is drawn.
        name: Name of the layer.
    """

    def __init__(self, *, seed: int, name: str | None = None) -> None:
        # Without autocast a caller's dtype would still be known only before `call`.
        super().__init__(name=name, dtype="float32", trainable=False, autocast=False)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, images: Any, judged: int | None = None) -> Any:
        """Return pictures of the same shape and dtype.

        Args:
            images: Float in [-1, 1], batch × height × width × channels, all static. The result may leave [-1, 1].
            judged: How many of the last channels show what is judged; the ones before them show what it is made from
                (a conditional discriminator's). What moves pixels moves all channels alike, what changes colours
                changes the judged ones. By default all are judged.

        Raises:
            ValueError: A shape that is not static, or `judged` that is not a number of channels.
        """
        if len(images.shape) != 4 or None in tuple(images.shape):
            raise ValueError(
                f"{type(self).__name__} needs images of static shape, batch × height × width × channels. "
                f"Received: shape {tuple(images.shape)}"
            )
        channels = images.shape[-1]
        judged = channels if judged is None else judged
        if not 1 <= judged <= channels:
            raise ValueError(f"`judged` must be from 1 to {channels}, the number of channels. Received: {judged}")
        return ops.cast(self.augment(ops.cast(images, "float32"), judged), images.dtype)

    def augment(self, images: Any, judged: int) -> Any:
        """Change float32 images; written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} must define augment(images, judged)")

    @property
    def probability(self) -> Any:
        """How probable each change is, a float32 scalar."""
        return ops.ones((), "float32")

    def observe(self, real_logits: Any, boundary: float = 0.0) -> None:
        """Learn how sure the discriminator is of real pictures; nothing follows from it here.

        Args:
            real_logits: Its logits of one batch of real pictures, batch × ….
            boundary: The logit between "generated" and "real".
        """

    def compute_output_shape(self, input_shape: Any, judged: int | None = None) -> Any:
        return input_shape


def change_judged(images: Any, judged: int, change: Any) -> Any:
    """Apply `change` to the last `judged` channels and leave the others as they are."""
    given = images.shape[-1] - judged
    if not given:
        return change(images)
    return ops.concatenate([images[..., :given], change(images[..., given:])], axis=-1)


def whole_numbers(uniform: Any, count: int) -> Any:
    """Turn float32 numbers of [0, 1) into int32 numbers of 0 … count - 1, equally probable."""
    return ops.minimum(ops.cast(uniform * count, "int32"), count - 1)


def pixels_at(images: Any, rows: Any, columns: Any) -> Any:
    """Look pixels up, in each sample at places of its own.

    Args:
        images: batch × height × width × channels.
        rows: int32, batch × any shape, each within the picture.
        columns: int32 of the same shape.

    Returns:
        The pixels, batch × that shape × channels.
    """
    batch, height, width, channels = images.shape
    first = ops.reshape(ops.arange(batch, dtype="int32") * (height * width), (batch,) + (1,) * (len(rows.shape) - 1))
    # One axis of whole pixels: the gradient is then a plain sum over the rows of one matrix on every backend.
    flat = ops.reshape(images, (batch * height * width, channels))
    return ops.take(flat, first + rows * width + columns, axis=0)
