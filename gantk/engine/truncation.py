"""The truncation trick: less variety for better images."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from gantk.engine.latents import LatentOptions
from gantk.errors import UsageError

_CERTAIN = 2.0**-53


def check_truncation(latents: LatentOptions, threshold: float) -> None:
    """Refuse a threshold that cannot be for such vectors.

    Raises:
        UsageError: It is not positive, above 1 for `uniform`, or the vectors are on a `hypersphere`.
    """
    if latents.distribution == "hypersphere":
        raise UsageError(
            "Truncation takes latent vectors of independent numbers, `normal` or `uniform`. Received: a model of directions, "
            "`hypersphere`, which are all equally likely and of one length",
            hint="Leave the truncation out.",
        )
    most = 1.0 if latents.distribution == "uniform" else math.inf
    if not 0 < threshold <= most:
        allowed = "above 0" if most == math.inf else "above 0 and at most 1, for latent vectors from [-1, 1)"
        raise UsageError(f"The truncation must be {allowed}. Received: {threshold:g}")


def truncated(vectors: NDArray[np.float32], latents: LatentOptions, threshold: float) -> NDArray[np.float32]:
    """Give latent vectors the distribution they have where every number beyond a threshold is drawn again.

    Numbers are not drawn again but mapped, which gives the same distribution: z becomes F⁻¹(Φ(z)) with F the distribution
    function of the standard normal truncated to [-threshold, threshold]; a uniform z becomes threshold · z. So a vector
    stays recognisable while the threshold changes, and its numbers keep their order.

    Args:
        vectors: float32, count × size, as `latent_vectors` draws them.
        latents: Their distribution, `normal` or `uniform`.
        threshold: The largest magnitude; Brock 2019 tries 0.04 to 2.

    Raises:
        UsageError: As `check_truncation`.

    Reference:
        Brock 2019, section 3.1, https://arxiv.org/abs/1809.11096
    """
    check_truncation(latents, threshold)
    if latents.distribution == "uniform":
        return vectors * np.float32(threshold)
    inverse = NormalDist().inv_cdf
    half = 0.5 * math.erf(threshold / math.sqrt(2))
    shares = (0.5 + half * math.erf(number / math.sqrt(2)) for number in vectors.ravel().tolist())
    # Where the threshold cuts nothing off, rounding may give 0 or 1, which no number has.
    mapped = [inverse(min(max(share, _CERTAIN), 1 - _CERTAIN)) for share in shares]
    return np.array(mapped, np.float64).astype(np.float32).reshape(vectors.shape)
