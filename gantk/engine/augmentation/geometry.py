"""ADA's geometric changes: scale, turn, stretch, turn again, shift by fractions of a pixel.

Reference:
    Karras 2020, appendix B, figure 20, "general geometric transformations".
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from gantk.engine.augmentation.augmentation import pixels_at
from gantk.engine.augmentation.wavelet import MARGIN, OFFSET, doubling_matrix, halving_matrix

GEOMETRIC_NUMBERS = 7
"""Uniform numbers for each sample: five gates, two angles."""
GEOMETRIC_NORMALS = 4
"""Normal numbers for each sample: scale, stretch, shift down, shift right."""
SCALE_DEVIATION = 0.2
STRETCH_DEVIATION = 0.2
SHIFT_DEVIATION = 0.125


class Placement:
    """Where each sample's picture is put: affine maps about its centre, as the way back from new places to old ones.

    `(row, column)` of the old picture is `matrix · (row, column) + offset` of the new one, in pixels from the centre.
    """

    def __init__(self) -> None:
        self.matrix: list[list[Any]] = [[1.0, 0.0], [0.0, 1.0]]
        self.offset: list[Any] = [0.0, 0.0]
        self.moved: Any = False

    def draw(self, size: tuple[int, int], uniform: Any, normal: Any, probability: Any) -> None:
        """Add the paper's changes, in its order.

        Scale s, log₂ s normal with deviation 0.2; a turn by any angle; stretch by s and 1/s; another turn; a shift,
        normal with deviation 1/8 of the size. A turn comes with chance 1 - √(1 - p) each time, so that there is
        one at all with chance p.

        Args:
            size: Height and width.
            uniform: float32 in [0, 1), `GEOMETRIC_NUMBERS` × batch.
            normal: float32, `GEOMETRIC_NORMALS` × batch.
            probability: How probable each change is, a float32 scalar.
        """
        turn_probability = 1.0 - ops.sqrt(1.0 - probability)
        scaled, stretched, shifted = (uniform[row] < probability for row in (0, 1, 2))
        scale = ops.where(scaled, ops.power(2.0, normal[0] * SCALE_DEVIATION), 1.0)
        stretch = ops.where(stretched, ops.power(2.0, normal[1] * STRETCH_DEVIATION), 1.0)
        before, after = (
            ops.where(uniform[gate] < turn_probability, (2.0 * uniform[angle] - 1.0) * math.pi, 0.0)
            for gate, angle in ((3, 5), (4, 6))
        )
        self.scale(scale, scale)
        self.turn(before)
        self.scale(1.0 / stretch, stretch)
        self.turn(after)
        down, right = (
            ops.where(shifted, normal[row] * (SHIFT_DEVIATION * length), 0.0)
            for row, length in zip((2, 3), size, strict=True)
        )
        self.shift(down, right)

    def scale(self, down: Any, right: Any) -> None:
        """Enlarge by these factors, one a sample."""
        self.matrix = [[row[0] / down, row[1] / right] for row in self.matrix]
        self._note(ops.logical_or(down != 1.0, right != 1.0))

    def turn(self, angle: Any) -> None:
        """Turn counter-clockwise by these angles in radians, one a sample."""
        cosine, sine = ops.cos(angle), ops.sin(angle)
        # Rows run downwards: the way back is (row cos + column sin, column cos - row sin).
        self.matrix = [[row[0] * cosine - row[1] * sine, row[0] * sine + row[1] * cosine] for row in self.matrix]
        self._note(angle != 0.0)

    def shift(self, down: Any, right: Any) -> None:
        """Shift by these numbers of pixels, one a sample."""
        self.offset = [
            offset - row[0] * down - row[1] * right for offset, row in zip(self.offset, self.matrix, strict=True)
        ]
        self._note(ops.logical_or(down != 0.0, right != 0.0))

    def _note(self, moved: Any) -> None:
        self.moved = moved if self.moved is False else ops.logical_or(self.moved, moved)


def warp(images: Any, placement: Placement) -> Any:
    """Put pictures elsewhere; where nothing comes in, the picture is mirrored at its outermost pixels.

    As in the paper, the picture is doubled in size with an orthogonal wavelet's filter, looked up bilinearly, and
    halved with the same filter, which blurs little and lets no stairs appear. Shifts by whole pixels come out exact.

    Args:
        images: float32, batch × height × width × channels.
        placement: One for each sample; a sample that it does not move stays as it is, bit for bit.
    """
    height, width = images.shape[1:3]
    doubled = _along_both(images, doubling_matrix(height), doubling_matrix(width))
    rows, columns = (_samples(length) for length in (height, width))
    from_center = [
        ops.reshape(rows - (height - 1) / 2.0, (1, -1, 1)),
        ops.reshape(columns - (width - 1) / 2.0, (1, 1, -1)),
    ]
    sampled_rows, sampled_columns = (
        _each(row[0]) * from_center[0] + _each(row[1]) * from_center[1] + _each(offset) + (length - 1) / 2.0
        for row, offset, length in zip(placement.matrix, placement.offset, (height, width), strict=True)
    )
    sampled = _bilinear(doubled, _mirrored(sampled_rows, height), _mirrored(sampled_columns, width))
    warped = _along_both(sampled, halving_matrix(height), halving_matrix(width))
    return ops.where(ops.reshape(placement.moved, (-1, 1, 1, 1)), warped, images)


def _samples(length: int) -> Any:
    """Return where the samples of the doubled new picture lie, in pixels; some beyond it, for the filter."""
    return (ops.arange(-MARGIN, 2 * length + MARGIN, dtype="float32") - OFFSET) / 2.0


def _mirrored(places: Any, length: int) -> Any:
    """Turn places in pixels, mirrored at the outermost pixels, into places in the doubled picture."""
    if length == 1:
        return ops.full_like(places, OFFSET)
    period = 2.0 * (length - 1)
    places = ops.mod(places, period)
    return 2.0 * ops.minimum(places, period - places) + OFFSET


def _bilinear(images: Any, rows: Any, columns: Any) -> Any:
    """Look up between pixels: places within the picture, float32, batch × any shape."""
    height, width = images.shape[1:3]
    top = ops.clip(ops.floor(rows), 0.0, height - 2.0)
    left = ops.clip(ops.floor(columns), 0.0, width - 2.0)
    down, right = ops.expand_dims(rows - top, -1), ops.expand_dims(columns - left, -1)
    # The four pixels around each place lie together, so that each place takes one look-up, and one sum on the way back.
    blocks = ops.concatenate([images[:, :-1, :-1], images[:, :-1, 1:], images[:, 1:, :-1], images[:, 1:, 1:]], axis=-1)
    found = pixels_at(blocks, ops.cast(top, "int32"), ops.cast(left, "int32"))
    upper_left, upper_right, lower_left, lower_right = ops.split(found, 4, axis=-1)
    upper = (1.0 - right) * upper_left + right * upper_right
    lower = (1.0 - right) * lower_left + right * lower_right
    return (1.0 - down) * upper + down * lower


def _along_both(images: Any, vertical: Any, horizontal: Any) -> Any:
    """Multiply rows and columns of pixels by matrices: new × old."""
    images = ops.einsum("nh,bhwc->bnwc", ops.convert_to_tensor(vertical, "float32"), images)
    return ops.einsum("nw,bhwc->bhnc", ops.convert_to_tensor(horizontal, "float32"), images)


def _each(values: Any) -> Any:
    """Let one value a sample stand for all its places."""
    return ops.reshape(values, (-1, 1, 1))
