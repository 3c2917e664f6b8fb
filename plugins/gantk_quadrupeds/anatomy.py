"""The skeleton of a horse: joints from a pose and the proportions of one animal.

Body units: 1 is the height at the withers. x to the front, y up from the ground, z towards
the viewer. Animals are built facing right and mirrored later, so the side called left here is the near one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.portable import cosine, sine
from gantk_quadrupeds.pose import LEGS, LegPose, Pose

Point = tuple[float, float, float]
Joints = dict[str, Point]


@dataclass(frozen=True)
class Build:
    """Proportions of one animal; 1 is average."""

    girth: float = 1.0
    "Depth of the trunk."
    bone: float = 1.0
    "Thickness of the legs."
    neck: float = 1.0
    "Length of the neck."
    head: float = 1.0
    "Length of the head."


def draw_build(draw: Draw) -> Build:
    """Draw the proportions of one animal."""
    return Build(
        girth=draw.between(0.93, 1.07),
        bone=draw.between(0.92, 1.12),
        neck=draw.between(0.94, 1.06),
        head=draw.between(0.94, 1.06),
    )


def _bend(upper: Point, lower: Point, upper_length: float, lower_length: float, forward: float) -> Point:
    """Return the joint between two bones whose ends are given, bent to the front (1) or the back (-1)."""
    dx, dy = lower[0] - upper[0], lower[1] - upper[1]
    distance = max(math.sqrt(dx * dx + dy * dy), 1e-6)
    stretched = min(distance, 0.999 * (upper_length + lower_length))
    along = (upper_length * upper_length - lower_length * lower_length + stretched * stretched) / (2.0 * stretched)
    aside = math.sqrt(max(upper_length * upper_length - along * along, 0.0)) * forward
    share = along / stretched
    return (
        upper[0] + share * dx - aside * dy / distance,
        upper[1] + share * dy + aside * dx / distance,
        upper[2] + share * (lower[2] - upper[2]),
    )


def _foot(joints: Joints, leg: str, place: tuple[float, float], pose: LegPose, rest_angle: float) -> None:
    x, z = place
    angle = rest_angle - pose.fold
    forward, up = cosine(angle), sine(angle)
    fetlock = (x - 0.028 + pose.forward, 0.112 + pose.lift, z)
    coronet = (fetlock[0] + 0.070 * forward, fetlock[1] + 0.070 * up, z)
    joints[f"{leg}.fetlock"] = fetlock
    joints[f"{leg}.coronet"] = coronet
    joints[f"{leg}.toe"] = (coronet[0] + 0.038 * forward, coronet[1] + 0.038 * up, z)


def _fore_leg(joints: Joints, leg: str, z: float, pose: LegPose) -> None:
    swing = pose.forward
    joints[f"{leg}.scapula"] = (0.215, 0.865, 0.45 * z)
    joints[f"{leg}.shoulder"] = (0.352 + 0.10 * swing, 0.675, 0.8 * z)
    elbow = (0.262 + 0.20 * swing, 0.560 + 0.10 * pose.lift, z)
    joints[f"{leg}.elbow"] = elbow
    _foot(joints, leg, (0.290, 0.9 * z), pose, -0.158)
    joints[f"{leg}.knee"] = _bend(elbow, joints[f"{leg}.fetlock"], 0.248, 0.212, 1.0)


def _hind_leg(joints: Joints, leg: str, z: float, pose: LegPose) -> None:
    swing = pose.forward
    joints[f"{leg}.hip"] = (-0.315 + 0.05 * swing, 0.775, 0.8 * z)
    joints[f"{leg}.buttock"] = (-0.437, 0.770, 0.7 * z)
    stifle = (-0.215 + 0.28 * swing, 0.575 + 0.25 * pose.lift, 1.12 * z)
    joints[f"{leg}.stifle"] = stifle
    _foot(joints, leg, (-0.415, z), pose, -0.150)
    hock = _bend(stifle, joints[f"{leg}.fetlock"], 0.285, 0.268, -1.0)
    joints[f"{leg}.hock"] = hock
    joints[f"{leg}.ham"] = (0.5 * (stifle[0] + hock[0]) - 0.075, 0.5 * (stifle[1] + hock[1]) + 0.075, z)


def _neck_and_head(joints: Joints, pose: Pose, build: Build) -> None:
    base = (0.285, 0.790, 0.0)
    lower, upper = 0.295 * build.neck, 0.285 * build.neck
    side = sine(0.16 * pose.turn)
    plan = cosine(0.16 * pose.turn)
    angle = pose.neck
    middle = (base[0] + lower * cosine(angle) * plan, base[1] + lower * sine(angle), lower * side)
    angle = pose.neck - pose.crest
    poll = (
        middle[0] + upper * cosine(angle) * plan,
        middle[1] + upper * sine(angle),
        middle[2] + upper * side * 1.2,
    )
    joints["neck.base"], joints["neck.middle"], joints["neck.poll"] = base, middle, poll

    side, plan = sine(0.22 * pose.turn), cosine(0.22 * pose.turn)
    face_x, face_y = cosine(pose.head), sine(pose.head)

    def place(down: float, front: float, left: float = 0.0) -> Point:
        """Return the point `down` the face from the poll, `front` of its axis, `left` of its middle plane."""
        down, front, left = down * build.head, front * build.head, left * build.head
        ahead = down * face_x - front * face_y
        return (
            poll[0] + ahead * plan - left * side,
            poll[1] + down * face_y + front * face_x,
            poll[2] + ahead * side + left * plan,
        )

    joints["head.cranium"] = place(0.045, -0.010)
    joints["head.cheek"] = place(0.120, -0.050)
    joints["head.face"] = place(0.240, -0.006)
    joints["head.nose"] = place(0.345, -0.004)
    joints["head.chin"] = place(0.350, -0.036)
    for name, left in (("left", 1.0), ("right", -1.0)):
        joints[f"head.{name}_eye"] = place(0.112, 0.030, 0.062 * left)
        joints[f"head.{name}_nostril"] = place(0.366, 0.014, 0.034 * left)
        joints[f"{name}_ear.base"] = place(-0.012, 0.056, 0.036 * left)
        joints[f"{name}_ear.middle"] = place(-0.060, 0.098, 0.052 * left)
        joints[f"{name}_ear.tip"] = place(-0.108, 0.122, 0.052 * left)


def _tail(joints: Joints, swing: float) -> None:
    x, y = -0.462, 0.880
    angle = -0.10 + 0.6 * swing
    joints["tail.0"] = (x, y, 0.0)
    for number in range(1, 6):
        length = 0.075 if number == 1 else 0.130
        x, y = x - length * cosine(angle), y + length * sine(angle)
        joints[f"tail.{number}"] = (x, y, 0.0)
        angle = angle + (-0.245 + 0.35 * swing - angle) * 0.7


def place_joints(pose: Pose, build: Build) -> Joints:
    """Return every joint of an animal that faces right, by name: (x, y, z) in body units."""
    joints: Joints = {
        "trunk.chest": (0.330, 0.700, 0.0),
        "trunk.girth": (0.205, 0.752, 0.0),
        "trunk.barrel": (-0.040, 0.752, 0.0),
        "trunk.loin": (-0.235, 0.782, 0.0),
        "trunk.croup": (-0.360, 0.778, 0.0),
        "trunk.withers": (0.205, 0.925, 0.0),
        "trunk.back": (0.040, 0.880, 0.0),
    }
    _neck_and_head(joints, pose, build)
    _tail(joints, pose.tail)
    for leg, foot in zip(LEGS, pose.legs, strict=True):
        z = 0.105 if leg.startswith("left") else -0.105
        (_fore_leg if leg.endswith("fore") else _hind_leg)(joints, leg, z, foot)
    return joints
