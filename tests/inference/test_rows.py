from __future__ import annotations

import io
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from gantk.inference.content import Content
from gantk.inference.exif import with_dimensions
from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_reading import read_picture
from gantk.inference.picture_writing import Encoding, encode_picture
from gantk.inference.rows import jpeg_reading, png_reading, reading, tiff_reading, upright, writing
from gantk.inference.rows.queue import RowQueue, WriterStopped
from gantk.inference.rows.resizing import Kernel, RowResizer
from gantk.inference.transparency import BLEED, bled

HEIGHT, WIDTH = 61, 37


@pytest.fixture(autouse=True)
def small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, size in (
        (png_reading, "_STRIP_BYTES", 300),
        (tiff_reading, "_STRIP_BYTES", 300),
        (jpeg_reading, "_STRIP_BYTES", 1900),
        (upright, "_BLOCK_BYTES", 900),
    ):
        monkeypatch.setattr(module, name, size)


def smooth(channels: int, dtype: Any = np.uint8) -> Any:
    steps = np.random.default_rng(0).integers(-3, 4, (HEIGHT, WIDTH, channels))
    return (np.cumsum(steps, axis=1) % np.iinfo(dtype).max).astype(dtype)


def image(mode: str) -> Image.Image:
    made = Image.fromarray(smooth(4))
    return (made if mode in ("RGBA", "LA") else made.convert("RGB")).convert(mode)


def in_strips(content: bytes, folder: Path) -> tuple[Picture, int]:
    """Return a picture read in strips, and how many there were."""
    held = Content("", len(content), held=content)
    rows = reading.read_rows(held, reading.outline_of(held, max_pixels=10**6), folder)
    strips = list(rows.strips())
    whole = replace(
        strips[0],
        colour=np.concatenate([strip.colour for strip in strips]),
        alpha=None if strips[0].alpha is None else np.concatenate([strip.alpha for strip in strips]),  # type: ignore[arg-type]
    )
    assert (rows.height, rows.width) == (whole.height, whole.width)
    return whole, len(strips)


def assert_read_alike(content: bytes, folder: Path) -> None:
    """Check that a file gives the same in strips and whole."""
    expected = read_picture(content, max_pixels=10**6)
    received, count = in_strips(content, folder)
    assert count > 1
    assert_same_pixels(received, expected)
    for name in ("format", "icc_profile", "exif", "dpi", "notes"):
        assert getattr(received, name) == getattr(expected, name)


def assert_same_pixels(received: Picture, expected: Picture) -> None:
    assert received.colour.dtype == expected.colour.dtype
    assert np.array_equal(received.colour, expected.colour)
    assert (received.alpha is None) == (expected.alpha is None)
    assert received.alpha is None or np.array_equal(received.alpha, expected.alpha)  # type: ignore[arg-type]


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_strips_of_every_kind_are_the_whole_turned_upright(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "maker"

    def content(form: str, mode: str, **options: Any) -> bytes:
        stream = io.BytesIO()
        image(mode).save(stream, form, dpi=(100, 200), **options)
        return stream.getvalue()

    for mode in ("L", "LA", "RGB", "RGBA", "P", "1"):
        assert_read_alike(content("PNG", mode, exif=exif), tmp_path)
    for mode, subsampling, progressive in (("L", 0, False), ("RGB", 0, True), ("RGB", 2, False)):
        options = {"subsampling": subsampling, "progressive": progressive}
        assert_read_alike(content("JPEG", mode, exif=exif, **options), tmp_path)
    for mode in ("L", "LA", "RGB", "RGBA", "P", "1", "CMYK"):
        for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            tags = {274: orientation, 270: "described", 278: 7}
            assert_read_alike(content("TIFF", mode, tiffinfo=tags, compression=compression), tmp_path)
    assert_read_alike(content("TIFF", "RGB", tiffinfo={274: orientation, 278: 16}, compression="jpeg"), tmp_path)
    assert not list(tmp_path.iterdir()), "nothing is left behind"


@pytest.mark.parametrize("form", ["png", "tiff"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("channels", "alpha"), [(1, False), (1, True), (3, False), (3, True)])
def test_files_of_8_and_16_bits(
    form: str, dtype: Any, channels: int, alpha: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantk.inference import deep_tiff

    monkeypatch.setattr(deep_tiff, "_STRIP_BYTES", 700)
    picture = Picture(smooth(channels, dtype), smooth(1, dtype)[..., 0] if alpha else None)
    stream = io.BytesIO()
    writing.encode_rows(stream, pieces(picture, 9), HEIGHT, WIDTH, Encoding(form))
    assert_read_alike(stream.getvalue(), tmp_path)


def test_a_transparent_colour(tmp_path: Path) -> None:
    stream = io.BytesIO()
    image("RGB").save(stream, "PNG", transparency=tuple(int(value) for value in smooth(3)[5, 5]))
    assert_read_alike(stream.getvalue(), tmp_path)


def test_a_tiff_of_tiles(tmp_path: Path) -> None:
    padded = np.zeros((64, 48, 3), np.uint8)
    padded[:HEIGHT, :WIDTH] = smooth(3)
    tiles = [
        padded[top : top + 16, left : left + 16].tobytes() for top in range(0, 64, 16) for left in range(0, 48, 16)
    ]
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    position = 8
    offsets = tuple(position + 768 * number for number in range(len(tiles)))
    for tag, value in {
        256: WIDTH,
        257: HEIGHT,
        258: (8, 8, 8),
        259: 1,
        262: 2,
        277: 3,
        284: 1,
        322: 16,
        323: 16,
    }.items():
        tags[tag] = value
    for tag, values in ((324, offsets), (325, (768,) * len(tiles))):
        tags.tagtype[tag] = 4
        tags[tag] = values
    directory = position + 768 * len(tiles)
    content = b"II*\0" + struct.pack("<I", directory) + b"".join(tiles) + tags.tobytes(directory)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), smooth(3)), "the file is right"
    assert_read_alike(content, tmp_path)


def test_what_cannot_be_read_in_strips_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gantk.inference import memory

    stream = io.BytesIO()
    image("RGB").save(stream, "WEBP", lossless=True)
    received, count = in_strips(stream.getvalue(), tmp_path)
    assert count == 1
    assert np.array_equal(received.colour, smooth(4)[..., :3])
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    with pytest.raises(BadPicture, match="can only be decoded whole"):
        in_strips(stream.getvalue(), tmp_path)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
def test_files_cut_short_or_damaged(form: str, tmp_path: Path) -> None:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, form)
    content = stream.getvalue()
    for length in (len(content) // 2, len(content) * 3 // 4):
        with pytest.raises(BadPicture):
            in_strips(content[:length], tmp_path)
    if form == "PNG":
        for position in (len(content) // 2, len(content) - 14):
            damaged = bytearray(content)
            damaged[position] ^= 1
            with pytest.raises(BadPicture, match="damaged"):
                in_strips(bytes(damaged), tmp_path)


def pieces(picture: Picture, step: int) -> Iterator[Picture]:
    for first in range(0, picture.height, step):
        alpha = None if picture.alpha is None else picture.alpha[first : first + step]
        yield replace(picture, colour=picture.colour[first : first + step], alpha=alpha)


@pytest.mark.parametrize("form", ["png", "tiff", "jpeg", "webp", "bmp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("channels", "alpha"), [(1, False), (3, False), (3, True)])
def test_files_written_in_strips_are_those_written_whole(form: str, dtype: Any, channels: int, alpha: bool) -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker"
    picture = Picture(
        smooth(channels, dtype),
        smooth(1, dtype)[..., 0] if alpha else None,
        dpi=(72.0, 72.0),
        exif=b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"),
    )
    content, expected_notes = encode_picture(picture, Encoding(form))
    expected = read_picture(content, max_pixels=10**6)
    for step in (1, 7, 16, HEIGHT):
        stream = io.BytesIO()
        notes = writing.encode_rows(stream, pieces(picture, step), HEIGHT, WIDTH, Encoding(form))
        assert stream.tell() == len(stream.getvalue()), "the stream is left at the end of the file"
        received = read_picture(stream.getvalue(), max_pixels=10**6)
        assert_same_pixels(received, expected)
        assert (received.exif, notes) == (expected.exif, expected_notes)
        assert received.dpi == pytest.approx(expected.dpi)


def test_large_tiff_files_are_bigtiff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_CLASSIC_TIFF_BYTES", 100)
    picture = Picture(smooth(3), dpi=(72.0, 72.0))
    for step in (5, HEIGHT):
        stream = io.BytesIO()
        writing.encode_rows(stream, pieces(picture, step), HEIGHT, WIDTH, Encoding("tiff"))
        assert stream.getvalue()[:4] == b"II\x2b\0"
        received = read_picture(stream.getvalue(), max_pixels=10**6)
        assert np.array_equal(received.colour, picture.colour)
        assert received.dpi == (72.0, 72.0)


@pytest.mark.parametrize("kernel", ["lanczos", "bicubic"])
@pytest.mark.parametrize("target", [(61, 37), (200, 90), (20, 11), (1, 1), (61, 100), (1, 300)])
def test_resizing_by_rows_is_pillows(kernel: Kernel, target: tuple[int, int]) -> None:
    samples = smooth(1)[..., 0]
    filters = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}
    expected = np.asarray(Image.fromarray(samples).convert("F").resize(target[::-1], filters[kernel]))
    results = []
    for step in (1, 13, HEIGHT):
        resizer = RowResizer(HEIGHT, WIDTH, target, kernel)
        parts = [part for first in range(0, HEIGHT, step) for part in resizer.feed(samples[first : first + step])]
        results.append(np.concatenate(parts))
        assert results[-1].shape == target
        assert np.abs(results[-1] - np.clip(expected, 0, 255)).max() <= 0.501
    assert all(np.array_equal(results[0], other) for other in results[1:]), "however the rows come"


def test_colour_spreads_into_what_is_transparent_and_no_further() -> None:
    colour, alpha = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)
    colour[20, 20], alpha[20, 20] = (9, 90, 200), 1
    received = bled(colour, alpha)
    distance = np.maximum(*np.abs(np.mgrid[:40, :40] - 20))
    assert (received[distance <= BLEED] == (9, 90, 200)).all()
    assert (received[distance > BLEED] == 0).all()
    colour[19, 20], alpha[19, 20] = (19, 90, 200), 255
    assert bled(colour, alpha)[20, 21, 0] == 14, "the mean of both"
    assert np.array_equal(bled(colour, alpha)[19:21, 20], colour[19:21, 20]), "what is seen stays"


def test_bleeding_of_a_part_is_that_of_the_whole() -> None:
    random = np.random.default_rng(0)
    colour = random.integers(0, 256, (60, 60, 3), dtype=np.uint8)
    alpha = (random.random((60, 60)) < 0.01).astype(np.uint8)
    whole = bled(colour, alpha)
    around = slice(20 - BLEED, 40 + BLEED)
    assert np.array_equal(
        bled(colour[around, around], alpha[around, around])[BLEED:-BLEED, BLEED:-BLEED], whole[20:40, 20:40]
    )


def test_exif_tells_the_size_of_the_result() -> None:
    exif = Image.Exif()
    folder = exif.get_ifd(0x8769)
    folder[0xA002], folder[0xA003], folder[0x9003] = 100, 50, "2020:01:01 00:00:00"
    content = exif.tobytes()
    content = content if content.startswith(b"Exif\0\0") else b"Exif\0\0" + content
    changed = Image.Exif()
    changed.load(with_dimensions(content, 80_000, 90_000))
    sizes = changed.get_ifd(0x8769)
    assert (sizes[0xA002], sizes[0xA003], sizes[0x9003]) == (90_000, 80_000, "2020:01:01 00:00:00")
    assert with_dimensions(b"Exif\0\0rubbish", 1, 2) == b"Exif\0\0rubbish"
    assert with_dimensions(content[:40], 1, 2) == content[:40]


def test_the_queue_holds_few_rows_and_passes_errors_both_ways() -> None:
    strip = Picture(np.zeros((10, 10, 3), np.uint8))
    queue = RowQueue(limit=600)
    taken: list[Picture] = []
    reader = threading.Thread(target=lambda: taken.extend(queue))
    for _ in range(2):
        queue.put(strip)
    blocked = threading.Thread(target=queue.put, args=[strip])
    blocked.start()
    blocked.join(0.05)
    assert blocked.is_alive(), "no more than the limit waits"
    reader.start()
    blocked.join(5)
    queue.finish()
    reader.join(5)
    assert len(taken) == 3
    queue = RowQueue()
    queue.put(strip)
    queue.finish(BadPicture("worth nothing"))
    with pytest.raises(BadPicture, match="worth nothing"):
        next(iter(queue))
    queue.stop()
    with pytest.raises(WriterStopped):
        queue.put(strip)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
def test_a_large_file_is_read_where_it_lies(form: str, tmp_path: Path) -> None:
    path, folder = tmp_path / "x", tmp_path / "room"
    folder.mkdir()
    image("RGB").save(path, form)
    content = Content("", path.stat().st_size, path=path)
    rows = reading.read_rows(content, reading.outline_of(content, max_pixels=10**6), folder)
    received = np.concatenate([strip.colour for strip in rows.strips()])
    assert np.array_equal(received, read_picture(path.read_bytes(), max_pixels=10**6).colour)
    path.write_bytes(path.read_bytes()[: content.size // 2])
    with pytest.raises(BadPicture):
        list(reading.read_rows(content, reading.Outline(form.lower(), HEIGHT, WIDTH, False), folder).strips())
    assert not list(folder.iterdir())
