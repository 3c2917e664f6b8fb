"""Mane and tail: the only parts whose shape differs between a horse and a zebra."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from gantk_quadrupeds.anatomy import Build, Joints, Point
from gantk_quadrupeds.body import View
from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.shapes import Cone, Kind

Species = Literal["horse", "zebra"]

_LOCKS = 10


@dataclass(frozen=True)
class Hair:
    """How the hair of one animal falls.

    Args:
        near_side: Whether a horse's mane falls on the viewer's side of the neck.
        length: Length of a horse's mane, body units.
        fullness: Thickness of a horse's tail; 1 is average.
        disorder: One number in [0, 1) for each lock.
    """

    near_side: bool
    length: float
    fullness: float
    disorder: tuple[float, ...]


def draw_hair(draw: Draw) -> Hair:
    """Draw how the hair of one animal falls."""
    near_side = draw.unit() < 0.6
    length, fullness = draw.between(0.15, 0.25), draw.between(0.8, 1.2)
    return Hair(near_side, length, fullness, tuple(draw.unit() for _ in range(_LOCKS)))


def _between(first: Point, second: Point, share: float) -> Point:
    return (
        first[0] + share * (second[0] - first[0]),
        first[1] + share * (second[1] - first[1]),
        first[2] + share * (second[2] - first[2]),
    )


def _crest(joints: Joints, build: Build, lift: float) -> tuple[Point, Point, Point]:
    """Return three points along the upper edge of the neck, `lift` above it: withers, middle, poll."""

    def above(first: str, second: str, share: float, radius: float) -> Point:
        start, end = joints[first], joints[second]
        dx, dy = end[0] - start[0], end[1] - start[1]
        scale = (radius * build.girth + lift) / max(math.sqrt(dx * dx + dy * dy), 1e-6)
        x, y, z = _between(start, end, share)
        return x - dy * scale, y + dx * scale, z

    return (
        above("neck.base", "neck.middle", 0.25, 0.172),
        above("neck.base", "neck.poll", 0.51, 0.122),
        above("neck.middle", "neck.poll", 1.0, 0.074),
    )


def _strand(
    view: View, start: Point, end: Point, radii: tuple[float, float], kind: Kind, name: str, shift: float, ragged: float
) -> Cone:
    # Hair is painted along and across its own strands, in body units.
    across, up, deep = end[0] - start[0], end[1] - start[1], end[2] - start[2]
    length = math.sqrt(across * across + up * up + deep * deep)
    return Cone(
        start=view.project(start),
        end=view.project(end),
        start_radius=radii[0],
        end_radius=radii[1],
        rest_start=(0.0, shift),
        rest_end=(length, shift),
        kind=kind,
        name=name,
        blend=0.008,
        ragged=ragged,
    )


def _horse_mane(joints: Joints, build: Build, view: View, hair: Hair) -> list[Cone]:
    withers, middle, poll = _crest(joints, build, 0.0)
    cones = [
        _strand(view, withers, middle, (0.020, 0.032), Kind.MANE, "mane.lower", 0.0, 0.15),
        _strand(view, middle, poll, (0.032, 0.034), Kind.MANE, "mane.upper", 0.0, 0.15),
    ]
    side = 1.0 if hair.near_side else -1.0
    for number, disorder in enumerate(hair.disorder):
        share = 0.08 + 0.92 * (number + 0.5) / _LOCKS
        root = _between(withers, middle, 2 * share) if share < 0.5 else _between(middle, poll, 2 * share - 1)
        fall = hair.length * (0.75 + 0.5 * disorder) * (0.55 + 0.45 * share)
        # The locks lie on the round of the neck: just outside its radius where they end.
        radius = (0.165 - 0.085 * share) * build.girth
        # Hair falls down, and across the neck where the neck itself hangs.
        across = (poll[1] - withers[1], withers[0] - poll[0])
        scale = 0.55 * fall / max(math.sqrt(across[0] * across[0] + across[1] * across[1]), 1e-6)
        tip = (
            root[0] + scale * across[0] + 0.07 * (disorder - 0.5),
            root[1] + scale * across[1] - 0.5 * fall,
            root[2] + (1.12 * radius + 0.02) * side,
        )
        root = (root[0], root[1] - 0.010, root[2] + (0.6 * radius + 0.02) * side)
        cones.append(_strand(view, root, tip, (0.052, 0.010), Kind.MANE, "mane.lock", 0.31 * number, 0.0))
    cranium, face = joints["head.cranium"], joints["head.face"]
    brow = (poll[0] + 0.03, poll[1] + 0.005, poll[2])
    tip = (
        0.45 * cranium[0] + 0.55 * face[0] + 0.055,
        0.45 * cranium[1] + 0.55 * face[1] + 0.035,
        0.45 * cranium[2] + 0.55 * face[2] + 0.02,
    )
    cones.append(_strand(view, brow, tip, (0.026, 0.008), Kind.MANE, "mane.forelock", 0.7, 0.0))
    return cones


def _zebra_mane(joints: Joints, build: Build, view: View) -> list[Cone]:
    withers, middle, poll = _crest(joints, build, 0.010)
    cranium = joints["head.cranium"]
    brow = (poll[0] + 0.6 * (cranium[0] - joints["neck.poll"][0]) + 0.02, poll[1] + 0.012, poll[2])
    return [
        _strand(view, withers, middle, (0.016, 0.046), Kind.MANE, "mane.lower", 0.0, 0.18),
        _strand(view, middle, poll, (0.046, 0.044), Kind.MANE, "mane.upper", 0.0, 0.18),
        _strand(view, poll, brow, (0.044, 0.026), Kind.MANE, "mane.brow", 0.0, 0.18),
    ]


_TAIL_RADII: dict[Species, tuple[float, ...]] = {
    "horse": (0.034, 0.044, 0.058, 0.064, 0.052, 0.010),
    "zebra": (0.032, 0.024, 0.020, 0.020, 0.038, 0.008),
}


def _tail(joints: Joints, view: View, hair: Hair, species: Species) -> list[Cone]:
    radii = _TAIL_RADII[species]
    if species == "horse":
        radii = (radii[0], *(radius * hair.fullness for radius in radii[1:]))
    return [
        _strand(
            view,
            joints[f"tail.{number}"],
            joints[f"tail.{number + 1}"],
            (radii[number], radii[number + 1]),
            Kind.TAIL,
            f"tail.{number}",
            0.0,
            0.16 if species == "horse" or number > 2 else 0.0,
        )
        for number in range(5)
    ]


def hair_cones(joints: Joints, build: Build, view: View, hair: Hair, species: Species) -> list[Cone]:
    """Return the cones of mane and tail of one species, in the order in which they join the body."""
    mane = _horse_mane(joints, build, view, hair) if species == "horse" else _zebra_mane(joints, build, view)
    return _tail(joints, view, hair, species) + mane
