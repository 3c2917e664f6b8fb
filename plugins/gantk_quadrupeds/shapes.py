"""A body as a smooth union of cones, seen from the front: distance, depth, normals and rest coordinates.

Every part is a cone with spherical ends between two joints. For each pixel the part gives a signed
distance to its outline and the depth of its surface; parts are joined by the polynomial smooth
minimum (distance) and smooth maximum (depth), so that a nearer part hides a farther one and both
melt into each other where they meet. Normals and rest coordinates are blended by the same weights.

Coordinates are body units (1 = height at the withers): x to the front of the animal, y up from the
ground, depth towards the viewer.

Reference: Quilez, "Smooth minimum" (polynomial form), https://iquilezles.org/articles/smin/
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from gantk_quadrupeds.portable import clamp

Array = NDArray[np.float64]
Point = tuple[float, float, float]

FAR = 1e3
"""A distance, in body units, beyond every picture."""


class Kind(IntEnum):
    """What a part is made of."""

    BODY = 0
    LIMB = 1
    HEAD = 2
    EAR = 3
    HOOF = 4
    MANE = 5
    TAIL = 6


@dataclass(frozen=True)
class Cone:
    """One part of a body.

    Args:
        start: First end (x, y, depth) as seen by the viewer.
        end: Second end, likewise.
        start_radius: Radius at `start`.
        end_radius: Radius at `end`.
        rest_start: (x, y) of `start` in the rest pose; the coat is painted in rest coordinates.
        rest_end: (x, y) of `end` in the rest pose.
        kind: What it is made of.
        name: The part's name.
        start_joint: Name of the joint at `start`; empty for hair.
        end_joint: Name of the joint at `end`.
        blend: Width over which it melts into what is already there.
        floor: Height below which the part is cut off (a hoof on the ground).
        ragged: Depth of the ragged outline, a fraction of the radius (hair).
    """

    start: Point
    end: Point
    start_radius: float
    end_radius: float
    rest_start: tuple[float, float]
    rest_end: tuple[float, float]
    kind: Kind
    name: str
    start_joint: str = ""
    end_joint: str = ""
    blend: float = 0.015
    floor: float = -FAR
    ragged: float = 0.0


@dataclass(frozen=True)
class PartPixels:
    """What a stripe pattern sees of one part: arrays over the part's window.

    Args:
        along: 0 at the start of the part, 1 at its end, beyond in the round ends.
        around: -1 … 1 across the part, as seen.
        rest_x: Horizontal rest coordinate.
        rest_y: Vertical rest coordinate.
    """

    along: Array
    around: Array
    rest_x: Array
    rest_y: Array


Pattern = Callable[[Cone, PartPixels], Array]


class Outline:
    """The signed distance of a union of cones on a grid of pixels: negative inside.

    Args:
        x: Ascending pixel centres (w,), evenly spaced, in body units.
        y: Descending pixel centres (h,), evenly spaced; the spacing may differ from that of `x`.
    """

    def __init__(self, x: Array, y: Array) -> None:
        self.x, self.y = x, y
        self.pixel, self.line = float(x[1] - x[0]), float(y[0] - y[1])
        self.distance = np.full((y.shape[0], x.shape[0]), FAR)

    def window(self, cone: Cone, margin: float) -> tuple[slice, slice] | None:
        """Return the rows and columns that a part can touch, or None where it is outside the grid."""
        radius = max(cone.start_radius, cone.end_radius) * (1.0 + cone.ragged) + margin
        columns = (
            self._clip((min(cone.start[0], cone.end[0]) - radius - float(self.x[0])) / self.pixel, self.x.shape[0]),
            self._clip((max(cone.start[0], cone.end[0]) + radius - float(self.x[0])) / self.pixel + 1, self.x.shape[0]),
        )
        rows = (
            self._clip((float(self.y[0]) - max(cone.start[1], cone.end[1]) - radius) / self.line, self.y.shape[0]),
            self._clip((float(self.y[0]) - min(cone.start[1], cone.end[1]) + radius) / self.line + 1, self.y.shape[0]),
        )
        if columns[0] >= columns[1] or rows[0] >= rows[1]:
            return None
        return slice(*rows), slice(*columns)

    @staticmethod
    def _clip(position: float, length: int) -> int:
        return int(min(max(position, 0.0), float(length)))

    def add(self, cone: Cone) -> None:
        """Join a part to the outline."""
        window = self.window(cone, 1.25 * cone.blend + 2.0 * self.pixel)
        if window is not None:
            self._measure(cone, window)

    def _measure(self, cone: Cone, window: tuple[slice, slice]) -> tuple[Array, ...]:
        """Join a part to the distance, and return what the surface needs of the way there."""
        x = self.x[None, window[1]] - cone.start[0]
        y = self.y[window[0], None] - cone.start[1]
        axis_x, axis_y = cone.end[0] - cone.start[0], cone.end[1] - cone.start[1]
        length_squared = max(axis_x * axis_x + axis_y * axis_y, 1e-9)
        along = x * (axis_x / length_squared) + y * (axis_y / length_squared)
        nearest = clamp(along, 0.0, 1.0)
        offset_x = x - nearest * axis_x
        offset_y = y - nearest * axis_y
        squared = offset_x * offset_x + offset_y * offset_y
        radius = cone.start_radius + nearest * (cone.end_radius - cone.start_radius)
        if cone.ragged:
            coarse, fine = along * 4.3 + 10.0 * cone.start_radius, along * 11.9
            teeth = np.abs(coarse - np.floor(coarse) - 0.5) + np.abs(fine - np.floor(fine) - 0.5)
            radius = radius * (1.0 - cone.ragged * teeth)
        signed = np.sqrt(squared) - radius
        if cone.floor > -FAR:
            signed = np.maximum(signed, cone.floor - self.y[window[0], None])
        old = self.distance[window]
        near = np.maximum(cone.blend - np.abs(old - signed), 0.0)
        self.distance[window] = np.minimum(old, signed) - near * near * (0.25 / cone.blend)
        return along, nearest, offset_x, offset_y, squared, radius, signed

    def coverage(self) -> Array:
        """Return how much of each pixel the shape covers, in [0, 1], from its distance."""
        coverage: Array = clamp(0.5 - self.distance / self.pixel, 0.0, 1.0)
        return coverage


class Surface(Outline):
    """An outline with the surface in it.

    Attributes (h, w):
        depth: Depth of the visible surface.
        channels: (4 or 5, h, w): the components of its unit normal to the right and up (the third
            points to the viewer), the rest coordinates x and y (along and around for hair), and with a
            pattern the stripe wave in [-1, 1].
        part: Index of the part that is seen, in the order of `add`; -1 where there is none.
    """

    def __init__(self, x: Array, y: Array, pattern: Pattern | None = None) -> None:
        super().__init__(x, y)
        shape = self.distance.shape
        self.depth = np.full(shape, -FAR)
        self.channels = np.zeros((4 if pattern is None else 5, *shape))
        self.part = np.full(shape, -1, np.int16)
        self.cones: list[Cone] = []
        self._pattern = pattern

    def add(self, cone: Cone) -> None:
        """Join a part to the surface."""
        self.cones.append(cone)
        window = self.window(cone, 1.25 * cone.blend + 2.0 * self.pixel)
        if window is None:
            return
        along, nearest, offset_x, offset_y, squared, radius, signed = self._measure(cone, window)
        axis_x, axis_y, axis_depth = (cone.end[axis] - cone.start[axis] for axis in range(3))
        rise = np.sqrt(np.maximum(radius * radius - squared, 0.0))
        # Outside its outline a part falls off steeply, or it would hide what lies beside it.
        depth = cone.start[2] + nearest * axis_depth + rise - 6.0 * np.maximum(signed, 0.0)
        old = self.depth[window]
        weight = clamp(0.5 + (depth - old) * (0.5 / cone.blend), 0.0, 1.0)
        if not weight.any():
            return
        self.depth[window] = old + (depth - old) * weight + cone.blend * weight * (1.0 - weight)

        channels = np.empty((self.channels.shape[0], *weight.shape))
        reach = 1.0 / (radius + np.maximum(signed, 0.0))
        normal_x = np.multiply(offset_x, reach, out=channels[0])
        normal_y = np.multiply(offset_y, reach, out=channels[1])
        flat = max(math.sqrt(axis_x * axis_x + axis_y * axis_y), 1e-4)
        # A ring around a tilted cylinder is seen as an ellipse: its near side is shifted along the axis.
        bulge = axis_depth / max(flat * math.sqrt(flat * flat + axis_depth * axis_depth), 0.02)
        along = along + bulge * rise
        around = normal_y * (axis_x / flat) - normal_x * (axis_y / flat)
        rest_axis_x = cone.rest_end[0] - cone.rest_start[0]
        rest_axis_y = cone.rest_end[1] - cone.rest_start[1]
        rest_length = max(math.sqrt(rest_axis_x * rest_axis_x + rest_axis_y * rest_axis_y), 1e-4)
        lateral = around * radius
        rest_x = channels[2] = along * rest_axis_x + (cone.rest_start[0] - lateral * (rest_axis_y / rest_length))
        rest_y = channels[3] = along * rest_axis_y + (cone.rest_start[1] + lateral * (rest_axis_x / rest_length))
        if self._pattern is not None:
            channels[4] = self._pattern(cone, PartPixels(along, around, rest_x, rest_y))
        old_channels = self.channels[:, *window]
        channels -= old_channels
        channels *= weight
        old_channels += channels
        np.copyto(self.part[window], len(self.cones) - 1, where=weight > 0.5)

    def outline(self) -> Outline:
        """Return a copy of the outline alone, that can be added to on its own."""
        copy = Outline(self.x, self.y)
        copy.distance = self.distance.copy()
        return copy

    def fork(self) -> Surface:
        """Return a copy that can be added to on its own."""
        copy = Surface.__new__(Surface)
        copy.__dict__.update(
            {
                name: value.copy() if isinstance(value, np.ndarray | list) else value
                for name, value in vars(self).items()
            }
        )
        return copy
