"""Writing TIFF with 16 bits a sample (TIFF 6.0; Deflate as in Adobe's Technical Note 2)."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, TiffImagePlugin

from gantk.inference.exif import descriptive
from gantk.inference.picture import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEFLATE, _HORIZONTAL_DIFFERENCE = 8, 2
_MIN_IS_BLACK, _RGB = 1, 2
_UNASSOCIATED_ALPHA = 2
_INCH = 2
_LONG = 4
_STRIP_BYTES = 1 << 20
_PREDICTOR = 317
_EXTRA_SAMPLES = 338


def encode_deep_tiff(picture: Picture, level: int = 1) -> bytes:
    """Encode a uint16 picture, in strips of about a megabyte.

    Args:
        picture: Grey or RGB, with or without alpha.
        level: Effort of the compression, 0 to 9.
    """
    samples = picture.colour
    if picture.alpha is not None:
        # Hardly any reader takes 16-bit grey with alpha, so it becomes RGB with alpha.
        samples = np.dstack([picture.colour_for(3), picture.alpha])
    rows_per_strip = strip_rows(samples)
    strips = [
        encoded_strip(samples[row : row + rows_per_strip], level) for row in range(0, picture.height, rows_per_strip)
    ]
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    fill_tags(tags, picture, samples.shape[2], picture.height, picture.width, rows_per_strip)
    sizes = [len(strip) for strip in strips]
    tags[TiffImagePlugin.STRIPBYTECOUNTS] = tuple(sizes)
    # Counted from the end of the tags; `save` adds where that is.
    tags[TiffImagePlugin.STRIPOFFSETS] = tuple(np.cumsum([0, *sizes[:-1]]).tolist())
    for tag in (TiffImagePlugin.STRIPBYTECOUNTS, TiffImagePlugin.STRIPOFFSETS):
        tags.tagtype[tag] = _LONG
    stream = io.BytesIO()
    tags.save(stream)
    stream.seek(0, io.SEEK_END)
    if stream.tell() + sum(sizes) >= 1 << 32:
        raise ValueError("a TIFF file holds less than 4 GiB")
    return b"".join([stream.getvalue(), *strips])


def strip_rows(samples: NDArray[Any]) -> int:
    """Return the rows of a strip of about a megabyte, for pixels of height × width × channels."""
    return max(1, _STRIP_BYTES // (samples.shape[1] * samples.shape[2] * samples.dtype.itemsize))


def encoded_strip(samples: NDArray[Any], level: int) -> bytes:
    """Return a strip of uint8 or uint16 pixels as horizontal differences, compressed."""
    differences = samples.astype(samples.dtype.newbyteorder("<"))
    differences[:, 1:] -= samples[:, :-1]
    return zlib.compress(np.ascontiguousarray(differences).data, level)


def fill_tags(
    tags: TiffImagePlugin.ImageFileDirectory_v2,
    picture: Picture,
    channels: int,
    height: int,
    width: int,
    rows_per_strip: int,
) -> None:
    """Describe a picture in strips as `encoded_strip` makes them; all but where these lie.

    Args:
        tags: Receives the tags.
        picture: The picture, or some rows of it.
        channels: Of a pixel, with alpha.
        height: Rows of the whole picture.
        width: Its columns.
        rows_per_strip: Of each strip but the last.
    """
    if picture.exif:
        exif = Image.Exif()
        exif.load(picture.exif)
        for tag, value in descriptive(exif).items():
            tags[tag] = value
    colour = channels - (picture.alpha is not None)
    tags[TiffImagePlugin.IMAGEWIDTH] = width
    tags[TiffImagePlugin.IMAGELENGTH] = height
    tags[TiffImagePlugin.BITSPERSAMPLE] = (8 * picture.colour.dtype.itemsize,) * channels
    tags[TiffImagePlugin.COMPRESSION] = _DEFLATE
    tags[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = _MIN_IS_BLACK if colour == 1 else _RGB
    tags[TiffImagePlugin.SAMPLESPERPIXEL] = channels
    tags[TiffImagePlugin.ROWSPERSTRIP] = rows_per_strip
    tags[TiffImagePlugin.PLANAR_CONFIGURATION] = 1
    tags[_PREDICTOR] = _HORIZONTAL_DIFFERENCE
    if picture.alpha is not None:
        tags[_EXTRA_SAMPLES] = _UNASSOCIATED_ALPHA
    if picture.dpi:
        tags[TiffImagePlugin.X_RESOLUTION], tags[TiffImagePlugin.Y_RESOLUTION] = picture.dpi
        tags[TiffImagePlugin.RESOLUTION_UNIT] = _INCH
    if picture.icc_profile:
        tags[TiffImagePlugin.ICCPROFILE] = picture.icc_profile
