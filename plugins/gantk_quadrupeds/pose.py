"""Poses: what an animal does with its legs, neck, head and tail, drawn at random.

Angles are turns (1 = 360°) above the horizontal, lengths are body units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.portable import sine

LEGS = ("left_fore", "right_fore", "left_hind", "right_hind")


@dataclass(frozen=True)
class LegPose:
    """One foot: how far in front of its resting place, how high, and how far the hoof is folded back (turns)."""

    forward: float = 0.0
    lift: float = 0.0
    fold: float = 0.0


@dataclass(frozen=True)
class Pose:
    """A whole animal. The defaults are the rest pose, in which the coat is painted."""

    legs: tuple[LegPose, LegPose, LegPose, LegPose] = (LegPose(), LegPose(), LegPose(), LegPose())
    neck: float = 0.135
    "Angle of the lower half of the neck."
    crest: float = 0.0
    "Bend of the upper half against the lower; positive bends it down."
    head: float = -0.14
    "Angle of the face, from the poll to the muzzle."
    turn: float = 0.0
    "How far the neck is turned towards the viewer."
    tail: float = 0.0
    "How far the tail swings back."


def _step(phase: float, stride: float, lift: float, duty: float) -> LegPose:
    """Return a foot at a phase of the gait: on the ground going back for `duty`, then swinging forward."""
    phase = phase % 1.0
    if phase < duty:
        return LegPose(forward=stride * (0.5 - phase / duty))
    swing = (phase - duty) / (1.0 - duty)
    height = sine(0.5 * swing)
    return LegPose(forward=stride * (swing - 0.5), lift=lift * height, fold=0.16 * height * (1.0 - 0.5 * swing))


def _moving(draw: Draw, offsets: tuple[float, ...], stride: float, lift: float, duty: float) -> tuple[LegPose, ...]:
    phase = draw.unit()
    return tuple(_step(phase + offset, stride, lift, duty) for offset in offsets)


def _standing(draw: Draw, spread: float) -> tuple[LegPose, ...]:
    feet = [LegPose(forward=draw.between(-spread, spread)) for _ in LEGS]
    if draw.chance(0.2):  # one hind leg at rest, on the tip of its hoof
        feet[2 if draw.unit() < 0.5 else 3] = LegPose(forward=draw.between(0.04, 0.1), lift=0.035, fold=0.07)
    return tuple(feet)


def draw_pose(draw: Draw) -> Pose:
    """Draw a pose: walking, standing, grazing or trotting."""
    gaits: list[tuple[float, Literal["walk", "stand", "graze", "trot"]]] = [
        (0.38, "walk"),
        (0.32, "stand"),
        (0.20, "graze"),
        (0.10, "trot"),
    ]
    gait = draw.choose(gaits)
    turn = draw.between(-0.25, 0.4)
    if gait == "walk":
        # Lateral sequence: left hind, left fore, right hind, right fore.
        legs = _moving(draw, (0.75, 0.25, 0.0, 0.5), draw.between(0.26, 0.4), draw.between(0.06, 0.11), 0.64)
        neck, crest, head = draw.between(0.06, 0.14), draw.between(-0.01, 0.04), draw.between(-0.16, -0.09)
        tail = draw.between(0.0, 0.09)
    elif gait == "trot":
        legs = _moving(draw, (0.0, 0.5, 0.5, 0.0), draw.between(0.36, 0.48), draw.between(0.12, 0.18), 0.5)
        neck, crest, head = draw.between(0.11, 0.16), draw.between(-0.01, 0.03), draw.between(-0.17, -0.12)
        tail = draw.between(0.08, 0.2)
    elif gait == "graze":
        legs = _standing(draw, 0.13)
        neck, crest, head = draw.between(-0.105, -0.085), draw.between(0.02, 0.05), draw.between(-0.21, -0.17)
        tail = draw.between(-0.02, 0.05)
        turn *= 0.6
    else:
        legs = _standing(draw, 0.06)
        neck, crest, head = draw.between(0.09, 0.17), draw.between(-0.015, 0.03), draw.between(-0.17, -0.1)
        tail = draw.between(-0.03, 0.06)
    first, second, third, fourth = legs
    return Pose((first, second, third, fourth), neck, crest, head, turn, tail)
