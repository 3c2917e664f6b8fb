"""What a synthesis generator makes of the same latent vectors, over time."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from gantk.engine.latents import LatentOptions, latent_vectors

_ROWS = _COLUMNS = 8


def latent_preview(network: keras.Model, latents: LatentOptions, classes: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Make the images of a grid.

    Args:
        network: The generator, from latent vectors, with classes also from labels.
        latents: Its latent vectors.
        classes: Names of its labels; empty where it takes none.
        seed: Decides the vectors.

    Returns:
        Images by column, each rows × height × width × channels: without classes eight columns of different vectors; with
        classes one column a class, and in a row the same vector for each.
    """
    if not classes:
        vectors = latent_vectors(latents, _ROWS * _COLUMNS, seed=seed)
        images = _generated(network, vectors)
        return {str(column + 1): images[column::_COLUMNS] for column in range(_COLUMNS)}
    vectors = latent_vectors(latents, _ROWS, seed=seed)
    one_hot = np.eye(len(classes), dtype=np.float32)
    shown = classes[: 2 * _COLUMNS]
    return {
        name: _generated(network, vectors, np.repeat(one_hot[number : number + 1], _ROWS, axis=0))
        for number, name in enumerate(shown)
    }


def _generated(network: keras.Model, vectors: NDArray[np.float32], labels: Any = None) -> NDArray[np.float32]:
    # One shape and a few images at a time: a grid of a thousand pixels a side must fit beside the training.
    parts = []
    for start in range(0, len(vectors), _ROWS):
        given = vectors[start : start + _ROWS]
        inputs = given if labels is None else [given, labels[start : start + _ROWS]]
        parts.append(np.asarray(keras.ops.convert_to_numpy(network(inputs, training=False)), np.float32))
    return np.concatenate(parts)
