"""Writing a picture with everything its file had, as far as the format can hold it."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gantk.inference.deep_png import encode_deep_png
from gantk.inference.deep_tiff import encode_deep_tiff
from gantk.inference.exif import descriptive
from gantk.inference.picture import BadPicture, Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEEP_ENCODERS = {"png": encode_deep_png, "tiff": encode_deep_tiff}
_WITHOUT_ALPHA = ("jpeg", "bmp")
_WHITE = 255


@dataclass(frozen=True)
class Encoding:
    """How pictures are written.

    Args:
        format: A key of `FORMATS`; None keeps the format of each file (GIF becomes PNG).
        quality: Of JPEG and WebP, 1 to 100.
        png_level: Effort of PNG's compression, 0 to 9; level 1 is ten times faster than 9 and little larger.
    """

    format: str | None = None
    quality: int = 95
    png_level: int = 1

    def format_of(self, picture_format: str) -> str:
        """Return the format to write a picture in that was read in another or the same."""
        return self.format or ("png" if picture_format == "gif" else picture_format)


def encode_picture(picture: Picture, encoding: Encoding) -> tuple[bytes, tuple[str, ...]]:
    """Encode a picture.

    JPEG is written without subsampling of colour. 16 bits are kept in PNG and TIFF and rounded to 8 elsewhere. Where
    a format has no transparency, the picture is laid on white.

    Returns:
        The file's content, and the picture's notes with those of what this format could not hold.

    Raises:
        BadPicture: The format cannot hold such a picture (too many pixels on a side, too long EXIF data).
    """
    form = encoding.format_of(picture.format)
    picture = fitted(picture, form)
    try:
        if picture.colour.dtype == np.uint16:
            return _DEEP_ENCODERS[form](picture, encoding.png_level), picture.notes
        return _encode_shallow(picture, form, encoding), picture.notes
    except (OSError, ValueError, OverflowError, SystemError) as error:
        raise BadPicture(
            f"It cannot be written as {form.upper()}: {error}.", hint="Another --format may do."
        ) from error


def fitted(picture: Picture, form: str) -> Picture:
    """Return a picture as a format can hold it, pixel by pixel: 8 bits, laid on white, without a foreign profile.

    Args:
        picture: A picture, or some rows of one.
        form: A key of `FORMATS`.
    """
    if picture.icc_profile and picture.icc_profile[16:20] != (b"RGB " if picture.colour.shape[2] == 3 else b"GRAY"):
        picture = _without_profile(picture)
    if picture.alpha is not None and form in _WITHOUT_ALPHA:
        picture = _on_white(picture, form)
    if picture.colour.dtype == np.uint16 and form not in _DEEP_ENCODERS:
        picture = _eight_bits(picture, form)
    return picture


def _without_profile(picture: Picture) -> Picture:
    return _replaced(picture, "a colour profile that does not fit the result was left out", icc_profile=None)


def _on_white(picture: Picture, form: str) -> Picture:
    assert picture.alpha is not None
    largest = np.iinfo(picture.colour.dtype).max
    opacity = picture.alpha[..., None].astype(np.float32) / largest
    flat = np.rint(picture.colour * opacity + largest * (1 - opacity)).astype(picture.colour.dtype)
    return _replaced(picture, f"laid on white, since {form.upper()} has no transparency", colour=flat, alpha=None)


def _eight_bits(picture: Picture, form: str) -> Picture:
    return _replaced(
        picture,
        f"16 bits became 8, since {form.upper()} has no more",
        colour=_rounded(picture.colour),
        alpha=None if picture.alpha is None else _rounded(picture.alpha),
    )


def _rounded(deep: NDArray[Any]) -> NDArray[np.uint8]:
    return ((deep.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _replaced(picture: Picture, note: str, **changes: Any) -> Picture:
    return replace(picture, notes=(*picture.notes, note), **changes)


def _encode_shallow(picture: Picture, form: str, encoding: Encoding) -> bytes:
    pixels = picture.colour if picture.alpha is None else np.dstack([picture.colour, picture.alpha])
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    options: dict[str, Any] = {}
    if picture.icc_profile and form != "bmp":
        options["icc_profile"] = picture.icc_profile
    if picture.dpi and form != "webp":
        options["dpi"] = picture.dpi
    if picture.exif and form != "bmp":
        options["exif"] = tiff_exif(picture.exif) if form == "tiff" else picture.exif
    if form == "jpeg":
        options.update(quality=encoding.quality, subsampling=0)
    elif form == "webp":
        # `exact` keeps the colour under full transparency.
        options.update(quality=encoding.quality, exact=True)
    elif form == "png":
        options.update(compress_level=encoding.png_level)
    elif form == "tiff":
        options.update(compression="tiff_adobe_deflate")
    encoded = io.BytesIO()
    image.save(encoded, form.upper(), **options)
    return encoded.getvalue()


def tiff_exif(exif: bytes) -> Image.Exif:
    """Return of EXIF data what describes the picture, for a TIFF file."""
    loaded = Image.Exif()
    loaded.load(exif)
    return descriptive(loaded)
