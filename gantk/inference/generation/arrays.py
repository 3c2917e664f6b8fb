"""Generated pictures as NumPy arrays, written as they are made."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk.atomic_files import atomic_file
from gantk.inference.generation.sampler import BundleSampler, as_pictures
from gantk.inference.generation.series import PictureSeries
from gantk.inference.job_progress import CountProgress

# The zip format cannot hold an earlier time; a fixed one makes equal arrays equal files.
_MEMBER_TIME = (1980, 1, 1, 0, 0, 0)
_ROWS = 4096


def write_arrays(
    path: Path, sampler: BundleSampler, series: PictureSeries, progress: CountProgress | None = None
) -> None:
    """Write an npz file that `numpy.load` reads; no more than a batch of images is in memory.

    It holds `images` (uint8, count × height × width × channels), `latents` (float32, count × size), `numbers` (int64) and,
    of a model with labels, `labels` (int32) and `classes`, their names.

    Args:
        path: The file; its folder exists.
        sampler: The model.
        series: The pictures.
        progress: Told of every picture.

    Raises:
        RunFailed: The network gives values that are not finite, or the disk is full; nothing is left behind.
    """
    numbers, labels = series.numbers, series.labels_of(series.numbers)

    def images() -> Iterator[NDArray[Any]]:
        for made, values in sampler.numbered(numbers, seed=series.seed, labels=labels):
            yield as_pictures(values)
            for _ in made if progress else ():
                assert progress is not None
                progress.advance()

    def latents() -> Iterator[NDArray[Any]]:
        for start in range(0, len(numbers), _ROWS):
            part = numbers[start : start + _ROWS]
            yield sampler.vectors(len(part), seed=series.seed, first=part[0])

    with atomic_file(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        _write(archive, "images", np.uint8, (len(numbers), *sampler.shape), images())
        _write(archive, "latents", np.float32, (len(numbers), sampler.latents.size), latents())
        _write_whole(archive, "numbers", np.array(numbers, np.int64))
        if labels is not None:
            _write_whole(archive, "labels", np.array(labels, np.int32))
            _write_whole(archive, "classes", np.array(sampler.classes))


def _write_whole(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    _write(archive, name, array.dtype, array.shape, iter([array]))


def _write(
    archive: zipfile.ZipFile, name: str, dtype: Any, shape: tuple[int, ...], parts: Iterator[NDArray[Any]]
) -> None:
    member = zipfile.ZipInfo(f"{name}.npy", date_time=_MEMBER_TIME)
    member.external_attr = 0o644 << 16
    with archive.open(member, "w", force_zip64=True) as stream:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            stream.write(np.ascontiguousarray(part, dtype).tobytes())
