"""Which of a grid of Gaussians a sampler of points has found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, RunFailed
from gantk_metrics.class_entropy import class_divergence
from gantk_metrics.options import GaussianModesOptions
from gantk_metrics.sample_metric import SampleMetric
from gantk_metrics.sampled_pictures import Comparison


def nearest_centres(points: NDArray[Any], side: int, spacing: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the number of the centre nearest to each point, row by row of the grid, and its distance.

    Args:
        points: n × 2.
        side: Centres along each axis, symmetric about 0.
        spacing: Distance of neighbouring centres.
    """
    middle = (side - 1) / 2
    places = np.clip(np.rint(np.asarray(points, np.float64) / spacing + middle), 0, side - 1)
    distance = np.sqrt(np.sum((points - (places - middle) * spacing) ** 2, axis=1))
    return (places[:, 0] * side + places[:, 1]).astype(np.int64), distance


class GaussianModes(SampleMetric[GaussianModesOptions]):
    """Modes of a grid of Gaussians in the plane (Srivastava 2017, section 4.1).

    The points are images of 1 × 2 pixels with one channel, of the source `gaussians`; their values are the coordinates.

    Values:
        `gaussian_modes_found`: centres that are nearest to at least one good sample.
        `gaussian_modes_good`: the share of good samples, those within `within` deviations of their centre.
        `gaussian_modes_divergence`: KL of the centres of good samples to the uniform distribution, in nats.
    """

    name = "gaussian_modes"
    values = ("gaussian_modes_found", "gaussian_modes_good", "gaussian_modes_divergence")
    better: ClassVar[Mapping[str, str]] = {
        "gaussian_modes_found": "higher",
        "gaussian_modes_good": "higher",
        "gaussian_modes_divergence": "lower",
    }
    units: ClassVar[Mapping[str, str]] = {
        "gaussian_modes_found": "centres",
        "gaussian_modes_good": "share",
        "gaussian_modes_divergence": "nats",
    }

    def measure(self, pictures: Comparison, data: EvaluationData) -> tuple[dict[str, float], dict[str, Any]]:
        """Count centres.

        Raises:
            RunFailed: The images are no points.
        """
        options = self.options
        if pictures.samples.sampler.shape != (1, 2, 1):
            raise RunFailed(
                f"{self.name}: samples must be points: images of 1 × 2 pixels with one channel. "
                f"Received: {pictures.samples.sampler.shape}",
                hint="It is for models of the source `gaussians`, prepared with `channels: 1`; `modes` counts classes of "
                "pictures.",
            )
        names = pictures.samples.names
        levels = np.stack([pictures.samples.read(name) for name in names]).reshape(len(names), 2)
        centres, distance = nearest_centres(levels / 127.5 - 1, options.side, options.spacing)
        good = distance <= options.within * options.deviation
        count = options.side**2
        found = np.bincount(centres[good], minlength=count)
        return {
            "gaussian_modes_found": float(np.sum(found > 0)),
            "gaussian_modes_good": float(good.mean()),
            "gaussian_modes_divergence": class_divergence(found, np.ones(count)),
        }, {
            "grid": f"{options.side} × {options.side} centres, {options.spacing:g} apart, deviation {options.deviation:g}",
            "good": f"within {options.within:g} deviations of the nearest centre",
        }
