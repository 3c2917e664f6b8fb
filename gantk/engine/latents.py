"""The random vectors that a synthesis generator makes images of."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gantk.randomness import generator_of
from gantk.specs import Options


class LatentOptions(Options):
    """Where a generator's latent vectors come from."""

    size: int = Field(128, ge=1, le=65536)
    "Length of a vector."
    distribution: Literal["normal", "uniform", "hypersphere"] = "normal"
    "`normal`: N(0, 1) each; `uniform`: from [-1, 1) each (DCGAN); `hypersphere`: a random direction, of length √size (ProGAN)."


def draw_latents(options: LatentOptions, count: int, random: Any) -> Any:
    """Draw vectors inside a training step.

    Args:
        options: The distribution.
        count: How many.
        random: A `keras.random.SeedGenerator` that is part of the model.

    Returns:
        A float32 tensor, count × size.
    """
    import keras
    from keras import ops

    shape = (count, options.size)
    if options.distribution == "uniform":
        return keras.random.uniform(shape, -1.0, 1.0, dtype="float32", seed=random)
    latents = keras.random.normal(shape, dtype="float32", seed=random)
    if options.distribution == "normal":
        return latents
    return latents * ops.rsqrt(ops.mean(ops.square(latents), axis=-1, keepdims=True) + 1e-8)


def latent_vectors(options: LatentOptions, count: int, *, seed: int, first: int = 0) -> NDArray[np.float32]:
    """Return vectors that follow from the seed and their numbers alone, the same on every backend and machine.

    Args:
        options: The distribution.
        count: How many.
        seed: Vector number k of one seed is always the same, however many are asked for.
        first: Number of the first.

    Returns:
        float32, count × size.
    """
    rows = np.empty((count, options.size), np.float64)
    for row, number in enumerate(range(first, first + count)):
        random = generator_of("latents", seed, number)
        if options.distribution == "uniform":
            rows[row] = random.uniform(-1.0, 1.0, options.size)
        else:
            rows[row] = random.standard_normal(options.size)
    if options.distribution == "hypersphere":
        rows *= 1 / np.sqrt(np.mean(rows**2, axis=1, keepdims=True) + 1e-8)
    return rows.astype(np.float32)
