"""The coat of a zebra: black stripes on white that follow the body.

The stripe coordinate counts stripes. On trunk, haunch and thigh it is a field of the rest pose: upright
stripes that fan out around a pivot before the stifle until they lie flat on the rump; on neck, head and
lower legs it runs along the part, so that stripes ring it. A wave of the coordinate is computed for each part
and blended where parts melt into each other, which makes the forks that real stripes have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.light import column, linear
from gantk_quadrupeds.noise import point_noise
from gantk_quadrupeds.portable import mix, smoothstep, wave
from gantk_quadrupeds.shapes import Cone, Kind, PartPixels
from gantk_quadrupeds.skin import Skin

Array = NDArray[np.float64]

_PIVOT_X, _PIVOT_Y = -0.085, 0.440
_FAN_RADIUS = 0.43
"""The distance from the pivot at which the stripes of the fan are as wide as on the trunk."""


@dataclass(frozen=True)
class ZebraCoat:
    """The coat of one zebra.

    Args:
        width: Length of one black and one white stripe on the trunk, body units.
        phase: Where the stripes start.
        black: Balance of black and white; 0 is half and half.
        slant: How far the stripes of the trunk lean.
        wobble: How uneven the stripes are, in stripes.
        cream: Warmth of the white, 0 … 1.
        lattice: Noise of the coat (16, 16).
    """

    width: float
    phase: float
    black: float
    slant: float
    wobble: float
    cream: float
    lattice: Array


def draw_zebra_coat(draw: Draw) -> ZebraCoat:
    """Draw a coat."""
    return ZebraCoat(
        width=draw.between(0.100, 0.132),
        phase=draw.unit(),
        black=draw.between(-0.12, 0.22),
        slant=draw.between(-0.10, 0.12),
        wobble=draw.between(0.12, 0.30),
        cream=draw.between(0.0, 1.0),
        lattice=draw.units(16, 16),
    )


def _trunk(coat: ZebraCoat, x: Array, y: Array) -> Array:
    """Return the stripe coordinate of trunk, haunch and thigh at rest coordinates."""
    back, up = _PIVOT_X - x, y - _PIVOT_Y
    behind = np.maximum(back, 0.0)
    # A quarter turn from 0 to 1 by a ratio instead of an arctangent; the next quarter likewise.
    quarter = behind / np.maximum(behind + np.abs(up), 1e-6)
    quarter = np.where(up >= 0.0, quarter, 2.0 - quarter)
    fan = quarter * (1.5708 * _FAN_RADIUS)
    ahead = np.maximum(-back, 0.0) * (1.0 - coat.slant * (up - 0.3))
    # Ahead of the pivot, below it, there is only belly.
    return np.where(back > 0.0, -fan, ahead) / coat.width


_RINGS = {
    # part: (stripe coordinate at its start, at its end), in body units of stripe width on the trunk
    "neck.base>middle": (0.37, 0.74),
    "neck.middle>poll": (0.74, 1.12),
    "head.cranium>face": (1.16, 1.62),
    "head.cheek>chin": (1.28, 1.80),
    "head.face>nose": (1.62, 1.90),
    "mane.lower": (0.37, 0.74),
    "mane.upper": (0.74, 1.12),
    "mane.brow": (1.12, 1.28),
    "tail.0": (0.0, 0.14),
    "tail.1": (0.14, 0.42),
    "tail.2": (0.42, 0.68),
    "fore.elbow>knee": (0.0, 0.44),
    "fore.knee>fetlock": (0.44, 0.86),
    "fore.fetlock>coronet": (0.86, 1.0),
    "hind.hock>fetlock": (0.0, 0.50),
    "hind.fetlock>coronet": (0.50, 0.66),
}


class StripePattern:
    """The stripe wave of a coat on every part: -1 is the middle of a white stripe, 1 of a black one."""

    def __init__(self, coat: ZebraCoat) -> None:
        self._coat = coat

    def __call__(self, cone: Cone, pixels: PartPixels) -> Array:
        coat = self._coat
        name = cone.name.removeprefix("left_").removeprefix("right_")
        if name in _RINGS:
            first, last = _RINGS[name]
            ring = (first + (last - first) * pixels.along) / coat.width
            if cone.kind is not Kind.MANE:
                # Rings sag a little where they come around the edge, and are not quite even.
                ring = ring + 0.35 * pixels.around * pixels.around + 0.15 * wave(0.8 * pixels.along + 3.0 * coat.phase)
            return wave(ring + coat.phase)
        if cone.kind in (Kind.BODY, Kind.LIMB):
            wobble = wave(1.9 * pixels.rest_y + 0.7 * pixels.rest_x + 5.0 * coat.phase)
            wobble = wobble + 0.6 * wave(2.6 * pixels.rest_x - 3.7 * pixels.rest_y + 9.0 * coat.phase)
            return wave(_trunk(coat, pixels.rest_x, pixels.rest_y) + coat.wobble * wobble + coat.phase)
        # The tuft of the tail is black; ears, hooves and the rest have colours of their own.
        return np.full_like(pixels.rest_x, 1.0 if cone.kind is Kind.TAIL else -1.0)


def paint_zebra(coat: ZebraCoat, skin: Skin) -> tuple[Array, Array]:
    """Return the albedo (3, n) and the gloss (n,) of the seen pixels of a zebra."""
    patches = point_noise(coat.lattice, skin.rest_x * 7.0 + 40.0, skin.rest_y * 7.0)
    belly = smoothstep(0.62, 0.53, skin.rest_y) * skin.of(Kind.BODY)
    black = smoothstep(-0.22, 0.22, skin.stripe + coat.black - 0.25 + 0.3 * patches - 1.1 * belly)

    black = np.maximum(black, smoothstep(0.315, 0.355, skin.face_along) * skin.of(Kind.HEAD))
    ear_tip = smoothstep(0.075, 0.100, -skin.face_along) * skin.of(Kind.EAR)
    black = np.maximum(black, ear_tip)

    warm = mix(column(linear(0.93, 0.92, 0.90)), column(linear(0.93, 0.87, 0.77)), coat.cream)
    white = warm * (0.93 + 0.14 * patches)
    dark = column(linear(0.13, 0.115, 0.11))
    albedo = mix(white, dark, black)
    albedo = mix(albedo, column(linear(0.22, 0.20, 0.19)), skin.of(Kind.HOOF))

    hair = np.maximum(skin.of(Kind.MANE), skin.of(Kind.TAIL))
    strands = 0.80 + 0.40 * point_noise(coat.lattice, skin.rest_x * 5.0, skin.rest_y * 150.0 + 31.0)
    albedo = albedo * mix(1.0, strands, hair)
    return albedo, 0.03 * (1.0 - 0.5 * hair)
