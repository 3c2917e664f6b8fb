"""Reading a picture of any kind, whole or not at all.

The format is told by the first bytes, never by the name, and Pillow's reader of that format is called directly: it
decodes strictly (what is cut short is an error), and the limit of pixels is this module's own.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from gantk.inference.deep_pixels import raw_modes, read_deep_pixels
from gantk.inference.exif import ORIENTATION, PREFIX, descriptive, upright, without_orientation
from gantk.inference.picture import BadPicture, Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC_BYTES = 32
"""How many of a file's first bytes tell its format."""

READERS: dict[str, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "gif": GifImagePlugin.GifImageFile,
}
"""Pillow's reader of each format."""
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)
_PNG_START, _CHUNK_FRAME = 8, 12
_PNG_PIXELS = (b"PLTE", b"IDAT", b"fdAT")
_NEW_SUBFILE_TYPE, _REDUCED_COPY = 254, 1
_DNG_VERSION = 50706
_CR2_MARK = b"CR\x02"


def picture_format(beginning: bytes) -> str | None:
    """Tell a picture's format by the first bytes of its file; None where it is none that can be read.

    Args:
        beginning: The first `MAGIC_BYTES` bytes.
    """
    if beginning.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if beginning.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if beginning.startswith(b"RIFF") and beginning[8:12] == b"WEBP":
        return "webp"
    if beginning.startswith(_TIFF_STARTS):
        return "tiff"
    if beginning.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if beginning.startswith(b"BM") and len(beginning) >= 18:
        (header,) = struct.unpack_from("<I", beginning, 14)
        return "bmp" if header in _BMP_HEADER_SIZES else None
    return None


def read_picture(content: bytes, *, max_pixels: int) -> Picture:
    """Decode a picture file.

    Every kind of pixel becomes 8-bit or 16-bit grey or RGB, with alpha where there is some: 16-bit files stay
    16-bit, palettes and 1-bit become RGB and grey, CMYK becomes sRGB (by its profile where it has one). The EXIF
    orientation is applied.

    Args:
        content: The whole file.
        max_pixels: The largest width × height; checked before anything is decoded.

    Raises:
        BadPicture: Empty, cut short, damaged, too large, animated, or of a kind that is not supported.
    """
    if not content:
        raise BadPicture("The file is empty: 0 bytes.")
    kind = picture_format(content[:MAGIC_BYTES])
    if kind is None:
        raise BadPicture(f"This is not a JPEG, PNG, WebP, TIFF, BMP or GIF file. It begins with {content[:8]!r}.")
    try:
        image = READERS[kind](io.BytesIO(content))
    except Exception as error:
        raise undecodable(kind, error) from error
    with image:
        if image.width * image.height > max_pixels:
            raise BadPicture(
                f"{image.width} × {image.height} pixels are {image.width * image.height / 1e6:.1f} million, "
                f"more than the limit of {max_pixels / 1e6:.1f} million.",
                hint="Make it smaller; or, where there is enough memory, raise --max-pixels.",
            )
        try:
            if kind == "png":
                _check_sums(content)
            notes = refuse_several(image, kind)
            return _decoded(image, kind, content, notes)
        except BadPicture:
            raise
        except MemoryError:
            raise BadPicture(f"There is not enough memory for {image.width} × {image.height} pixels.") from None
        except Exception as error:
            raise undecodable(kind, error) from error


def undecodable(kind: str, error: Exception) -> BadPicture:
    """Return the reason for a file whose reader raised an error."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return BadPicture(
        f"The {kind.upper()} file cannot be decoded, being cut short, damaged or of a rare kind: {reason}."
    )


def _check_sums(content: bytes) -> None:
    """Check what holds the pixels of a PNG, which Pillow does not."""
    position = _PNG_START
    while position + _CHUNK_FRAME <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + _CHUNK_FRAME + length
        if kind == b"IEND" or end > len(content):
            return
        if kind in _PNG_PIXELS:
            (expected,) = struct.unpack_from(">I", content, end - 4)
            if zlib.crc32(memoryview(content)[position + 4 : end - 4]) != expected:
                raise BadPicture(f"The PNG file is damaged: a checksum is wrong at byte {position}.")
        position = end


def refuse_several(image: ImageFile.ImageFile, kind: str) -> tuple[str, ...]:
    """Refuse animations, files of several pages and camera files; return a note on smaller copies that are left out."""
    if isinstance(image, TiffImagePlugin.TiffImageFile) and _is_raw(image):
        raise BadPicture(
            "A camera's raw file: what can be read of it is a small preview, not the picture.",
            hint="Develop it first, into a TIFF or JPEG file.",
        )
    frames = getattr(image, "n_frames", 1)
    if frames <= 1:
        return ()
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        raise BadPicture(
            f"An animation of {frames} frames, not one picture ({kind.upper()}).",
            hint="Take the frames out as single pictures first.",
        )
    for frame in range(1, frames):
        image.seek(frame)
        if not int(image.tag_v2.get(_NEW_SUBFILE_TYPE, 0)) & _REDUCED_COPY:
            raise BadPicture(f"A TIFF file of {frames} pages, not one picture.", hint="Split it into single pages.")
    image.seek(0)
    return (f"{frames - 1} smaller copies inside the TIFF file were left out",)


def _is_raw(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether a TIFF file is DNG, NEF, ARW, CR2 or their like, whose first picture is a preview of another."""
    if _DNG_VERSION in image.tag_v2 or int(image.tag_v2.get(_NEW_SUBFILE_TYPE, 0)) & _REDUCED_COPY:
        return True
    stream = image.fp
    assert stream is not None
    position = stream.tell()
    stream.seek(8)
    mark = stream.read(3)
    stream.seek(position)
    return mark == _CR2_MARK


def _decoded(image: ImageFile.ImageFile, kind: str, content: bytes, notes: tuple[str, ...]) -> Picture:
    # Pillow turns TIFF pixels upright while loading, and only those, and then forgets what they were like. Of a PNG,
    # asking for EXIF data loads the pixels, since it may come after them.
    exif, orientation = read_exif(image, kind) if kind == "tiff" else (None, 1)
    turned = kind == "tiff" and image.getexif().get(ORIENTATION, 1) in range(5, 9)
    icc_profile = image.info.get("icc_profile") or None
    stored = raw_modes(image)
    deep = read_deep_pixels(image, kind, lambda: READERS[kind](io.BytesIO(content)), content)
    if deep is not None:
        colour, alpha = deep
    else:
        image.load()
        colour, alpha, note, icc_profile = _shallow_pixels(image, icc_profile)
        notes = (*notes, note) if note else notes
        if any(";16" in mode for mode in stored):
            notes = (*notes, "16 bits were read as 8")
    if alpha is None and kind == "png":
        alpha = _colour_key(image.info.get("transparency"), stored, colour)
    if kind != "tiff":
        exif, orientation = read_exif(image, kind)
    dpi = read_dpi(image.info.get("dpi"))
    if orientation != 1:
        colour = upright(colour, orientation)
        alpha = None if alpha is None else upright(alpha, orientation)
    # A resolution is that of the rows and columns as stored.
    dpi = dpi[::-1] if dpi and (turned or orientation >= 5) else dpi
    return Picture(
        colour=np.ascontiguousarray(colour),
        alpha=None if alpha is None else np.ascontiguousarray(alpha),
        format=kind,
        icc_profile=icc_profile,
        exif=exif,
        dpi=dpi,
        notes=notes,
    )


def read_exif(image: ImageFile.ImageFile, kind: str) -> tuple[bytes | None, int]:
    """Return the EXIF data to keep, and the orientation still to be applied."""
    if kind == "tiff":
        kept = descriptive(image.getexif())
        return (kept.tobytes() if len(kept) else None), 1
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:
        # Damaged EXIF data is no reason to refuse the pixels, and no orientation can be read in it.
        orientation = 1
    exif: bytes | None = image.info.get("exif")
    if exif:
        exif = without_orientation(exif if exif.startswith(PREFIX) else PREFIX + exif)
    return exif or None, orientation if orientation in range(1, 9) else 1


def _shallow_pixels(
    image: Image.Image, icc_profile: bytes | None
) -> tuple[NDArray[Any], NDArray[Any] | None, str, bytes | None]:
    """Return 8-bit colour and alpha, a note, and the colour profile that still fits."""
    note = ""
    if image.mode in ("I", "F"):
        raise BadPicture(f"Pixels of 32 bits are not supported ({'integers' if image.mode == 'I' else 'floats'}).")
    if image.mode == "CMYK":
        image, note = _rgb_of_cmyk(image, icc_profile)
        icc_profile = None
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "PA", "RGBa", "La"):
        transparent = image.mode != "P" or "transparency" in image.info
        image = image.convert("LA" if image.mode == "La" else "RGBA" if transparent else "RGB")
    elif image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("RGB")
    pixels = np.asarray(image)
    if image.mode in ("LA", "RGBA"):
        return pixels[..., :-1], pixels[..., -1], note, icc_profile
    return (pixels[..., None] if pixels.ndim == 2 else pixels), None, note, icc_profile


def _rgb_of_cmyk(image: Image.Image, icc_profile: bytes | None) -> tuple[Image.Image, str]:
    if icc_profile and icc_profile[16:20] == b"CMYK":
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
            converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            return image.convert("RGB"), "CMYK became RGB without its colour profile, which is damaged"
        assert converted is not None
        return converted, "CMYK became sRGB by its colour profile"
    return image.convert("RGB"), "CMYK without a colour profile became RGB"


def _colour_key(key: Any, stored: set[str], colour: NDArray[Any]) -> NDArray[Any] | None:
    """Return the alpha of a PNG in which one colour stands for transparency (its tRNS chunk)."""
    if key is None or isinstance(key, bytes):
        return None
    # Pillow spreads grey of 2 and 4 bits over 0 to 255, but leaves the key as it is in the file.
    for mode, factor in (("L;2", 85), ("L;4", 17)):
        if mode in stored:
            key *= factor
    opaque = ~np.all(colour == np.asarray(key), axis=-1)
    return opaque.astype(colour.dtype) * colour.dtype.type(np.iinfo(colour.dtype).max)


def read_dpi(value: Any) -> tuple[float, float] | None:
    """Return a resolution as Pillow tells it, or None where it makes no sense."""
    try:
        horizontal, vertical = (float(number) for number in value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return (horizontal, vertical) if all(0 < dots < math.inf for dots in (horizontal, vertical)) else None
