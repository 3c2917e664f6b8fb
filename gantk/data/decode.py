"""Strict decoding of image files of any common format to 8-bit arrays.

What is decided here:

- The format is told by magic bytes, never by a file name.
- A truncated or damaged file is an error, also where a decoder could fill in the rest.
- JPEG goes through simplejpeg (libjpeg-turbo, faster than Pillow, and it also refuses damaged entropy-coded
  data, which Pillow accepts); CMYK JPEG and all other formats go through Pillow.
- The EXIF orientation is applied once.
- 16 bits a channel are scaled, v · 255 / 65535 rounded, not cut off at 255 (Pillow reads 16-bit colour as the
  high byte, which differs by one level at most).
- 32-bit integer and floating-point pixels have no known range and are refused.
- Animations and files of several pages are refused: which of their images is meant is not for us to guess.
- Grey, colour and either with alpha stay what they are; palettes and CMYK become colour, with alpha where a
  palette has transparent entries. ICC profiles are not applied.
"""

from __future__ import annotations

import io
import struct
import warnings
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gantk.data.options import MAX_PIXELS

MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"\xff\xd8\xff", 0, "JPEG"),
    (b"\x89PNG\r\n\x1a\n", 0, "PNG"),
    (b"WEBP", 8, "WEBP"),
    (b"GIF87a", 0, "GIF"),
    (b"GIF89a", 0, "GIF"),
    (b"BM", 0, "BMP"),
    (b"II*\0", 0, "TIFF"),
    (b"MM\0*", 0, "TIFF"),
    (b"II+\0", 0, "TIFF"),
    (b"MM\0+", 0, "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", 0, "JPEG2000"),
    (b"ftypavif", 4, "AVIF"),
    (b"P5", 0, "PPM"),
    (b"P6", 0, "PPM"),
)
"""Bytes, where they stand, and Pillow's name of the format."""

_EXIF_ORIENTATION = 0x0112


class DecodeError(ValueError):
    """An image file that cannot be decoded; the message is the reason."""


class _JpegHeader(NamedTuple):
    height: int
    width: int
    components: int
    has_exif: bool


def sniff(data: bytes) -> str:
    """Return Pillow's name of an image file's format, from its first bytes.

    Raises:
        DecodeError: It is none that can be read.
    """
    for magic, offset, name in MAGIC:
        if data[offset : offset + len(magic)] == magic:
            return name
    raise DecodeError(f"not an image of a known format; it starts with {data[:12]!r}" if data else "an empty file")


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode an image file.

    Args:
        data: The file.
        max_pixels: Refuse larger images before decoding them.

    Returns:
        uint8, height × width × channels: 1 grey, 2 grey and alpha, 3 RGB or 4 RGBA; contiguous.

    Raises:
        DecodeError: The file is no image, damaged, too large, or of a kind that is refused (see above).
    """
    kind = sniff(data)
    if kind == "JPEG":
        header = _jpeg_header(data)
        _check_size(header.width, header.height, max_pixels)
        if header.components != 4:
            return _decode_jpeg(data, header)
    return _decode_with_pillow(data, kind, max_pixels)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise DecodeError(f"{width} × {height} pixels, more than max_pixels = {max_pixels}")


def _jpeg_header(data: bytes) -> _JpegHeader:
    position, has_exif = 2, False
    try:
        while True:
            while data[position] == 0xFF and data[position + 1] == 0xFF:  # fill bytes
                position += 1
            if data[position] != 0xFF:
                raise DecodeError(f"a JPEG file without a marker at byte {position}")
            marker = data[position + 1]
            (length,) = struct.unpack_from(">H", data, position + 2)
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # SOF0..15; DHT, JPG and DAC are not
                precision, height, width, components = struct.unpack_from(">BHHB", data, position + 4)
                if precision != 8:
                    raise DecodeError(f"a JPEG file of {precision} bits a channel; only 8 can be read")
                return _JpegHeader(height, width, components, has_exif)
            if marker in (0xD9, 0xDA):  # end of image, start of scan
                raise DecodeError("a JPEG file without a frame header")
            has_exif = has_exif or (marker == 0xE1 and data[position + 4 : position + 10] == b"Exif\0\0")
            position += 2 + length
    except (IndexError, struct.error) as error:
        raise DecodeError("a JPEG file that ends inside its header") from error


def _decode_jpeg(data: bytes, header: _JpegHeader) -> NDArray[np.uint8]:
    try:
        image = simplejpeg.decode_jpeg(data, colorspace="GRAY" if header.components == 1 else "RGB", strict=True)
    except ValueError as error:
        raise DecodeError(str(error)) from error
    return _upright(image, _jpeg_orientation(data)) if header.has_exif else image


def _jpeg_orientation(data: bytes) -> int:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception as error:
        raise DecodeError(f"damaged EXIF data: {error}") from error


def _upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation, 1 to 8; other numbers mean nothing and change nothing.

    Reference: EXIF 2.32, tag 274: where the stored first row and first column belong.
    """
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _decode_with_pillow(data: bytes, kind: str, max_pixels: int) -> NDArray[np.uint8]:
    # Pillow's own limit must not be lower than the one that was asked for.
    if Image.MAX_IMAGE_PIXELS is not None and max_pixels > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        if kind == "PNG":
            # Loading ignores the checksums of chunks and a missing end; verifying does neither, but reads no pixels.
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                image.verify()
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=[kind]) as image:
            warnings.simplefilter("error")
            _check_size(image.width, image.height, max_pixels)
            if getattr(image, "is_animated", False):
                raise DecodeError(f"{getattr(image, 'n_frames', 'several')} frames in one {kind} file")
            image.load()
            return _as_array(ImageOps.exif_transpose(image))
    except DecodeError:
        raise
    except Exception as error:  # Pillow's plugins raise anything from OSError to SyntaxError and struct.error.
        raise DecodeError(f"{kind}: {error}" if str(error) else f"{kind}: {type(error).__name__}") from error


def _as_array(image: Image.Image) -> NDArray[np.uint8]:
    mode = image.mode
    if mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint32)
        return np.ascontiguousarray(((wide * 255 + 32767) // 65535).astype(np.uint8)[:, :, None])
    if mode in ("I", "F"):
        raise DecodeError(f"{'integer' if mode == 'I' else 'floating-point'} pixels of 32 bits, whose range is unknown")
    if image.has_transparency_data:
        image = image.convert("LA" if mode in ("L", "1", "LA", "La") else "RGBA")
    elif mode == "1":
        image = image.convert("L")
    elif mode not in ("L", "RGB"):
        image = image.convert("RGB")
    array = np.array(image, np.uint8)
    return array[:, :, None] if array.ndim == 2 else array
