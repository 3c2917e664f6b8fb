"""Parts of pictures before and after, out of the output of a job that has ended."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantk.artifacts import Bundle
from gantk.inference import upscale
from gantk.inference.upscaling_samples import before_and_after

Make = Callable[..., Bundle]


def picture(number: int, height: int = 9, width: int = 13, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (height, width, channels), dtype=np.uint8).squeeze()


def saved(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def enlarged(pixels: np.ndarray, scale: int = 2) -> np.ndarray:
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


@pytest.mark.parametrize("output", ["large", "large.zip", "large.tar", "large.tar.gz"])
def test_of_a_folder_and_of_an_archive(tmp_path: Path, model: Make, output: str) -> None:
    for number in range(3):
        saved(tmp_path / "in" / f"{number}.png", picture(number))
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert upscale(model(), [tmp_path / "in"], tmp_path / output).failed == 1
    samples = before_and_after([tmp_path / "in"], tmp_path / output)
    assert [Path(sample.label).name for sample in samples] == ["0.png", "1.png", "2.png"]
    for number, sample in enumerate(samples):
        assert sample.scale == 2
        np.testing.assert_array_equal(sample.before, picture(number))
        np.testing.assert_array_equal(sample.after, enlarged(picture(number)))


@pytest.mark.parametrize("packed", [False, True])
def test_inputs_out_of_an_archive(tmp_path: Path, model: Make, packed: bool) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for number in range(5):
            stream = io.BytesIO()
            Image.fromarray(picture(number)).save(stream, "PNG")
            archive.writestr(f"{number}.png", stream.getvalue())
    output = tmp_path / ("large.zip" if packed else "large")
    upscale(model(), [tmp_path / "in.zip"], output)
    samples = before_and_after([tmp_path / "in.zip"], output, count=2)
    assert len(samples) == 2
    assert len({sample.label for sample in samples}) == 2
    for sample in samples:
        number = int(Path(sample.label.rpartition("!")[2]).stem)
        np.testing.assert_array_equal(sample.after, enlarged(picture(number)))


def test_they_are_spread_over_the_inputs(tmp_path: Path, model: Make) -> None:
    for number in range(10):
        saved(tmp_path / "in" / f"{number}.png", picture(number))
    upscale(model(), [tmp_path / "in"], tmp_path / "large")
    chosen = [Path(sample.label).stem for sample in before_and_after([tmp_path / "in"], tmp_path / "large", count=5)]
    assert chosen == ["0", "2", "4", "6", "8"]


def test_the_same_part_with_most_detail_of_both(tmp_path: Path, model: Make) -> None:
    pixels = np.full((100, 150, 3), 40, np.uint8)
    pixels[64:96, 32:64] = picture(3, 32, 32)
    saved(tmp_path / "a.png", pixels)
    upscale(model(), [tmp_path / "a.png"], tmp_path / "large")
    (sample,) = before_and_after([tmp_path / "a.png"], tmp_path / "large", side=32)
    assert (sample.before.shape, sample.after.shape) == ((32, 32, 3), (64, 64, 3))
    np.testing.assert_array_equal(sample.after, enlarged(sample.before))
    # It is random, where all else is even.
    assert sample.before.std() > 50


def test_grey_deep_and_transparent_pictures(tmp_path: Path, model: Make) -> None:
    grey, clear = picture(1, channels=1), picture(2, channels=4)
    clear[:4, :, 3], clear[4:, :, 3] = 0, 255
    deep = picture(3, channels=1).astype(np.uint16) * 257
    for name, pixels in {"grey": grey, "clear": clear, "deep": deep}.items():
        saved(tmp_path / "in" / f"{name}.png", pixels)
    upscale(model(), [tmp_path / "in"], tmp_path / "large")
    found = {Path(sample.label).stem: sample for sample in before_and_after([tmp_path / "in"], tmp_path / "large")}
    for sample in found.values():
        assert (sample.before.dtype, sample.after.dtype, sample.before.shape[2]) == (np.uint8, np.uint8, 3)
    np.testing.assert_array_equal(found["grey"].after, enlarged(grey)[..., None].repeat(3, axis=2))
    np.testing.assert_array_equal(found["deep"].before, (deep // 257)[..., None].repeat(3, axis=2))
    # On white, where nothing is to be seen.
    np.testing.assert_array_equal(found["clear"].before[:4], 255)
    np.testing.assert_array_equal(found["clear"].before[4:], clear[4:, :, :3])
    np.testing.assert_array_equal(found["clear"].after[:6], 255)


def test_what_is_gone_is_passed_over(tmp_path: Path, model: Make) -> None:
    for number in range(3):
        saved(tmp_path / "in" / f"{number}.png", picture(number))
    upscale(model(), [tmp_path / "in"], tmp_path / "large")
    (tmp_path / "large" / "0.png").unlink()
    (tmp_path / "in" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    names = [Path(sample.label).name for sample in before_and_after([tmp_path / "in"], tmp_path / "large")]
    assert names == ["2.png"]


def test_a_job_without_results(tmp_path: Path, model: Make) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    upscale(model(), [tmp_path / "broken.png"], tmp_path / "large")
    samples: Any = before_and_after([tmp_path / "broken.png"], tmp_path / "large")
    assert samples == []
