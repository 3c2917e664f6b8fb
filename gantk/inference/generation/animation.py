"""A walk through latent space as an animated WebP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from gantk.atomic_files import atomic_file
from gantk.errors import RunFailed, UsageError
from gantk.inference.generation.latent_path import closed_path, mixed_labels
from gantk.inference.generation.sampler import BundleSampler, as_pictures
from gantk.inference.generation.series import PictureSeries
from gantk.inference.generation.sheet import check_channels
from gantk.inference.job_progress import CountProgress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUFFIX = ".webp"
_MOST_PIXELS = 1 << 28
_LONGEST_SIDE = 16383
_LOSSLESS_SIDE = 64


def check_animation(shape: tuple[int, int, int], series: PictureSeries, frames: int) -> None:
    """Refuse an animation that cannot be.

    Raises:
        UsageError: One picture alone, frames of other channels or too large for WebP, or more than 2²⁸ pixels in all.
    """
    check_channels(shape)
    if series.count < 2:
        raise UsageError(f"An interpolation needs at least 2 pictures. Received: {series.count}")
    if max(shape[:2]) > _LONGEST_SIDE or series.count * frames * shape[0] * shape[1] > _MOST_PIXELS:
        raise UsageError(
            f"An animation must have sides of at most {_LONGEST_SIDE} and {_MOST_PIXELS:,} pixels in all. Received: "
            f"{series.count} × {frames} frames of {shape[0]} × {shape[1]}",
            hint="Fewer --frames.",
        )


def write_animation(
    path: Path,
    sampler: BundleSampler,
    series: PictureSeries,
    *,
    frames: int = 24,
    duration: int = 50,
    loop: int = 0,
    quality: int = 95,
    progress: CountProgress | None = None,
) -> int:
    """Write the way from each picture to the next, and from the last to the first, as an animated WebP.

    Labels, where they differ, change evenly with the latent vectors. Pictures of up to 64 pixels a side are kept exactly.

    Args:
        path: The file; its folder exists.
        sampler: The model.
        series: The pictures on the way.
        frames: From one picture to the next.
        duration: Of a frame, in milliseconds.
        loop: How often it is played; 0 without end.
        quality: Of larger pictures, 1 to 100.
        progress: Told of every frame.

    Returns:
        How many frames there are.

    Raises:
        UsageError: As `check_animation`.
        RunFailed: The network gives values that are not finite, or the disk is full.
    """
    check_animation(sampler.shape, series, frames)
    vectors = closed_path(sampler.vectors(series.count, seed=series.seed, first=series.first), frames, sampler.latents)
    chosen = series.labels_of(series.numbers)
    labels = None if chosen is None else mixed_labels(sampler.one_hot(chosen), frames)
    pictures = []
    for start in range(0, len(vectors), sampler.batch_size):
        part = slice(start, start + sampler.batch_size)
        images = as_pictures(sampler.images(vectors[part], None if labels is None else labels[part]))
        pictures += [_rgb(image) for image in images]
        for _ in images if progress else ():
            assert progress is not None
            progress.advance()
    exact = max(sampler.shape[:2]) <= _LOSSLESS_SIDE
    options: dict[str, Any] = {"lossless": True} if exact else {"quality": quality}
    with atomic_file(path) as stream:
        try:
            pictures[0].save(
                stream, "WEBP", save_all=True, append_images=pictures[1:], duration=duration, loop=loop, **options
            )
        except (ValueError, RuntimeError) as error:
            raise RunFailed(f"{path} cannot be written as WebP. Received: {error}") from error
    return len(pictures)


def _rgb(image: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
