"""The shape of one animal in its pose, as a viewer sees it; nothing about coat or place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from gantk_quadrupeds.anatomy import Build, Joints, draw_build, place_joints
from gantk_quadrupeds.body import View, body_cones
from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.hair import Hair, Species, draw_hair, hair_cones
from gantk_quadrupeds.pose import Pose, draw_pose
from gantk_quadrupeds.shapes import Cone

SPECIES: tuple[Species, Species] = ("horse", "zebra")


MUZZLE_HEIGHT = 0.05
"""Lowest height of the middle of the muzzle, body units: about its radius."""


@dataclass(frozen=True)
class Bounds:
    """A box in body units, seen facing right."""

    left: float
    right: float
    bottom: float
    top: float

    def mirrored(self) -> Bounds:
        """Return the box of the same animal facing left."""
        return Bounds(-self.right, -self.left, self.bottom, self.top)


@dataclass(frozen=True)
class Figure:
    """The shape of one animal.

    Args:
        pose: What it does.
        build: Its proportions.
        hair: How its hair falls.
        view: From where it is seen.
    """

    pose: Pose
    build: Build
    hair: Hair
    view: View

    @cached_property
    def joints(self) -> Joints:
        """Joints of the pose, body units, facing right."""
        return place_joints(self.pose, self.build)

    @cached_property
    def rest(self) -> Joints:
        """Joints of the rest pose, in which the coat is painted."""
        return place_joints(Pose(), self.build)

    @cached_property
    def seen(self) -> Joints:
        """Joints of the pose as the viewer sees them: right, up, depth."""
        return {name: self.view.project(point) for name, point in self.joints.items()}

    @cached_property
    def body(self) -> list[Cone]:
        """The cones of the body without its hair."""
        return body_cones(self.joints, self.rest, self.build, self.view)

    @cached_property
    def hairs(self) -> dict[Species, list[Cone]]:
        """The cones of mane and tail of each species."""
        return {species: hair_cones(self.joints, self.build, self.view, self.hair, species) for species in SPECIES}

    @cached_property
    def bounds(self) -> Bounds:
        """The box around the animal with the hair of either species."""
        ends = [
            (point[0], point[1], radius)
            for cone in (*self.body, *self.hairs["horse"], *self.hairs["zebra"])
            for point, radius in ((cone.start, cone.start_radius), (cone.end, cone.end_radius))
        ]
        return Bounds(
            left=min(x - radius for x, _, radius in ends),
            right=max(x + radius for x, _, radius in ends),
            bottom=min(y - radius for _, y, radius in ends),
            top=max(y + radius for _, y, radius in ends),
        )


def _above_ground(pose: Pose, build: Build) -> Pose:
    """Raise the neck until the muzzle is not in the ground: a long neck and a low one are drawn independently."""
    while place_joints(pose, build)["head.nose"][1] < MUZZLE_HEIGHT:
        pose = replace(pose, neck=pose.neck + 0.004)
    return pose


def draw_figure(draw: Draw, pitch: float) -> Figure:
    """Draw the shape of one animal.

    Args:
        draw: A stream of its own.
        pitch: Turns by which the viewer looks down.
    """
    pose, build, hair = draw_pose(draw), draw_build(draw), draw_hair(draw)
    return Figure(_above_ground(pose, build), build, hair, View(yaw=draw.between(-0.095, 0.085), pitch=pitch))
