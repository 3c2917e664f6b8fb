from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from gantk.inference.exif import upright, without_orientation
from gantk.inference.picture import BadPicture, Picture
from gantk.inference.picture_reading import picture_format, read_picture
from gantk.inference.picture_writing import Encoding, encode_picture

LIMIT = 1 << 24
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

Encode = Callable[..., bytes]


def random_pixels(channels: int, dtype: Any = np.uint8, seed: int = 0) -> Any:
    size = (13, 18) if channels == 0 else (13, 18, channels)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, size, dtype=dtype)


def read(content: bytes, max_pixels: int = LIMIT) -> Picture:
    return read_picture(content, max_pixels=max_pixels)


def png_16(samples: Any, colour_type: int, *chunks: tuple[bytes, bytes], interlaced: bool = False) -> bytes:
    """A PNG written by hand, of unfiltered rows, by the format's specification alone."""
    assert not interlaced
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    all_chunks = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in all_chunks
    )


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "WEBP", "GIF", "JPEG"])
def test_the_format_is_told_by_the_first_bytes(encoded: Encode, form: str) -> None:
    content = encoded(form)
    assert picture_format(content[:32]) == form.lower()
    assert read(content).format == form.lower()


@pytest.mark.parametrize("content", [b"", b"B", b"BM is a German plate", b"%PDF-1.7", b"RIFF0000WAVE"])
def test_other_files_are_no_pictures(content: bytes) -> None:
    assert picture_format(content) is None
    with pytest.raises(BadPicture, match="empty" if not content else "not a JPEG"):
        read(content)


@pytest.mark.parametrize(
    ("mode", "expected_mode", "alpha"),
    [
        ("L", "L", False),
        ("1", "L", False),
        ("P", "RGB", False),
        ("RGB", "RGB", False),
        ("LA", "L", True),
        ("RGBA", "RGB", True),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_8_bit_modes(encoded: Encode, form: str, mode: str, expected_mode: str, alpha: bool) -> None:
    image = Image.fromarray(random_pixels(4), "RGBA")
    image = image.convert(mode) if alpha else image.convert("RGB").convert(mode)
    picture = read(encoded(form, image))
    expected = np.asarray(image.convert(expected_mode))
    assert np.array_equal(picture.colour.squeeze(), expected if not alpha else np.asarray(image)[..., :-1].squeeze())
    assert picture.colour.dtype == np.uint8
    assert (picture.alpha is not None) == alpha
    if alpha:
        assert np.array_equal(picture.alpha, np.asarray(image)[..., -1])


def test_a_palette_with_transparency(encoded: Encode) -> None:
    image = Image.fromarray(random_pixels(3)).quantize(16)
    picture = read(encoded("PNG", image, transparency=bytes(range(0, 256, 16))))
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, np.asarray(image) * 16)
    assert np.array_equal(picture.colour, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("form", ["TIFF", "JPEG"])
def test_cmyk_becomes_rgb(encoded: Encode, form: str) -> None:
    image = Image.fromarray(np.full((8, 8, 4), (0, 255, 255, 0), np.uint8), "CMYK")
    picture = read(encoded(form, image, quality=100) if form == "JPEG" else encoded(form, image))
    assert np.abs(picture.colour.astype(int) - (255, 0, 0)).max() <= (3 if form == "JPEG" else 0)
    assert picture.notes == ("CMYK without a colour profile became RGB",)


def test_a_damaged_cmyk_profile_is_noted(encoded: Encode) -> None:
    image = Image.fromarray(np.zeros((8, 8, 4), np.uint8), "CMYK")
    picture = read(encoded("TIFF", image, icc_profile=bytes(16) + b"CMYK" + bytes(200)))
    assert picture.notes == ("CMYK became RGB without its colour profile, which is damaged",)
    assert picture.icc_profile is None
    assert (picture.colour == 255).all()


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (4, 2), (2, 3), (6, 4)])
def test_16_bit_png_keeps_all_bits(colour_type: int, channels: int) -> None:
    samples = random_pixels(channels, np.uint16)
    picture = read(png_16(samples, colour_type))
    colours = channels - (channels in (2, 4))
    assert picture.colour.dtype == np.uint16
    assert np.array_equal(picture.colour, samples[..., :colours])
    assert (picture.alpha is None) == (channels in (1, 3))
    if picture.alpha is not None:
        assert np.array_equal(picture.alpha, samples[..., -1])


def test_16_bit_of_small_values_stay_16_bit() -> None:
    samples = np.random.default_rng(0).integers(0, 200, (4, 5, 3), dtype=np.uint16)
    assert np.array_equal(read(png_16(samples, 2)).colour, samples), "told by the type, not by the values"


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3)])
def test_a_16_bit_colour_that_stands_for_transparency(colour_type: int, channels: int) -> None:
    samples = random_pixels(channels, np.uint16)
    picture = read(png_16(samples, colour_type, (b"tRNS", samples[3, 4].astype(">u2").tobytes())))
    assert picture.alpha is not None
    assert picture.alpha[3, 4] == 0
    assert np.count_nonzero(picture.alpha == 0xFFFF) == 13 * 18 - 1


def test_a_grey_of_four_bits_that_stands_for_transparency() -> None:
    rows = b"\0" + bytes((0x03, 0xF3)) + b"\0" + bytes((0x3F, 0x00))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 2, 4, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", 3)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    picture = read(content)
    assert picture.colour[..., 0].tolist() == [[0, 51, 255, 51], [51, 255, 0, 0]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0, 255, 0], [0, 255, 255, 255]]


def test_16_bit_grey_tiff_where_white_is_zero() -> None:
    samples = random_pixels(0, np.uint16)
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "TIFF", tiffinfo={262: 0})
    content = stream.getvalue()
    with Image.open(io.BytesIO(content)) as image:
        assert image.tag_v2[262] == 0
    assert np.array_equal(read(content).colour[..., 0], ~samples)


@pytest.mark.parametrize("form", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_16_bit_pictures_are_written_with_all_they_had(form: str, channels: int, with_alpha: bool) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a meadow"
    exif[0x8769] = {0x9003: "2020:01:01 00:00:00"}
    picture = Picture(
        random_pixels(channels, np.uint16),
        random_pixels(0, np.uint16, seed=1) if with_alpha else None,
        format=form,
        icc_profile=SRGB if channels == 3 else None,
        exif=exif.tobytes(),
        dpi=(300.0, 150.0),
    )
    content, notes = encode_picture(picture, Encoding())
    again = read(content)
    assert notes == again.notes == ()
    assert again.format == form
    assert np.array_equal(again.colour_for(3), picture.colour_for(3))
    assert np.array_equal(again.alpha, picture.alpha) if with_alpha else again.alpha is None
    assert again.icc_profile == picture.icc_profile
    assert again.dpi == pytest.approx((300, 150), rel=1e-4)
    with Image.open(io.BytesIO(content)) as image:
        assert image.getexif()[0x010E] == "a meadow"
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2020:01:01 00:00:00"


def test_a_large_16_bit_tiff_has_several_strips() -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (700, 600, 3), dtype=np.uint16)
    content, _ = encode_picture(Picture(samples, format="tiff"), Encoding())
    with Image.open(io.BytesIO(content)) as image:
        assert len(image.tag_v2[TiffImagePlugin.STRIPOFFSETS]) == 3
    assert np.array_equal(read(content).colour, samples)


@pytest.mark.parametrize("form", ["png", "tiff", "bmp", "webp", "jpeg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_8_bit_pictures_are_written_with_all_they_had(form: str, channels: int) -> None:
    smooth = np.add.outer(np.arange(24), np.arange(32))[..., None].repeat(channels, axis=2).astype(np.uint8) * 4
    exif = Image.Exif()
    exif[0x010E] = "a meadow"
    picture = Picture(smooth, None, form, SRGB if channels == 3 else None, exif.tobytes(), (72.0, 36.0))
    content, notes = encode_picture(picture, Encoding())
    assert notes == ()
    again = read(content)
    assert again.format == form
    difference = np.abs(again.colour_for(channels).astype(int) - smooth)
    assert difference.max() <= {"jpeg": 4, "webp": 16}.get(form, 0)
    assert again.dpi == (None if form == "webp" else pytest.approx((72, 36), rel=1e-3))
    if form != "bmp":
        assert again.icc_profile == picture.icc_profile
        with Image.open(io.BytesIO(content)) as image:
            assert image.getexif()[0x010E] == "a meadow"


def test_jpeg_keeps_the_resolution_of_colour() -> None:
    content, _ = encode_picture(Picture(random_pixels(3), format="jpeg"), Encoding())
    with Image.open(io.BytesIO(content)) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
    worse, _ = encode_picture(Picture(random_pixels(3), format="jpeg"), Encoding(quality=20))
    assert len(worse) < len(content)


def test_webp_keeps_the_alpha_exactly() -> None:
    alpha = random_pixels(0)
    content, _ = encode_picture(Picture(random_pixels(3), alpha, "webp"), Encoding())
    assert np.array_equal(read(content).alpha, alpha)


@pytest.mark.parametrize("form", ["jpeg", "bmp"])
def test_formats_without_transparency_are_laid_on_white_and_it_is_noted(form: str) -> None:
    colour = np.full((8, 8, 3), 100, np.uint8)
    alpha = np.zeros((8, 8), np.uint8)
    alpha[:, 4:] = 51
    content, notes = encode_picture(Picture(colour, alpha), Encoding(format=form))
    assert notes == (f"laid on white, since {form.upper()} has no transparency",)
    received = read(content).colour.astype(int)
    # 100 · 0.2 + 255 · 0.8 = 224.
    assert np.abs(received[:, :3] - 255).max() <= 2
    assert np.abs(received[:, 6:] - 224).max() <= 2


def test_16_bits_are_rounded_where_a_format_has_8() -> None:
    colour = np.array([[[0], [128], [129], [65535]]], np.uint16).repeat(3, axis=2)
    content, notes = encode_picture(Picture(colour), Encoding(format="bmp"))
    assert notes == ("16 bits became 8, since BMP has no more",)
    # 128 / 257 = 0.498, 129 / 257 = 0.502.
    assert read(content).colour[0, :, 0].tolist() == [0, 0, 1, 255]


def test_a_profile_of_grey_is_not_put_on_rgb() -> None:
    profile = bytearray(SRGB)
    profile[16:20] = b"GRAY"
    content, notes = encode_picture(Picture(random_pixels(3), icc_profile=bytes(profile)), Encoding())
    assert notes == ("a colour profile that does not fit the result was left out",)
    assert read(content).icc_profile is None


ORIENTED = {
    # EXIF 2.32: where row 0 and column 0 of the stored picture are in the upright one.
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[4, 1], [5, 2], [6, 3]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[3, 6], [2, 5], [1, 4]],
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations(orientation: int) -> None:
    stored = np.array(ORIENTED[1], np.uint8)
    assert upright(stored, orientation).tolist() == ORIENTED[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_the_orientation_is_applied_once(encoded: Encode, form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "maker"
    pixels = np.array(ORIENTED[1], np.uint8).repeat(16, 0).repeat(16, 1)[..., None].repeat(3, 2) * 40
    options: dict[str, Any] = {"lossless": True} if form == "WEBP" else {"quality": 100} if form == "JPEG" else {}
    picture = read(encoded(form, pixels, exif=exif, dpi=(100, 50), **options))
    expected = np.array(ORIENTED[orientation]) * 40
    assert np.abs(picture.colour[8::16, 8::16, 0].astype(int) - expected).max() <= 2
    if picture.dpi:
        assert picture.dpi == pytest.approx((100, 50) if orientation < 5 else (50, 100), rel=1e-3)
    again = read(encode_picture(picture, Encoding(format="png"))[0])
    assert np.array_equal(again.colour, picture.colour), "written upright, it must not be turned again"
    with Image.open(io.BytesIO(encode_picture(picture, Encoding(format="png"))[0])) as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert image.getexif()[0x010F] == "maker"


def test_all_other_exif_bytes_stay_as_they_are() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x8769] = {0x927C: b"the maker's own notes, with offsets nobody else knows"}
    before = exif.tobytes()
    after = without_orientation(before)
    assert len(after) == len(before)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    for damaged in (b"", b"Exif\0\0", before[:20], b"Exif\0\0XX" + before[8:]):
        assert without_orientation(damaged) == damaged


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", [b"II", b"MM"])
def test_resolutions_of_the_exif_data_turn_with_the_picture(encoded: Encode, orientation: int, order: bytes) -> None:
    exif = Image.Exif()
    exif.endian = "<" if order == b"II" else ">"
    exif[0x0112], exif[0x011A], exif[0x011B], exif[0x0128] = orientation, 300.0, 150.0, 2
    content = encoded("JPEG", exif=exif, dpi=(300, 150))
    assert order in content[:60]
    with Image.open(io.BytesIO(encode_picture(read(content), Encoding())[0])) as image:
        kept = image.getexif()
        expected = (300, 150) if orientation < 5 else (150, 300)
        assert (kept[0x011A], kept[0x011B]) == expected
        assert image.info["dpi"] == pytest.approx(expected, abs=1), "as JFIF says"
        assert kept[0x0112] == 1


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "WEBP", "GIF", "JPEG"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_truncated_picture_is_refused(encoded: Encode, form: str, part: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    content = encoded(form, pixels)
    with pytest.raises(BadPicture):
        read(content[: int(len(content) * part)])


def test_a_truncated_16_bit_picture_is_refused() -> None:
    content = png_16(random_pixels(3, np.uint16), 2)
    with pytest.raises(BadPicture, match="cut short"):
        read(content[:-40])


def test_a_flipped_bit_in_a_png_is_refused(encoded: Encode) -> None:
    content = bytearray(encoded("PNG"))
    content[content.index(b"IDAT") + 20] ^= 4
    with pytest.raises(BadPicture, match="PNG"):
        read(bytes(content))


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1 << 20))), (b"IEND", b"")]
    )
    with pytest.raises(BadPicture, match=r"50000 × 50000 pixels are 2500\.0 million") as caught:
        read(bomb)
    assert "--max-pixels" in caught.value.hint


def test_the_limit_of_pixels(encoded: Encode) -> None:
    content = encoded("PNG")
    assert read(content, max_pixels=13 * 18).width == 18
    with pytest.raises(BadPicture, match="13"):
        read(content, max_pixels=13 * 18 - 1)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_refused(encoded: Encode, form: str) -> None:
    frames = [Image.fromarray(random_pixels(3, seed=seed)) for seed in range(3)]
    content = encoded(form, frames[0], save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(BadPicture, match="An animation of 3 frames"):
        read(content)


@pytest.mark.parametrize("tags", [{254: 1}, {50706: b"\x01\x04\x00\x00"}], ids=["preview first", "DNG"])
def test_a_camera_raw_file_is_no_picture_of_its_preview(encoded: Encode, tags: dict[int, Any]) -> None:
    with pytest.raises(BadPicture, match="raw file") as raised:
        read(encoded("TIFF", Image.fromarray(random_pixels(3)), tiffinfo=tags))
    assert "Develop" in raised.value.hint


def test_a_canon_raw_file_is_no_picture_of_its_preview(encoded: Encode) -> None:
    plain = encoded("TIFF", Image.fromarray(random_pixels(3)))
    assert plain[:8] == b"II*\x00\x08\x00\x00\x00"
    # As Canon does: its mark behind the header, the directory somewhere else.
    (entries,) = struct.unpack_from("<H", plain, 8)
    directory = plain[8 : 8 + 2 + 12 * entries + 4]
    marked = b"II*\x00" + struct.pack("<I", len(plain)) + b"CR\x02\x00" + plain[12:] + directory
    with pytest.raises(BadPicture, match="raw file"):
        read(marked)


def test_pages_of_a_tiff_are_refused_but_not_its_smaller_copies(encoded: Encode) -> None:
    pages = [Image.fromarray(random_pixels(3, seed=seed)) for seed in range(2)]
    with pytest.raises(BadPicture, match="2 pages"):
        read(encoded("TIFF", pages[0], save_all=True, append_images=pages[1:]))
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}
    picture = read(encoded("TIFF", pages[0], save_all=True, append_images=pages[1:]))
    assert np.array_equal(picture.colour, np.asarray(pages[0]))
    assert picture.notes == ("1 smaller copies inside the TIFF file were left out",)


def test_a_still_gif_is_read_and_written_as_png(encoded: Encode) -> None:
    image = Image.fromarray(random_pixels(3)).quantize(8)
    picture = read(encoded("GIF", image))
    assert np.array_equal(picture.colour, np.asarray(image.convert("RGB")))
    assert picture_format(encode_picture(picture, Encoding())[0]) == "png"


def test_32_bit_pixels_are_refused(encoded: Encode) -> None:
    with pytest.raises(BadPicture, match="32 bits"):
        read(encoded("TIFF", np.zeros((4, 4), np.float32)))


def test_grey_for_a_network_of_one_channel() -> None:
    colour = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    # Rec. 601: 0.299, 0.587, 0.114 of 255.
    assert Picture(colour).colour_for(1)[..., 0].tolist() == [[76, 150, 29, 255]]


def test_a_picture_too_wide_for_its_format() -> None:
    with pytest.raises(BadPicture, match="cannot be written as WEBP") as caught:
        encode_picture(Picture(np.zeros((1, 16384, 3), np.uint8)), Encoding(format="webp"))
    assert "--format" in caught.value.hint


def test_resolutions_that_are_no_numbers(encoded: Encode, tmp_path: Path) -> None:
    content = bytearray(encoded("JPEG", dpi=(72, 72)))
    index = content.index(b"JFIF\0") + 8
    content[index : index + 4] = bytes(4)
    assert read(bytes(content)).dpi is None
