"""Whether a translator's outputs differ from each other, or are all alike (mode collapse)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, MetricResult, PictureSet, RunFailed, Translator
from gantk_metrics.feature_network import resized
from gantk_metrics.options import OutputDiversityOptions
from gantk_metrics.picture_levels import LEVELS, LevelPictures, PixelDigest, domain_images, to_levels, to_rgb

if TYPE_CHECKING:
    from gantk_metrics.lpips import PerceptualDistance


class OutputDiversity:
    """The mean distance between two outputs, relative to that between two real pictures of the target domain.

    Near 0 every input gives the same picture; 1 is as diverse as the target domain. Noise in an output is diversity, too:
    read it beside a metric of likeness.
    """

    def __init__(self, options: OutputDiversityOptions) -> None:
        self.options = options

    @cached_property
    def _perceptual(self) -> PerceptualDistance | None:
        if self.options.perceptual is None:
            return None
        from gantk_metrics.lpips import PerceptualDistance

        return PerceptualDistance(self.options.perceptual)

    def prepare(self, data: EvaluationData) -> None:
        """Nothing is shared between candidates."""

    def evaluate(self, translator: Translator, data: EvaluationData) -> MetricResult:
        """Measure every direction, relative to the target domain and to the inputs; NaN where outputs are not finite."""
        split, limit = self.options.split, self.options.limit
        values: dict[str, float] = {}
        protocols: dict[str, Any] = {}
        for direction in translator.directions:
            source, target = direction.split("to")
            (inputs, input_place), (real, real_place) = (
                domain_images(data, split, domain, limit) for domain in (source, target)
            )
            outputs = translator(direction, inputs)
            name = f"{source}_to_{target}".lower()
            if not np.all(np.isfinite(outputs)):
                values[f"output_diversity_{name}"] = values[f"diversity_kept_{name}"] = float("nan")
                protocols[direction] = {"not_finite": "the translations hold values that are not finite"}
                continue
            found, described = self._spread(
                LevelPictures(to_levels(outputs), {"translated": input_place, "direction": direction})
            )
            among_real, reference = self._spread(LevelPictures(to_levels(real), real_place))
            among_inputs, _ = self._spread(LevelPictures(to_levels(inputs), input_place))
            values[f"output_diversity_{name}"] = _ratio(found, among_real)
            values[f"diversity_kept_{name}"] = _ratio(found, among_inputs)
            protocols[direction] = {"pictures": described, "reference": reference}
        return MetricResult(values=values, protocol={**self._protocol(), **protocols})

    def compare(self, first: PictureSet, second: PictureSet) -> MetricResult:
        """Relate the diversity of pictures to that of the reference.

        Raises:
            RunFailed: A set has fewer than two pictures that can be read.
        """
        (found, described), (among_real, reference) = self._spread(first), self._spread(second)
        return MetricResult(
            values={"output_diversity": _ratio(found, among_real)},
            protocol={**self._protocol(), "pictures": described, "reference": reference},
        )

    def _protocol(self) -> dict[str, Any]:
        perceptual = self._perceptual
        return {
            "distance": perceptual.description if perceptual else "root of the mean squared difference of levels",
            "pairs": f"at most {self.options.pairs} of different pictures, drawn with the same seed in every set",
            "resizer": f"Pillow bicubic, antialiased, to {self.options.size} × {self.options.size}",
            "range": LEVELS,
            "reading": "0: all alike; 1: as diverse as the reference",
        }

    def _spread(self, pictures: PictureSet) -> tuple[float, dict[str, Any]]:
        """Return the mean distance between two pictures of a set, and the set's description."""
        digest = PixelDigest()
        small = []
        for name in pictures.names:
            picture = pictures.read(name)
            if picture is not None:
                digest.add(picture)
                small.append(np.clip(resized(to_rgb(picture, name), self.options.size, "bicubic"), 0, 255))
        if len(small) < 2:
            raise RunFailed(
                f"output_diversity: a set must have at least 2 pictures that can be read. Received: {len(small)}"
            )
        first, second = _pairs(len(small), self.options.pairs)
        images = np.stack(small)
        distances = self._distances(images, first, second)
        description = {**pictures.description, "count": len(small), "pairs": len(first), "digest": str(digest)}
        return float(distances.mean()), {**description, "mean_distance": round(float(distances.mean()), 6)}

    def _distances(
        self, images: NDArray[np.float32], first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        size = self.options.batch_size
        distances = []
        for start in range(0, len(first), size):
            one, other = images[first[start : start + size]], images[second[start : start + size]]
            if self._perceptual is not None:
                distances.append(self._perceptual(one, other, size))
            else:
                squared = (one.astype(np.float64) - other) ** 2
                distances.append(np.sqrt(squared.mean(axis=(1, 2, 3))))
        return np.concatenate(distances)


def _pairs(count: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return places of different pictures: all pairs where they are few enough, else some by chance."""
    first, second = np.triu_indices(count, 1) if count <= 2048 else _drawn(count, wanted)
    if len(first) > wanted:
        chosen = np.sort(np.random.default_rng(0).choice(len(first), wanted, replace=False))
        first, second = first[chosen], second[chosen]
    return first, second


def _drawn(count: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    random = np.random.default_rng(0)
    first = random.integers(count, size=wanted)
    return first, (first + random.integers(1, count, size=wanted)) % count


def _ratio(found: float, reference: float) -> float:
    return found / reference if reference > 0 else float("nan")
