"""What a generator of images from latent vectors is given."""

from __future__ import annotations

from typing import Any

from keras import layers


def latent_inputs(latents: int, classes: int) -> tuple[Any, Any, Any]:
    """Make the inputs of a generator.

    Args:
        latents: Length of a latent vector.
        classes: Labels; 0 for none.

    Returns:
        `(inputs, vectors, labels)`: what the model takes, the vectors, batch × latents, and the labels, batch × classes;
        these are None without classes.
    """
    vectors = layers.Input((latents,), name="latents")
    if not classes:
        return vectors, vectors, None
    labels = layers.Input((classes,), name="labels")
    return [vectors, labels], vectors, labels


def with_labels(vectors: Any, labels: Any) -> Any:
    """Lay one-hot labels, if there are any, behind the latent vectors (Mirza 2014, https://arxiv.org/abs/1411.1784)."""
    return vectors if labels is None else layers.Concatenate(name="latents_and_labels")([vectors, labels])
