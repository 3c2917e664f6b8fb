"""One network applied to images of any size: padded by reflection, run, cropped back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from gantk.artifacts.compiled_network import compile_network, compiles_per_shape
from gantk.errors import RunFailed, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALLEST_SIDE = 16
"""Less is no picture to a network, whether it can compute it or not."""


def padded_side(side: int, multiple: int, *, smallest: int = 1, coarse: bool = False) -> int:
    """Return the length to pad a side to.

    Args:
        side: Pixels, at least 1.
        multiple: What the network needs.
        smallest: The least it can take.
        coarse: Round further up, to one of at most 16 lengths an octave, so that pictures of many sizes
            share few shapes. Sides such as 256, 480, 1080→1088 and 1920 gain little or nothing.
    """
    padded = math.ceil(max(side, smallest, _SMALLEST_SIDE) / multiple) * multiple
    if coarse:
        step = math.lcm(multiple, max(1, 1 << (padded.bit_length() - 5)))
        padded = math.ceil(padded / step) * step
    return padded


def reflected(image: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Extend an image at its bottom and right by its mirror image (the edge row is not doubled).

    The mirror image is mirrored again where the image is shorter than its extension; one row or column
    is repeated.

    Args:
        image: height × width × channels, any type.
        height: Rows of the result, at least those of the image.
        width: Columns of the result, at least those of the image.
    """
    rows, columns = image.shape[:2]
    if (rows, columns) == (height, width):
        return image
    return image[mirror(rows, height)[:, None], mirror(columns, width)[None, :]]


def mirror(size: int, length: int) -> NDArray[np.intp]:
    """Return which pixels of a line of `size` make one of `length`, extended as by `reflected`."""
    period = max(1, 2 * (size - 1))
    position = np.arange(length) % period
    return np.minimum(position, period - position) if size > 1 else np.zeros(length, np.intp)


class ImageTranslator:
    """A network of a bundle, ready for images of any size.

    Not for use by several threads at once.

    Args:
        network: From images to images of `scale` times their height and width, float, in [-1, 1].
        size_multiple: Height and width that the network takes are multiples of this.
        smallest_size: They are at least this.
        scale: Height and width of a result over those of its input.
    """

    def __init__(self, network: keras.Model, *, size_multiple: int = 1, smallest_size: int = 1, scale: int = 1) -> None:
        self.network = network
        self.size_multiple = size_multiple
        self.smallest_size = smallest_size
        self.scale = scale
        self.input_channels = int(network.input_shape[-1])
        self.output_channels = int(network.output_shape[-1])
        self._function = compile_network(network)
        self._coarse = compiles_per_shape()

    def padded_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that an image is padded to. Images of one padded shape fit in one batch."""
        multiple, smallest = self.size_multiple, self.smallest_size
        return (
            padded_side(height, multiple, smallest=smallest, coarse=self._coarse),
            padded_side(width, multiple, smallest=smallest, coarse=self._coarse),
        )

    def translate(self, images: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Translate images of one padded shape as one batch.

        Args:
            images: Each float32 in [-1, 1], height × width × `input_channels`.

        Returns:
            Each float32 in [-1, 1], of `scale` times the height and width of its input, × `output_channels`.

        Raises:
            OutOfMemory: The batch is too large for the device.
            RunFailed: The network gives another height or width than these.
        """
        shapes = {self.padded_shape(*image.shape[:2]) for image in images}
        if len(shapes) != 1:
            raise ValueError(f"images must have one padded shape. Received: {sorted(shapes)}")
        height, width = shapes.pop()
        batch = np.empty((self._batch_size(len(images)), height, width, self.input_channels), np.float32)
        for index in range(len(batch)):
            batch[index] = reflected(images[min(index, len(images) - 1)], height, width)
        outputs = self._function(batch)
        scale = self.scale
        expected = (len(batch), scale * height, scale * width, self.output_channels)
        if outputs.shape != expected:
            result = "keep height and width" if scale == 1 else f"give {scale} times the height and width"
            raise RunFailed(
                f"The network must {result}: expected {expected}. Received: {outputs.shape}",
                hint="Is this model made for translation?",
            )
        return [
            output[: scale * image.shape[0], : scale * image.shape[1]]
            for output, image in zip(outputs, images, strict=False)
        ]

    def _batch_size(self, count: int) -> int:
        # Where each shape is compiled, the last and smaller batches repeat an image up to a power of two.
        return 1 << (count - 1).bit_length() if self._coarse else count

    def __call__(self, images: NDArray[Any], *, batch_size: int = 8) -> NDArray[Any]:
        """Translate a batch of images of one size.

        Args:
            images: batch × height × width × `input_channels`: uint8, or float in [-1, 1].
            batch_size: Images that the network is given at once.

        Returns:
            uint8 for uint8, else float32 in [-1, 1]; batch × `scale` · height × `scale` · width × `output_channels`.

        Raises:
            UsageError: An array of another shape or type.
            OutOfMemory: The batch is too large for the device.
        """
        if images.ndim != 4 or images.shape[-1] != self.input_channels or 0 in images.shape[1:]:
            raise UsageError(
                f"Images must have the shape (batch, height, width, {self.input_channels}). Received: {images.shape}"
            )
        if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
            raise UsageError(f"Images must be uint8, or float in [-1, 1]. Received: {images.dtype}")
        integer = images.dtype == np.uint8
        height, width = (self.scale * side for side in images.shape[1:3])
        results = np.empty((len(images), height, width, self.output_channels), np.uint8 if integer else np.float32)
        for start in range(0, len(images), batch_size):
            chunk = images[start : start + batch_size]
            outputs = np.stack(self.translate(list(to_unit_range(chunk) if integer else chunk.astype(np.float32))))
            results[start : start + batch_size] = from_unit_range(outputs, np.uint8) if integer else outputs
        return results


def to_unit_range(image: NDArray[Any]) -> NDArray[np.float32]:
    """Map uint8 or uint16 colours to float32 in [-1, 1]."""
    half = np.float32(np.iinfo(image.dtype).max / 2)
    return image.astype(np.float32) / half - np.float32(1)


def from_unit_range(image: NDArray[np.float32], dtype: Any) -> NDArray[Any]:
    """Map float colours in [-1, 1] to uint8 or uint16, rounded; the inverse of `to_unit_range` on its values."""
    half = np.float32(np.iinfo(dtype).max / 2)
    return np.clip(np.rint((image + np.float32(1)) * half), 0, np.iinfo(dtype).max).astype(dtype)
