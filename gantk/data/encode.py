"""Encoding of prepared images, and the decoding that reads them back."""

from __future__ import annotations

import io

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

PHOTOGRAPHS = ("image", "A", "B")
"""Fields that a lossy encoding may touch; others, such as masks, are labels and stay exact."""


def encoding_of(field: str, encoding: str, channels: int) -> str:
    """Return how a field is stored where the pipeline asks for `encoding`: JPEG only for photographs without alpha."""
    return "png" if encoding == "jpeg" and (field not in PHOTOGRAPHS or channels == 4) else encoding


def encode_image(image: NDArray[np.uint8], encoding: str, *, jpeg_quality: int, png_level: int) -> bytes:
    """Encode an image, uint8, height × width × 1, 3 or 4, as `png`, `jpeg` or `raw` (the pixels in C order)."""
    image = np.ascontiguousarray(image)
    if encoding == "raw":
        return image.tobytes()
    grey = image.shape[2] == 1
    if encoding == "jpeg":
        return bytes(
            simplejpeg.encode_jpeg(
                image,
                quality=jpeg_quality,
                colorspace="GRAY" if grey else "RGB",
                colorsubsampling="Gray" if grey else "444",
            )
        )
    buffer = io.BytesIO()
    Image.fromarray(image[:, :, 0] if grey else image).save(buffer, "PNG", compress_level=png_level)
    return buffer.getvalue()


def decode_stored(data: bytes, encoding: str, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Decode what `encode_image` wrote.

    Args:
        data: The encoded image.
        encoding: `png`, `jpeg` or `raw`.
        shape: Its height, width and channels.

    Returns:
        uint8, of that shape, writable and contiguous.

    Raises:
        ValueError: The image has another shape.
    """
    if encoding == "raw":
        image = np.frombuffer(data, np.uint8).copy()
    elif encoding == "jpeg":
        image = simplejpeg.decode_jpeg(data, colorspace="GRAY" if shape[2] == 1 else "RGB")
    else:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as opened:
            image = np.array(opened)
    return image.reshape(shape)
