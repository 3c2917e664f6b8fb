"""Strict decoding, against values set pixel by pixel."""

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from gantk.data.decode import DecodeError, decode_image, sniff
from gantk.data.encode import decode_stored, encode_image

RAMP = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3) * 3
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
        ("PPM", {}),
    ],
)
def test_lossless_formats_give_the_very_pixels(kind, options):
    data = saved(RAMP, kind, **options)
    assert sniff(data) == kind
    np.testing.assert_array_equal(decode_image(data), RAMP)


def test_jpeg_is_near_the_original_and_as_pillow_decodes_it():
    smooth = np.asarray(Image.fromarray(NOISE).resize((64, 48), box=(0, 0, 8, 6)))
    data = saved(smooth, "JPEG", quality=95, subsampling=0)
    decoded = decode_image(data)
    assert np.abs(decoded.astype(int) - smooth).max() <= 12
    assert np.abs(decoded.astype(int) - np.asarray(Image.open(io.BytesIO(data)))).max() <= 2


@pytest.mark.parametrize("progressive", [False, True])
def test_grey_jpeg_has_one_channel(progressive):
    assert decode_image(saved(NOISE[:, :, 0], "JPEG", progressive=progressive)).shape == (48, 64, 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF"])
@pytest.mark.parametrize("left", [0.5, 0.9])
def test_truncated_file_is_an_error(kind, left):
    data = saved(NOISE, kind)
    with pytest.raises(DecodeError):
        decode_image(data[: int(len(data) * left)])


def test_jpeg_that_only_misses_its_end_is_an_error():
    with pytest.raises(DecodeError, match="Premature end"):
        decode_image(saved(NOISE, "JPEG")[:-2])


def test_png_that_only_misses_its_end_is_an_error():
    with pytest.raises(DecodeError, match=r"PNG: .*[Tt]runcated"):
        decode_image(saved(NOISE, "PNG")[:-12])


def test_jpeg_with_damaged_data_is_an_error():
    data = bytearray(saved(NOISE, "JPEG", quality=90))
    middle = len(data) // 2
    data[middle : middle + 60] = b"\xff\xd9" * 30
    with pytest.raises(DecodeError):
        decode_image(bytes(data))


def test_png_with_one_wrong_bit_is_an_error():
    data = bytearray(saved(NOISE, "PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(DecodeError, match="PNG"):
        decode_image(bytes(data))


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "empty"), (b"hello world!", "known format"), (b"\xff\xd8\xff", "ends inside")]
)
def test_what_is_no_image_is_an_error(data, reason):
    with pytest.raises(DecodeError, match=reason):
        decode_image(data)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_once(kind, orientation):
    # Four plain quarters, so that every orientation gives another picture and JPEG keeps them.
    quarters = np.zeros((32, 48, 3), np.uint8)
    quarters[:16, :24], quarters[:16, 24:], quarters[16:, :24] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    decoded = decode_image(saved(quarters, kind, exif=exif, **options))
    plain = Image.fromarray(quarters)
    plain.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(plain))
    assert decoded.shape == expected.shape
    corners = [(2, 2), (2, -3), (-3, 2), (-3, -3)]
    for row, column in corners:
        assert np.abs(decoded[row, column].astype(int) - expected[row, column]).max() <= 3


def test_sixteen_bit_grey_is_scaled_and_not_cut_off():
    values = np.array([[0, 128, 257, 32768, 65535, 65408]], np.uint16)
    # v · 255 / 65535 rounded: 0, 0.498, 1, 127.5, 255, 254.506.
    expected = np.array([[0, 0, 1, 128, 255, 255]], np.uint8)[:, :, None]
    np.testing.assert_array_equal(decode_image(saved(Image.fromarray(values), "PNG")), expected)
    np.testing.assert_array_equal(decode_image(saved(Image.fromarray(values), "TIFF")), expected)


def png_of(bit_depth, colour_type, width, rows):
    def chunk(kind, payload):
        return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))

    header = struct.pack(">IIBBBBB", width, len(rows), bit_depth, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_sixteen_bit_colour_is_scaled():
    pixels = struct.pack(">6H", 65535, 32768, 0, 256, 512, 65280)
    decoded = decode_image(png_of(16, 2, 2, [pixels]))
    assert np.abs(decoded.astype(int) - [[[255, 128, 0], [1, 2, 254]]]).max() <= 1


def test_cmyk_jpeg_becomes_colour():
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow: red
    decoded = decode_image(saved(cmyk, "JPEG", quality=95))
    assert decoded.shape == (16, 16, 3)
    assert np.abs(decoded[8, 8].astype(int) - [255, 0, 0]).max() <= 6


def test_palette_becomes_colour_and_keeps_its_transparency():
    palette = Image.new("P", (4, 4))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putpixel((0, 0), 1)
    assert decode_image(saved(palette, "PNG"))[0, 0].tolist() == [200, 100, 50]
    transparent = decode_image(saved(palette, "PNG", transparency=1))
    assert transparent[0, 0].tolist() == [200, 100, 50, 0]
    assert transparent[1, 1].tolist() == [10, 20, 30, 255]


def test_one_bit_becomes_black_and_white():
    assert decode_image(saved(Image.fromarray(np.eye(8) > 0), "PNG"))[:2, :2, 0].tolist() == [[255, 0], [0, 255]]


def test_alpha_is_kept():
    image = np.dstack([RAMP, 255 - RAMP[:, :, :1]])
    np.testing.assert_array_equal(decode_image(saved(image, "PNG")), image)
    grey = Image.merge("LA", [Image.fromarray(RAMP[:, :, 0])] * 2)
    assert decode_image(saved(grey, "PNG")).shape == (6, 4, 2)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_and_pages_are_refused(kind):
    frames = [Image.fromarray(NOISE), Image.fromarray(255 - NOISE)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(DecodeError, match=f"2 frames in one {kind}"):
        decode_image(data)


def test_still_gif_is_read():
    assert decode_image(saved(Image.new("L", (5, 7), 9), "GIF"))[0, 0].max() == 9


def test_floating_point_pixels_are_refused():
    with pytest.raises(DecodeError, match="range is unknown"):
        decode_image(saved(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_image_of_too_many_pixels_is_refused_before_decoding(kind):
    data = saved(np.zeros((1000, 1000), np.uint8), kind)
    with pytest.raises(DecodeError, match="1000 × 1000 pixels, more than max_pixels = 999999"):
        decode_image(data, max_pixels=999_999)
    assert decode_image(data, max_pixels=1_000_000).shape == (1000, 1000, 1)


def test_small_file_that_claims_a_huge_image_is_refused():
    header = struct.pack(">II", 60_000, 60_000)
    claims = png_of(8, 0, 4, [bytes(4)] * 4)
    claims = (
        claims[:16]
        + header
        + claims[24:29]
        + struct.pack(">I", zlib.crc32(b"IHDR" + header + claims[24:29]))
        + claims[33:]
    )
    with pytest.raises(DecodeError, match=r"pixels"):
        decode_image(claims)


def checkerboard(kind):
    """Grey levels 40 and 200, pixel by pixel: a decoder that reads fewer coefficients (draft) sees 120 everywhere."""
    rows, columns = np.mgrid[:64, :96]
    levels = np.where((rows + columns) % 2, 200, 40).astype(np.uint8)
    return {
        "grey": levels,
        "colour": np.repeat(levels[:, :, None], 3, 2),
        "cmyk": np.stack([np.zeros_like(levels)] * 3 + [255 - levels], -1),
    }[kind], levels


@pytest.mark.parametrize("kind", ["grey", "colour", "cmyk"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_decoded_at_full_resolution(kind, progressive):
    pixels, levels = checkerboard(kind)
    picture = Image.fromarray(pixels, mode="CMYK") if kind == "cmyk" else Image.fromarray(pixels)
    data = saved(picture, "JPEG", quality=100, subsampling=0, progressive=progressive)
    decoded = decode_image(data)
    assert decoded.shape[:2] == (64, 96)
    assert np.abs(decoded.astype(int) - levels[:, :, None]).max() <= 3
    with Image.open(io.BytesIO(data)) as draft:
        draft.draft(None, (48, 32))
        assert draft.size == (48, 32)
        assert np.abs(np.asarray(draft.convert("L")).astype(int) - 120).max() <= 3  # what it would look like


def test_stored_jpeg_is_decoded_at_full_resolution():
    pixels, _ = checkerboard("colour")
    stored = encode_image(pixels, "jpeg", jpeg_quality=100, png_level=1)
    assert np.abs(decode_stored(stored, "jpeg", (64, 96, 3)).astype(int) - pixels).max() <= 3


def test_no_decoder_asks_for_less_than_full_resolution():
    # Pillow's `draft`, also inside `thumbnail` and `reducing_gap`, and the like in simplejpeg and OpenCV.
    forbidden = re.compile(
        r"\.draft\(|reducing_gap|min_factor|min_height|min_width|fastdct=True|fastupsample=True|IMREAD_REDUCED|\.thumbnail\("
    )
    root = Path(__file__).parents[2]
    found = [
        str(path.relative_to(root))
        for folder in ("gantk", "plugins")
        for path in sorted((root / folder).rglob("*.py"))
        if forbidden.search(path.read_text(encoding="utf-8"))
    ]
    # A report's small pictures are of pictures that are decoded already, or of a run's own PNG files.
    assert [path for path in found if path != "gantk/report/page.py"] == []
