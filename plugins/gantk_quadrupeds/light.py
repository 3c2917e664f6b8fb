"""The light of a scene, and how a surface takes it.

Colours are linear light; `linear` makes them from display values with gamma 2, whose inverse is a
square root and so the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gantk_quadrupeds.draw import Draw

Array = NDArray[np.float64]
Colour = tuple[float, float, float]


def linear(red: float, green: float, blue: float) -> Colour:
    """Return linear light of a display colour in [0, 1]."""
    return red * red, green * green, blue * blue


def column(colour: Colour) -> Array:
    """Return a colour as an array (3, 1) that broadcasts over pixels."""
    return np.array(colour).reshape(3, 1)


@dataclass(frozen=True)
class Light:
    """The light of a scene.

    Args:
        direction: Unit vector to the sun: right, up, towards the viewer.
        sun: Linear colour of direct light.
        sky: Linear colour of light from above.
        bounce: Linear colour of light from the ground.
        softness: Width of the shadow's edge, body units.
        warmth: 0 cool … 1 golden.
        haze: How much distance fades, 0 … 1.
        overcast: 0 clear … 1 grey sky.
    """

    direction: tuple[float, float, float]
    sun: Colour
    sky: Colour
    bounce: Colour
    softness: float
    warmth: float
    haze: float
    overcast: float

    def mirrored(self) -> Light:
        """Return the light as an animal sees it that is built facing right and shown facing left."""
        right, up, front = self.direction
        return replace(self, direction=(-right, up, front))


def draw_light(draw: Draw) -> Light:
    """Draw the light of a scene: clear noon, hazy, golden evening or overcast."""
    low, high, overcast = draw.choose(
        [(0.45, (0.2, 0.45, 0.0)), (0.2, (0.3, 0.5, 0.45)), (0.22, (0.7, 1.0, 0.1)), (0.13, (0.0, 0.3, 0.9))]
    )
    warmth = draw.between(low, high)
    right = draw.between(-0.8, 0.8)
    up = draw.between(0.75, 1.15) - 0.25 * warmth
    front = draw.between(0.15, 0.85)
    length = math.sqrt(right * right + up * up + front * front)
    brightness = draw.between(0.85, 1.15)
    strength = brightness * (1.02 - 0.62 * overcast)
    sun = (strength * (1.0 + 0.10 * warmth), strength * (0.97 - 0.10 * warmth), strength * (0.90 - 0.36 * warmth))
    fill = brightness * (0.34 + 0.30 * overcast)
    sky = (fill * (0.86 + 0.12 * warmth), fill * 0.96, fill * (1.12 - 0.20 * warmth))
    bounce = (fill * 0.66, fill * 0.62, fill * 0.34)
    return Light(
        direction=(right / length, up / length, front / length),
        sun=sun,
        sky=sky,
        bounce=bounce,
        softness=0.06 + 0.25 * overcast,
        warmth=warmth,
        haze=draw.between(0.25, 0.6) + 0.25 * overcast,
        overcast=overcast,
    )


def shade(albedo: Array, gloss: Array, occlusion: Array, normal: tuple[Array, Array], light: Light) -> Array:
    """Light a surface.

    Args:
        albedo: Linear colour (3, n).
        gloss: Strength of the highlight (n,), about 0 … 0.3.
        occlusion: Share of the light that reaches the surface (n,), 0 … 1.
        normal: Components of the unit normal to the right and up, each (n,).
        light: The light.

    Returns:
        Linear light (3, n).
    """
    normal_x, normal_y = normal
    normal_z = np.sqrt(np.maximum(1.0 - normal_x * normal_x - normal_y * normal_y, 0.0))
    right, up, front = light.direction
    facing = normal_x * right + normal_y * up + normal_z * front
    # Wrapped a little around the terminator, as short hair scatters light.
    diffuse = np.maximum(facing * 0.87 + 0.13, 0.0) * occlusion
    upward = 0.5 + 0.5 * normal_y
    half = math.sqrt(right * right + up * up + (front + 1.0) * (front + 1.0))
    shine = np.maximum((normal_x * right + normal_y * up + normal_z * (front + 1.0)) / half, 0.0)
    for _ in range(4):  # to the 16th power
        shine = shine * shine
    shine = shine * gloss * occlusion
    result = np.empty_like(albedo)
    for channel in range(3):
        ambient = (light.sky[channel] * upward + light.bounce[channel] * (1.0 - upward)) * (0.35 + 0.65 * occlusion)
        result[channel] = albedo[channel] * (ambient + light.sun[channel] * diffuse) + light.sun[channel] * shine
    return result
