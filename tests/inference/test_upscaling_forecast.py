from __future__ import annotations

import dataclasses
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantk.artifacts import Bundle
from gantk.inference import PictureInput, archives, spooling, upscale, upscaling_forecast
from gantk.inference.job_plan import JobPlan, Task
from gantk.inference.rows.reading import Outline
from gantk.inference.tiling.tile_plan import TileRule
from gantk.inference.upscaling_forecast import Forecast, Measurement, forecast_upscaling
from gantk.inference.upscaling_options import UpscalingOptions

Encode = Callable[..., bytes]
Make = Callable[..., Bundle]


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def image(height: int, width: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def actions(forecast: Forecast) -> dict[str, str]:
    return {row["output"]: row["action"] for row in forecast.rows()}


def test_what_would_be_done_with_files_and_archives(model: Make, tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "a.png", encoded("PNG", image(40, 50)))
    write(tmp_path / "in" / "zero.png", b"")
    write(tmp_path / "in" / "cut.jpg", encoded("JPEG")[:60])
    write(tmp_path / "in" / "wide.webp", encoded("WEBP", image(2, 9000)))
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("b.png", encoded("PNG", image(30, 30)))
        archive.writestr("text.png", "text")
    inputs = [tmp_path / "in", tmp_path / "in.zip"]
    forecast = forecast_upscaling(model(), inputs, tmp_path / "out", UpscalingOptions(scale=3))
    assert actions(forecast) == {
        "a.png": "enlarge",
        "in/b.png": "enlarge",
        "zero.png": "fail",
        "cut.jpg": "fail",
        "wide.webp": "fail",
        "in/text.png": "fail",
    }
    reasons = {row["output"]: row["reason"] for row in forecast.rows() if row["action"] == "fail"}
    assert "too large for WEBP" in reasons["wide.webp"], "a result that its format cannot hold"
    assert forecast.megapixels == pytest.approx(0.0029)
    assert forecast.result_megapixels == pytest.approx(9 * 0.0029)
    assert forecast.estimate is not None
    assert forecast.estimate.measured.pictures == 2, "what lies in an archive is tried, too"
    assert forecast.estimate.seconds > forecast.estimate.measured.start_seconds
    assert not (tmp_path / "out").exists()

    summary = upscale(model(), inputs, tmp_path / "out", scale=3)
    assert (summary.done, summary.failed) == (2, 4), "as was said"
    again = forecast_upscaling(model(), inputs, tmp_path / "out", UpscalingOptions(scale=3))
    assert sorted(actions(again).values()) == ["fail"] * 4 + ["skip"] * 2
    assert again.estimate is None


def test_a_large_picture_is_tried_in_part(
    model: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upscaling_forecast, "_NETWORK_SECONDS", 0.0)
    path = write(tmp_path / "x.png", encoded("PNG", image(300, 300)))
    forecast = forecast_upscaling(model(), [path], tmp_path / "out", UpscalingOptions(tile=64, batch_size=2))
    assert forecast.estimate is not None
    assert forecast.estimate.measured.tiles < 25


def test_time_is_that_of_the_tiles_with_their_margins_and_of_the_codecs() -> None:
    rule = TileRule(64, 16)
    outline = Outline("png", 100, 64, False)
    task = Task(PictureInput("x", "x", bytes), "x")
    forecast = Forecast(JobPlan([task]), [(task, outline, (200, 128))])
    # One core second for 64 × 64 pixels of tiles, half a second by the clock; 0.0064 MP in, 0.0256 MP out.
    measured = Measurement(1, 1, 64, 3.0, 64 * 64, 0.5, 1.0, reading_seconds=100.0, encoding_seconds=50.0)
    tiles = [tile for band in rule.bands(100, 64) for tile in band]
    share = sum(tile.shape[0] * tile.shape[1] for tile in tiles) / 64**2
    assert len(tiles) == 3
    codecs = 0.64 + 1.28
    for cores, expected in ((1, share * 1.0 + codecs), (2, (share * 1.0 + codecs) / 2), (100, share * 0.5)):
        estimate = upscaling_forecast.estimate(rule, forecast, measured, cores=cores)
        assert estimate.seconds == pytest.approx(3 + expected)
        assert estimate.megapixels_per_second == pytest.approx(0.0064 / expected)


def test_a_network_of_one_channel_is_measured_by_the_pixels_of_the_picture(
    model: Make, tmp_path: Path, encoded: Encode
) -> None:
    write(tmp_path / "in" / "a.png", encoded("PNG", image(100, 64)))
    for channels in (1, 3):
        options = UpscalingOptions(tile=32, batch_size=3)
        forecast = forecast_upscaling(model(channels=channels), [tmp_path / "in"], tmp_path / "out", options)
        assert forecast.estimate is not None
        measured = forecast.estimate.measured
        # The one picture was run whole, and so the network's part of the estimate is what it took.
        assert measured.tile_pixels == 100 * 64
        assert measured.tiles == 8
        assert forecast.estimate.seconds - measured.start_seconds >= measured.network_seconds
        assert estimated_network_share(forecast, measured) == pytest.approx(1)


def estimated_network_share(forecast: Forecast, measured: Measurement) -> float:
    alone = dataclasses.replace(measured, start_seconds=0, network_cpu_seconds=0, reading_seconds=0, encoding_seconds=0)
    seconds = upscaling_forecast.estimate(TileRule(32, 0), forecast, alone, cores=1).seconds
    return seconds / measured.network_seconds


def test_large_members_of_archives_are_not_held_in_memory(
    model: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    contents = {"a.png": encoded("PNG", image(60, 50)), "b.tif": encoded("TIFF", image(90, 80))}
    for kind in ("zip", "tar"):
        path = tmp_path / f"in.{kind}"
        if kind == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in contents.items():
                    archive.writestr(name, content)
        else:
            with tarfile.open(path, "w") as pack:
                for name, content in contents.items():
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    pack.addfile(entry, io.BytesIO(content))
        seen = []
        spool = archives.spooled

        def watched(stream: Any, folder: Any, **options: Any) -> Any:
            seen.append(spool(stream, folder, **options))  # noqa: B023
            return seen[-1]  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(spooling, "IN_MEMORY", 1000)
            patch.setattr(archives, "spooled", watched)
            patch.setattr(upscaling_forecast.tempfile, "gettempdir", lambda: str(temporary))
            forecast = forecast_upscaling(model(), [path], tmp_path / "out")
        assert len(forecast.sizes) == 2
        assert len(seen) == 2
        assert all(not isinstance(content, bytes) and content.closed for content in seen)
        assert not list(temporary.iterdir())


@pytest.mark.parametrize("constant", [False, True])
def test_the_number_of_tiles(constant: bool) -> None:
    rule = TileRule(64, 6, 4, constant=constant)
    for height, width in ((1, 1), (30, 200), (64, 64), (65, 63), (301, 222)):
        assert rule.count(height, width) == sum(len(band) for band in rule.bands(height, width))


def test_samples_are_spread_over_the_pixels() -> None:
    # Ninety thumbnails of one thousandth of the pixels of each of ten photographs: the time goes to the photographs.
    sizes = []
    for number in range(100):
        side = 1000 if number % 10 == 0 else 31
        task = Task(PictureInput("x", "x", bytes, path=Path(__file__)), "x")
        sizes.append((task, Outline("png", side, side, False), (side, side)))
    chosen = upscaling_forecast.chosen_samples(sizes, {})
    assert len(chosen) == len(set(chosen))
    assert sum(index % 10 == 0 for index in chosen) >= 8
