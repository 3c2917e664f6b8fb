"""Ways from one latent vector to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gantk.engine.latents import LatentOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PARALLEL = 1e-6


def spherical(start: NDArray[np.float32], end: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Return the vector at a share of the way along the arc between two.

    With Ω the angle between a and b it is sin((1 - t) Ω) / sin Ω · a + sin(t Ω) / sin Ω · b, and, where they lie on one line,
    (1 - t) a + t b. Vectors of one length keep it, which a straight way in many dimensions would leave.

    Args:
        start: a, float32, one dimension.
        end: b, likewise.
        share: t, from 0 to 1.

    Reference:
        White 2016, section 2.1, https://arxiv.org/abs/1609.04468
    """
    a, b = start.astype(np.float64), end.astype(np.float64)
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    angle = np.arccos(np.clip(a @ b / lengths, -1, 1)) if lengths else 0.0
    if np.sin(angle) < _PARALLEL:
        return straight(start, end, share)
    mixed = np.sin((1 - share) * angle) * a + np.sin(share * angle) * b
    return np.asarray(mixed / np.sin(angle), np.float32)


def straight(start: NDArray[np.float32], end: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Return the vector at a share of the straight way between two: (1 - t) a + t b."""
    return np.asarray((1 - share) * start.astype(np.float64) + share * end.astype(np.float64), np.float32)


def closed_path(vectors: NDArray[np.float32], frames: int, latents: LatentOptions) -> NDArray[np.float32]:
    """Return a way through latent vectors, and from the last back to the first.

    Args:
        vectors: float32, count × size.
        frames: Steps from one to the next; the first of them is the vector itself.
        latents: Where they come from: `normal` and `hypersphere` go along arcs, `uniform`, whose vectors fill a cube, straight.

    Returns:
        float32, count · frames × size.
    """
    between = straight if latents.distribution == "uniform" else spherical
    rows = []
    for start, end in zip(vectors, np.roll(vectors, -1, axis=0), strict=True):
        rows += [start, *(between(start, end, step / frames) for step in range(1, frames))]
    return np.stack(rows)


def mixed_labels(one_hot: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Return the labels along a closed path: between different classes shares of both, count · frames × classes."""
    ends = np.roll(one_hot, -1, axis=0)
    return np.stack(
        [straight(a, b, step / frames) for a, b in zip(one_hot, ends, strict=True) for step in range(frames)]
    )
