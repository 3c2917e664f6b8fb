"""Reading 16-bit grey and colour with all their bits.

Pillow keeps only the upper eight bits of 16-bit RGB. Its unpackers for the two byte orders each take what they believe
to be the upper byte, so a file decoded once in each order gives both bytes.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageFile, PngImagePlugin, TiffImagePlugin

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COLOUR_MODES = ("RGB", "RGBA", "RGBX")
_GREY_ALPHA, _RGB_ALPHA = 4, 6
_IHDR = slice(12, 29)


def raw_modes(image: ImageFile.ImageFile) -> set[str]:
    """Return how the pixels lie in the file, in Pillow's words: `{"RGB;16B"}`. Empty once the image is loaded."""
    modes = set()
    for tile in image.tile:
        mode = tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args
        modes.add(str(mode))
    return modes


def read_deep_pixels(
    image: ImageFile.ImageFile, kind: str, again: Callable[[], ImageFile.ImageFile], content: bytes
) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None] | None:
    """Load the pixels of a 16-bit file.

    Args:
        image: Opened, not loaded.
        kind: The file's format.
        again: Opens the same file once more.
        content: The file.

    Returns:
        Colour, height × width × 1 or 3, and alpha, height × width, or None for it; or None for a file that is
        not 16-bit, or whose 16 bits cannot be had: the image is then not loaded.
    """
    modes = raw_modes(image)
    if kind not in ("png", "tiff") or len(modes) != 1:
        return None
    mode, _, layout = modes.pop().partition(";")
    if image.mode.startswith("I;16"):
        return _grey(image, twelve_bits=layout.startswith("12"))[..., None], None
    if (mode, layout) == ("LA", "16B") and kind == "png":
        return _grey_alpha(content)
    if mode in _COLOUR_MODES and layout in ("16B", "16L", "16N"):
        pixels = _colour(image, again(), mode, layout)
        return (pixels[..., :3], pixels[..., 3]) if mode == "RGBA" else (pixels, None)
    return None


def _grey(image: ImageFile.ImageFile, *, twelve_bits: bool) -> NDArray[np.uint16]:
    inverted = (
        isinstance(image, TiffImagePlugin.TiffImageFile)
        and image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
    )
    image.load()
    pixels = np.asarray(image).astype(np.uint16)
    if twelve_bits:
        pixels = np.bitwise_or(np.left_shift(pixels, np.uint16(4)), np.right_shift(pixels, np.uint16(8)))
    return ~pixels if inverted else pixels


def _colour(image: ImageFile.ImageFile, other: ImageFile.ImageFile, mode: str, layout: str) -> NDArray[np.uint16]:
    native = "16L" if sys.byteorder == "little" else "16B"
    layout = native if layout == "16N" else layout
    swapped = f"{mode};{'16B' if layout == '16L' else '16L'}"
    with other:
        other.tile = [
            tile._replace(args=(swapped, *tile.args[1:]) if isinstance(tile.args, tuple) else swapped)
            for tile in other.tile
        ]
        image.load()
        other.load()
        return _joined(np.asarray(image), np.asarray(other))


def _grey_alpha(content: bytes) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    # Two samples of 16 bits and four of 8 lie and are filtered alike (PNG 3rd edition, section 9.2), so the header
    # may call the one the other.
    header = bytearray(content[_IHDR])
    assert header[:4] == b"IHDR"
    assert header[13] == _GREY_ALPHA
    header[12:14] = bytes((8, _RGB_ALPHA))
    renamed = content[: _IHDR.start] + bytes(header) + struct.pack(">I", zlib.crc32(header)) + content[33:]
    with PngImagePlugin.PngImageFile(io.BytesIO(renamed)) as image:
        image.load()
        samples = np.asarray(image)
    return _joined(samples[..., 0:1], samples[..., 1:2]), _joined(samples[..., 2], samples[..., 3])


def _joined(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> NDArray[np.uint16]:
    joined = upper.astype(np.uint16)
    joined *= 256
    joined += lower
    return joined
