"""What the penalties have in common: their form, and the norm of a slope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from keras import ops


class Penalty(Protocol):
    """A penalty on a discriminator's slope."""

    def __call__(self, slope: Callable[[Any], Any], real: Any, fake: Any, real_logits: Any) -> Any:
        """Return the penalty with its weight, a float32 scalar.

        Args:
            slope: From images to the gradient of the discriminator's logits, summed over the positions of each image,
                by the judged channels of the images: float32, batch × height × width × judged channels.
            real: Real images as the discriminator sees them, float, batch × height × width × channels.
            fake: Generated images, likewise.
            real_logits: The discriminator's logits of the real images.
        """
        ...


def squared_norms(slopes: Any) -> Any:
    """Return the squared norm of each sample's slope, float32, one a sample."""
    return ops.sum(ops.square(slopes), axis=tuple(range(1, len(slopes.shape))))


def norms(slopes: Any) -> Any:
    """Return the norm of each sample's slope; where it is zero, a gradient of zero in place of one that is not finite."""
    return ops.sqrt(squared_norms(slopes) + 1e-12)


def each_sample(images: Any) -> tuple[int, ...]:
    """Return the shape of one number a sample that multiplies whole images."""
    return (images.shape[0],) + (1,) * (len(images.shape) - 1)
