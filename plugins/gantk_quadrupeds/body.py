"""From joints to the cones of a body, as one viewer sees them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from gantk_quadrupeds.anatomy import Build, Joints, Point
from gantk_quadrupeds.portable import cosine, sine
from gantk_quadrupeds.shapes import FAR, Cone, Kind


@dataclass(frozen=True)
class View:
    """From where an animal is seen.

    Args:
        yaw: Turns about the vertical; positive shows more of the rear, negative more of the front.
        pitch: Turns by which the viewer looks down.
    """

    yaw: float
    pitch: float

    @cached_property
    def _turns(self) -> tuple[float, float, float, float]:
        return cosine(self.yaw), sine(self.yaw), cosine(self.pitch), sine(self.pitch)

    def project(self, point: Point) -> Point:
        """Return (right, up, depth) of a point in body units; the ground below the origin stays at 0."""
        x, y, z = point
        yaw_cosine, yaw_sine, pitch_cosine, pitch_sine = self._turns
        right, depth = x * yaw_cosine + z * yaw_sine, z * yaw_cosine - x * yaw_sine
        return right, y * pitch_cosine - depth * pitch_sine, depth * pitch_cosine + y * pitch_sine


@dataclass(frozen=True)
class _Part:
    """A part of the body: two joints, two radii, what it is made of and how softly it joins the rest."""

    start: str
    end: str
    start_radius: float
    end_radius: float
    kind: Kind
    blend: float


_TRUNK = (
    _Part("trunk.girth", "trunk.barrel", 0.228, 0.214, Kind.BODY, 0.05),
    _Part("trunk.barrel", "trunk.loin", 0.214, 0.180, Kind.BODY, 0.05),
    _Part("trunk.loin", "trunk.croup", 0.180, 0.152, Kind.BODY, 0.05),
    _Part("trunk.girth", "trunk.chest", 0.228, 0.165, Kind.BODY, 0.05),
    _Part("trunk.withers", "trunk.back", 0.072, 0.070, Kind.BODY, 0.05),
    _Part("neck.base", "neck.middle", 0.190, 0.122, Kind.BODY, 0.06),
    _Part("neck.middle", "neck.poll", 0.122, 0.082, Kind.BODY, 0.03),
)
_HEAD = (
    _Part("head.cranium", "head.face", 0.074, 0.056, Kind.HEAD, 0.02),
    _Part("head.cheek", "head.chin", 0.080, 0.030, Kind.HEAD, 0.02),
    _Part("head.face", "head.nose", 0.056, 0.047, Kind.HEAD, 0.02),
)
_EAR = (
    _Part("{}_ear.base", "{}_ear.middle", 0.019, 0.024, Kind.EAR, 0.008),
    _Part("{}_ear.middle", "{}_ear.tip", 0.024, 0.004, Kind.EAR, 0.006),
)
_FORE_LEG = (
    _Part("{}.scapula", "{}.shoulder", 0.085, 0.098, Kind.BODY, 0.08),
    _Part("{}.shoulder", "{}.elbow", 0.094, 0.072, Kind.BODY, 0.08),
    _Part("{}.elbow", "{}.knee", 0.070, 0.039, Kind.LIMB, 0.055),
    _Part("{}.knee", "{}.fetlock", 0.037, 0.027, Kind.LIMB, 0.012),
)
_HIND_LEG = (
    _Part("{}.hip", "{}.buttock", 0.145, 0.085, Kind.BODY, 0.07),
    _Part("{}.hip", "{}.stifle", 0.145, 0.100, Kind.BODY, 0.06),
    _Part("{}.buttock", "{}.ham", 0.085, 0.064, Kind.BODY, 0.06),
    _Part("{}.stifle", "{}.hock", 0.093, 0.042, Kind.LIMB, 0.055),
    _Part("{}.hock", "{}.fetlock", 0.040, 0.029, Kind.LIMB, 0.012),
)
_FOOT = (
    _Part("{}.fetlock", "{}.coronet", 0.035, 0.029, Kind.LIMB, 0.010),
    _Part("{}.coronet", "{}.toe", 0.033, 0.046, Kind.HOOF, 0.005),
)


def _named(parts: Iterable[_Part], name: str) -> list[_Part]:
    return [replace(part, start=part.start.format(name), end=part.end.format(name)) for part in parts]


_PARTS = (
    # From near to far, as what is hidden when it is added costs little.
    *_TRUNK,
    *_HEAD,
    *_named(_EAR, "left"),
    *_named(_FORE_LEG + _FOOT, "left_fore"),
    *_named(_HIND_LEG + _FOOT, "left_hind"),
    *_named(_FORE_LEG + _FOOT, "right_fore"),
    *_named(_HIND_LEG + _FOOT, "right_hind"),
    *_named(_EAR, "right"),
)


def _thickness(part: _Part, build: Build) -> float:
    """Return the factor of a part's radii that the proportions of one animal give."""
    if part.start.startswith(("trunk.", "neck.")):
        return build.girth
    if part.kind is Kind.EAR:
        return 1.0
    return build.head if part.kind is Kind.HEAD else build.bone


def body_cones(joints: Joints, rest: Joints, build: Build, view: View) -> list[Cone]:
    """Return the cones of an animal without its hair, in the order in which they are joined.

    Args:
        joints: Joints of the pose.
        rest: Joints of the rest pose of the same build.
        build: Proportions.
        view: From where it is seen.
    """
    seen = {name: view.project(point) for name, point in joints.items()}
    cones = []
    for part in _PARTS:
        thickness = _thickness(part, build)
        start, end = seen[part.start], seen[part.end]
        floor = -FAR
        if part.kind is Kind.HOOF:
            x, _, z = joints[part.end]
            floor = view.project((x, 0.0, z))[1]
        cones.append(
            Cone(
                start=start,
                end=end,
                start_radius=part.start_radius * thickness,
                end_radius=part.end_radius * thickness,
                rest_start=rest[part.start][:2],
                rest_end=rest[part.end][:2],
                kind=part.kind,
                name=f"{part.start}>{part.end.split('.')[-1]}",
                start_joint=part.start,
                end_joint=part.end,
                blend=part.blend,
                floor=floor,
            )
        )
    return cones
