"""The coat of a horse: a body colour, dark points, mane and tail, white socks and a blaze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.light import Colour, column, linear
from gantk_quadrupeds.noise import point_noise
from gantk_quadrupeds.portable import mix, smoothstep
from gantk_quadrupeds.shapes import Kind
from gantk_quadrupeds.skin import Skin

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HorseCoat:
    """The coat of one horse; colours are linear light.

    Args:
        body: Colour of the trunk.
        belly: Colour of the underside.
        points: Colour of the lower legs and the muzzle.
        mane: Colour of mane and tail.
        socks: Height of the white of each leg in the order of `LEGS`; 0 without.
        blaze: Half the width of the white on the face, body units; 0 without.
        dapples: Strength of the rings of a grey coat.
        gloss: Strength of the highlight.
        lattice: Noise of the coat (16, 16).
    """

    body: Colour
    belly: Colour
    points: Colour
    mane: Colour
    socks: tuple[float, float, float, float]
    blaze: float
    dapples: float
    gloss: float
    lattice: Array


_BLACK = linear(0.14, 0.115, 0.105)


def draw_horse_coat(draw: Draw) -> HorseCoat:
    """Draw a coat: bay, chestnut, dark brown, buckskin, palomino or grey; browns dominate."""
    kind = draw.choose(
        [(0.38, "bay"), (0.27, "chestnut"), (0.16, "dark"), (0.06, "buckskin"), (0.07, "palomino"), (0.06, "grey")]
    )
    tone = draw.between(0.88, 1.12)
    dapples = 0.0
    if kind == "bay":
        body, points, mane = linear(0.52, 0.30, 0.17), _BLACK, _BLACK
    elif kind == "chestnut":
        body = linear(0.62, 0.34, 0.18)
        points = linear(0.52, 0.27, 0.15)
        mane = linear(0.82, 0.68, 0.48) if draw.chance(0.35) else linear(0.48, 0.24, 0.13)
    elif kind == "dark":
        body, points, mane = linear(0.31, 0.20, 0.15), _BLACK, _BLACK
    elif kind == "buckskin":
        body, points, mane = linear(0.73, 0.56, 0.34), linear(0.20, 0.15, 0.12), linear(0.16, 0.12, 0.10)
    elif kind == "palomino":
        body, points, mane = linear(0.80, 0.60, 0.32), linear(0.78, 0.62, 0.40), linear(0.93, 0.87, 0.74)
    else:
        body, points, mane = linear(0.70, 0.69, 0.68), linear(0.36, 0.35, 0.36), linear(0.42, 0.41, 0.42)
        dapples = draw.between(0.2, 0.6)
    heights = [draw.between(0.14, 0.30) if draw.chance(0.28) else 0.0 for _ in range(4)]
    blaze = draw.between(0.018, 0.034) if draw.chance(0.45) else 0.0
    scaled = (body[0] * tone, body[1] * tone, body[2] * tone)
    return HorseCoat(
        body=scaled,
        belly=(scaled[0] * 1.10, scaled[1] * 1.16, scaled[2] * 1.2),
        points=points,
        mane=mane,
        socks=(heights[0], heights[1], heights[2], heights[3]),
        blaze=blaze,
        dapples=dapples,
        gloss=draw.between(0.03, 0.11),
        lattice=draw.units(16, 16),
    )


def paint_horse(coat: HorseCoat, skin: Skin) -> tuple[Array, Array]:
    """Return the albedo (3, n) and the gloss (n,) of the seen pixels of a horse."""
    under = smoothstep(0.64, 0.50, skin.rest_y) * skin.of(Kind.BODY)
    albedo = mix(column(coat.body), column(coat.belly), under)

    # The legs darken downwards from above the knee and the hock; the muzzle from the nose down.
    dark = smoothstep(0.56, 0.36, skin.rest_y) * skin.of(Kind.LIMB)
    dark = np.maximum(dark, 0.8 * smoothstep(0.26, 0.37, skin.face_along) * skin.of(Kind.HEAD))
    dark = np.maximum(dark, 0.45 * skin.of(Kind.EAR))
    albedo = mix(albedo, column(coat.points), dark)

    patches = point_noise(coat.lattice, skin.rest_x * 9.0 + 40.0, skin.rest_y * 9.0)
    albedo *= 0.90 + 0.20 * patches
    if coat.dapples:
        spots = point_noise(coat.lattice, skin.rest_x * 26.0 + 40.0, skin.rest_y * 26.0)
        rings = smoothstep(0.55, 0.80, spots) * skin.of(Kind.BODY)
        albedo *= 1.0 - 0.30 * coat.dapples + 0.55 * coat.dapples * rings

    white = np.array(linear(0.93, 0.91, 0.88)).reshape(3, 1)
    height = np.array((*coat.socks, 0.0))[skin.leg]
    sock = smoothstep(0.0, -0.03, skin.rest_y - height) * (height > 0) * skin.of(Kind.LIMB)
    if coat.blaze:
        edge = skin.face_front - (0.036 - coat.blaze)
        sock = np.maximum(
            sock, smoothstep(0.0, 0.012, edge) * smoothstep(0.03, 0.07, skin.face_along) * skin.of(Kind.HEAD)
        )
    albedo = mix(albedo, white, sock)

    strands = 0.72 + 0.56 * point_noise(coat.lattice, skin.rest_x * 5.0, skin.rest_y * 150.0 + 31.0)
    hair = np.maximum(skin.of(Kind.MANE), skin.of(Kind.TAIL))
    albedo = mix(albedo, column(coat.mane) * strands, hair)
    albedo = mix(albedo, column(linear(0.25, 0.21, 0.18)), skin.of(Kind.HOOF))
    gloss = coat.gloss * (1.0 - 0.6 * hair)
    return albedo, gloss
