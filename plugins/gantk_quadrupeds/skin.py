"""The seen pixels of one animal, as a coat paints them, and what all coats share: eyes and nostrils."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gantk_quadrupeds.anatomy import Joints
from gantk_quadrupeds.light import column, linear
from gantk_quadrupeds.portable import mix, smoothstep
from gantk_quadrupeds.pose import LEGS
from gantk_quadrupeds.shapes import Kind, Surface

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Skin:
    """Arrays (n,) over the seen pixels of one animal.

    Args:
        x: Place of the pixel to the right, body units.
        y: Place of the pixel upwards.
        depth: Depth of the surface.
        normal_x: The normal's part to the right.
        normal_y: The normal's part upwards.
        rest_x: Horizontal rest coordinate; along the strand for hair.
        rest_y: Vertical rest coordinate; across the strand for hair.
        stripe: Stripe wave, -1 … 1.
        face_along: Way down the face from the poll, body units.
        face_front: Way from the face's axis to the forehead.
        kind: `Kind` of the part.
        leg: Index of the leg in `LEGS`, 4 elsewhere.
    """

    x: Array
    y: Array
    depth: Array
    normal_x: Array
    normal_y: Array
    rest_x: Array
    rest_y: Array
    stripe: Array
    face_along: Array
    face_front: Array
    kind: NDArray[np.int64]
    leg: NDArray[np.int64]

    def of(self, kind: Kind) -> Array:
        """Return 1 where the part is of a kind, 0 elsewhere."""
        chosen: Array = (self.kind == kind).astype(np.float64)
        return chosen


def _leg_of(name: str) -> int:
    leg = name.split(".")[0]
    return LEGS.index(leg) if leg in LEGS else len(LEGS)


def read_skin(surface: Surface, seen: tuple[NDArray[np.intp], ...], rest: Joints) -> Skin:
    """Collect the seen pixels of a surface.

    Args:
        surface: The surface of an animal with its hair.
        seen: Rows and columns of the seen pixels.
        rest: Joints of the rest pose.
    """
    rows, columns = seen
    part = surface.part[seen]
    normal_x, normal_y, rest_x, rest_y = (surface.channels[number][seen] for number in range(4))
    poll, nose = rest["neck.poll"], rest["head.nose"]
    # The head's own axes in the rest pose, scaled to body units by construction of the skeleton.
    face_x, face_y = nose[0] - poll[0], nose[1] - poll[1]
    length = float(np.sqrt(face_x * face_x + face_y * face_y))
    face_x, face_y = face_x / length, face_y / length
    offset_x, offset_y = rest_x - poll[0], rest_y - poll[1]
    return Skin(
        x=surface.x[columns],
        y=surface.y[rows],
        depth=surface.depth[seen],
        normal_x=normal_x,
        normal_y=normal_y,
        rest_x=rest_x,
        rest_y=rest_y,
        stripe=surface.channels[4][seen] if surface.channels.shape[0] > 4 else np.zeros_like(rest_x),
        face_along=offset_x * face_x + offset_y * face_y,
        face_front=offset_y * face_x - offset_x * face_y,
        kind=np.array([cone.kind for cone in surface.cones], np.int64)[part],
        leg=np.array([_leg_of(cone.name) for cone in surface.cones], np.int64)[part],
    )


def paint_face(albedo: Array, gloss: Array, skin: Skin, seen_joints: Joints) -> tuple[Array, Array]:
    """Add the eyes and nostrils that the viewer can see; returns new albedo (3, n) and gloss (n,)."""
    middle = 0.5 * (seen_joints["head.left_eye"][2] + seen_joints["head.right_eye"][2])
    head = skin.of(Kind.HEAD)
    for side in ("left", "right"):
        x, y, depth = seen_joints[f"head.{side}_eye"]
        # The far eye shows only where the head is turned so far that it comes to the front.
        if depth < middle - 0.02:
            continue
        distance = np.sqrt((skin.x - x) * (skin.x - x) + (skin.y - y) * (skin.y - y) * 1.7)
        albedo = albedo * (1.0 - 0.45 * smoothstep(0.034, 0.016, distance) * head)
        ball = smoothstep(0.0175, 0.0125, distance) * head
        albedo = mix(albedo, column(linear(0.07, 0.05, 0.04)), ball)
        glint = np.sqrt((skin.x - x - 0.004) * (skin.x - x - 0.004) + (skin.y - y - 0.005) * (skin.y - y - 0.005))
        gloss = mix(gloss, 0.0, ball)
        albedo = mix(albedo, column((1.0, 1.0, 1.0)), 0.8 * smoothstep(0.0055, 0.003, glint) * ball)
        x, y, _ = seen_joints[f"head.{side}_nostril"]
        distance = np.sqrt((skin.x - x) * (skin.x - x) + (skin.y - y) * (skin.y - y))
        albedo = mix(albedo, column(linear(0.08, 0.06, 0.06)), 0.85 * smoothstep(0.015, 0.009, distance) * head)
    return albedo, gloss
