"""Sliced Wasserstein distance of patches, by level of a Laplacian pyramid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, MetricResult, PictureSet, RunFailed
from gantk_metrics.laplacian_pyramid import laplacian_pyramid, level_count
from gantk_metrics.options import SlicedWassersteinOptions
from gantk_metrics.picture_levels import LEVELS, PixelDigest
from gantk_metrics.sample_metric import SampleMetric
from gantk_metrics.sampled_pictures import Comparison

PATCH = 7
"""Height and width of a patch in pixels."""

_PICTURES_AT_ONCE = 64
_PROJECTED_NUMBERS = 1 << 25
"""Projections that are held and sorted at once, of each set."""


def random_patches(images: NDArray[np.float32], count: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Cut patches of 7 × 7 pixels at random places that lie wholly inside.

    Args:
        images: batch × height × width × channels; sides of at least 7.
        count: Patches of each image.
        random: The source of randomness.

    Returns:
        float32, batch · count × channels × 7 × 7.
    """
    windows = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(1, 2))
    rows = random.integers(windows.shape[1], size=(len(images), count))
    columns = random.integers(windows.shape[2], size=(len(images), count))
    patches: NDArray[np.float32] = windows[np.arange(len(images))[:, None], rows, columns]
    return patches.reshape(-1, *patches.shape[2:])


def normalised(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return patches as rows, each channel with mean 0 and deviation 1 over all of them; one without variation is 0."""
    mean = patches.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    deviation = patches.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    scaled = (patches - mean.astype(np.float32)) / np.where(deviation > 0, deviation, 1).astype(np.float32)
    return scaled.reshape(len(patches), -1)


def sliced_wasserstein(
    first: NDArray[Any], second: NDArray[Any], projections: int, random: np.random.Generator
) -> float:
    """Return the mean over random directions of the Wasserstein-1 distance of the projections.

    On a line the best transport is in order: the mean difference of the sorted numbers (Rabin 2011).

    Args:
        first: Points × dimensions.
        second: As many points.
        projections: How many directions, uniform on the sphere.
        random: The source of randomness.
    """
    if first.shape != second.shape:
        raise ValueError(f"both sets must have as many points. Received: {first.shape} and {second.shape}")
    directions = random.standard_normal((first.shape[1], projections))
    directions = (directions / np.sqrt(np.sum(directions**2, axis=0))).astype(np.float32)
    at_once = max(1, _PROJECTED_NUMBERS // len(first))
    total = 0.0
    for start in range(0, projections, at_once):
        # Projections of one direction lie side by side, which sorts faster.
        some = directions[:, start : start + at_once].T
        one, other = (np.sort(some @ points.T, axis=1) for points in (first, second))
        total += float(np.abs(one - other).mean(dtype=np.float64)) * len(some)
    return total / projections


class SlicedWasserstein(SampleMetric[SlicedWassersteinOptions]):
    """The distance between patches of samples and of real pictures, level by level, times 1,000.

    Values: `swd_32`, `swd_16`, … by the level's smaller side, and `swd`, their mean.
    """

    name = "swd"
    values = ("swd",)

    def measure(self, pictures: Comparison, data: EvaluationData) -> tuple[dict[str, float], dict[str, Any]]:
        """Compare as many samples as real pictures."""
        count = min(len(pictures.samples.names), len(pictures.reals))
        return self._distances(pictures.samples, pictures.reals, count, data.seed)

    def ends(self, values: Mapping[str, float]) -> dict[str, str]:
        """Lower is better on every level."""
        return dict.fromkeys(values, "lower")

    def compare(self, first: PictureSet, second: PictureSet) -> MetricResult:
        """Compare two sets as wholes, of the larger one as many pictures as the smaller has.

        Raises:
            RunFailed: Pictures differ in size, or are too small.
        """
        count = min(len(first.names), len(second.names))
        values, notes = self._distances(first, second, count, seed=0)
        return MetricResult(values=values, better=self.ends(values), protocol={**notes, "range": LEVELS})

    def _distances(
        self, first: PictureSet, second: PictureSet, count: int, seed: int
    ) -> tuple[dict[str, float], dict[str, Any]]:
        options = self.options
        random = np.random.default_rng([seed, count])
        one, description = self._patches(first, count, random)
        other, reference = self._patches(second, count, random)
        if [level for level, _ in one] != [level for level, _ in other]:
            raise RunFailed(
                f"{self.name}: both sets must have pictures of one size and as many channels. "
                f"Received: {description['size']} and {reference['size']}",
                hint="--resize N of `gantk evaluate` brings all pictures to N × N.",
            )
        values: dict[str, float] = {}
        for (level, patches), (_, real) in zip(one, other, strict=True):
            fewest = min(len(patches), len(real))
            distance = sliced_wasserstein(
                normalised(patches[:fewest]), normalised(real[:fewest]), options.projections, random
            )
            values[f"{self.name}_{level[0]}"] = 1000 * distance
        values[self.name] = float(np.mean(list(values.values())))
        return values, {
            "patches": f"{options.patches} of {PATCH} × {PATCH} pixels a picture and level, at random places; each channel "
            "normalised over each set",
            "levels": f"Laplacian pyramid down to {options.smallest} pixels, the last what is left",
            "projections": options.projections,
            "scale": "times 1,000; the value swd is the mean over levels",
            "seed": seed,
            "first": description,
            "reference": reference,
        }

    def _patches(
        self, pictures: PictureSet, count: int, random: np.random.Generator
    ) -> tuple[list[tuple[tuple[int, int], NDArray[np.float32]]], dict[str, Any]]:
        """Return smaller side and channels of each level with its patches, and the set's description."""
        digest = PixelDigest()
        parts: list[list[NDArray[np.float32]]] = []
        shape: tuple[int, ...] = ()
        found = 0
        for batch in _batches(pictures, count, digest):
            shape = shape or batch.shape[1:]
            if batch.shape[1:] != shape:
                raise RunFailed(
                    f"{self.name}: pictures of one size are needed. Received: {shape} and {batch.shape[1:]}",
                    hint="--resize N of `gantk evaluate` brings all pictures to N × N.",
                )
            levels = level_count(shape[0], shape[1], self.options.smallest)
            if not levels:
                raise RunFailed(
                    f"{self.name}: pictures must have sides of at least {self.options.smallest} pixels. "
                    f"Received: {shape[1]} × {shape[0]}",
                    hint=f"Levels may go down to 7 pixels: {{type: {self.name}, smallest: 8}}.",
                )
            parts = parts or [[] for _ in range(levels)]
            for part, band in zip(parts, laplacian_pyramid(batch, levels), strict=True):
                part.append(random_patches(band, self.options.patches, random))
            found += len(batch)
        if not found:
            raise RunFailed(f"{self.name}: at least one picture that can be read is needed. Received: none")
        side = min(shape[:2])
        levels_found = [((side >> number, shape[2]), np.concatenate(part)) for number, part in enumerate(parts)]
        size = f"{shape[1]} × {shape[0]} pixels with {shape[2]} channels"
        return levels_found, {**pictures.description, "count": found, "size": size, "digest": str(digest)}


def _batches(pictures: PictureSet, count: int, digest: PixelDigest) -> Iterator[NDArray[np.uint8]]:
    """Yield the first pictures that can be read, those of one shape that follow each other together."""
    batch: list[NDArray[np.uint8]] = []
    for name in pictures.names[:count]:
        picture = pictures.read(name)
        if picture is None:
            continue
        digest.add(picture)
        if batch and (batch[0].shape != picture.shape or len(batch) == _PICTURES_AT_ONCE):
            yield np.stack(batch)
            batch = []
        batch.append(picture)
    if batch:
        yield np.stack(batch)
